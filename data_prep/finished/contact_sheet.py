"""A picture to judge masks by: rows of clips, some frames of each, objects painted over."""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFont

from data_prep.finished.clip_facts import ELIGIBLE, eligible_objects, splits_of
from data_prep.finished.mask_overlay import colour_of, fit, paint, places
from jepakit.counted import counted
from jepakit.data.schema import BadSample
from jepakit.data.shard_reader import ShardReader
from jepakit.evals.figures.frame_grid import pick_columns
from jepakit.evals.figures.style import INK, MUTED, PAPER

WIDTH = 1960  # pixels of the sheet
MARGIN, GAP, SPACE = 32, 6, 36  # around the sheet, between frames, between clips
HEADER, TITLE, TIMES = 96, 50, 22  # pixels: above all, above and below the frames of a clip
FRAMES = {1: 4, 2: 3}  # clips beside each other, by frames of a clip; two of longer ones
LARGEST = 930  # pixels, the width of a frame
NUMBER = 9.0  # free radius in pixels below which an id stands above its object


@dataclass(frozen=True)
class Cell:
    """What a sheet shows of a clip.

    Attributes:
        name: of the clip.
        note: what is known of it.
        frames: some of its frames.
        labels: of these.
        times: of these, as text.
        eligible: ids of objects that may be hidden.
    """

    name: str
    note: str
    frames: UInt8[ndarray, "t h w 3"]
    labels: UInt8[ndarray, "t h w"]
    times: tuple[str, ...]
    eligible: frozenset[int]


def read_cells(
    reader: ShardReader,
    numbers: Sequence[int],
    *,
    frames: int = 4,
    area: tuple[float, float] = ELIGIBLE,
) -> Iterator[Cell]:
    """Decode clips of a reader; damaged ones are passed over.

    Args:
        reader: of the data set.
        numbers: of the clips.
        frames: shown of each clip, spread over it.
        area: least and greatest share of the tokens of an eligible object.
    """
    splits = splits_of(reader)
    for number in numbers:
        try:
            with reader.open(number) as stored:
                meta, coverage = stored.meta, stored.coverage()
                shown = pick_columns(reader.form.frames, frames)
                pictures, labels = stored.frames()[shown], stored.labels()[shown]
        except BadSample:
            continue
        ids = np.flatnonzero(eligible_objects(coverage, area)) + 1
        note = f"{splits[number]}, {counted(len(coverage), 'object')}, {len(ids)} eligible"
        start = meta["times"][0]
        times = tuple(f"{meta['times'][frame] - start:.2f} s" for frame in shown)
        if reader.form.frames == 1:
            times = ("",)
        yield Cell(stored.key, note, pictures, labels, times, frozenset(ids.tolist()))


def contact_sheet(
    cells: Sequence[Cell], *, title: str, subtitle: str, area: tuple[float, float] = ELIGIBLE
) -> Image.Image:
    """Draw clips beside and below each other, in reading order.

    Args:
        cells: clips with equally many frames of one size; at least one.
        title: of the sheet.
        subtitle: below it.
        area: for the key.
    """
    frames, height, width = cells[0].labels.shape
    beside = min(len(cells), FRAMES.get(frames, 2))
    strip = min((WIDTH - 2 * MARGIN - (beside - 1) * SPACE) // beside, frames * LARGEST)
    wide = (strip - (frames - 1) * GAP) // frames
    tall = round(wide * height / width)
    below = TITLE + tall + (TIMES if cells[0].times[0] else 0) + SPACE // 2
    rows = math.ceil(len(cells) / beside)
    sheet = Image.new("RGB", (WIDTH, HEADER + MARGIN + rows * below + SPACE // 2), PAPER)
    _draw_header(sheet, title, subtitle, area)
    for number, cell in enumerate(cells):
        row, column = divmod(number, beside)
        corner = (MARGIN + column * (strip + SPACE), MARGIN + HEADER + row * below)
        _draw_clip(sheet, cell, corner, (wide, tall))
    return sheet


def _draw_header(sheet: Image.Image, title: str, subtitle: str, area: tuple[float, float]) -> None:
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN - 8), title, INK, _font(28, bold=True))
    pen.text((MARGIN, MARGIN + 32), subtitle, MUTED, _font(18))
    x, y = MARGIN, MARGIN + 62
    low, high = area
    for keyed, words in (
        (
            True,
            f"eligible: in {100 * low:g} to {100 * high:g} % of the clip's tokens, may be hidden",
        ),
        (False, "smaller or larger, never hidden"),
    ):
        swatch = np.full((22, 44, 3), 255, np.uint8)
        box = np.ones((22, 44), np.uint8)
        sheet.paste(Image.fromarray(paint(swatch, box, {1} if keyed else set())), (x, y))
        pen.text((x + 54, y + 11), words, INK, _font(18), anchor="lm")
        x += 54 + int(pen.textlength(words, _font(18))) + SPACE
    words = "numbers are ids of objects, colours stay with them over the frames"
    pen.text((x, y + 11), words, MUTED, _font(18), anchor="lm")


def _draw_clip(
    sheet: Image.Image, cell: Cell, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    pen = ImageDraw.Draw(sheet)
    left, top = corner
    wide, tall = size
    room = len(cell.frames) * (wide + GAP)
    letters = max(8, room // 11)
    pen.text((left, top), textwrap.shorten(cell.name, letters), INK, _font(18, bold=True))
    pen.text((left, top + 23), cell.note, MUTED, _font(17))
    for place, (frame, labels, time) in enumerate(
        zip(cell.frames, cell.labels, cell.times, strict=True)
    ):
        x, y = left + place * (wide + GAP), top + TITLE
        picture, ids = fit(frame, labels, wide, tall)
        sheet.paste(Image.fromarray(paint(picture, ids, cell.eligible)), (x, y))
        for identity, (column, row, radius) in places(ids).items():
            inside = row if radius >= NUMBER else max(row - int(radius) - 10, 10)
            _draw_id(pen, identity, (x + min(max(column, 8), wide - 8), y + inside))
        pen.text((x + wide // 2, y + tall + 3), time, MUTED, _font(15), anchor="ma")


def _draw_id(pen: ImageDraw.ImageDraw, identity: int, centre: tuple[int, int]) -> None:
    dark = tuple(value // 2 for value in colour_of(identity))
    pen.text(
        centre,
        str(identity),
        dark,
        _font(15, bold=True),
        stroke_width=2,
        stroke_fill="white",
        anchor="mm",
    )


@functools.cache
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / f"DejaVuSans{'-Bold' if bold else ''}.ttf", size)
