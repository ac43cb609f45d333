"""Contact sheets of images, their object and background masks, and what the encoder gets to see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy import ndimage

from jepakit.evals.figures.clips import frame_titles
from jepakit.evals.figures.frame_grid import FrameGrid, pick_columns
from jepakit.evals.figures.overlays import enlarge
from jepakit.evals.figures.style import BAND, INK, PALETTE, PAPER, styled
from jepakit.evals.repair.images.masked_images import MaskedImage
from jepakit.evals.repair.images.occlusion import OcclusionPair, Rectangle
from jepakit.evals.repair.images.pixel_fill import Fill, hidden_pixels, occluded

OBJECT, BACKGROUND = PALETTE[1], PALETTE[0]  # also the colours of their curves and bars
SIDE = 280  # least pixels of a picture's shorter side
VIEWS = ("image", "object", "background", "object hidden", "background hidden")
ROWS = ("object", "background", "without the object", "without the background")
ASPECT_NOTE = "Columns: width to height of the rectangle."

Frames = UInt8[np.ndarray, "t h w 3"]
Pixels = Bool[np.ndarray, "t h w"]


@styled
def mask_sheet(
    items: Sequence[MaskedImage],
    pairs: Sequence[OcclusionPair],
    *,
    fill: Fill = "black",
    caption: str = "",
    most: int = 8,
) -> Figure:
    """A row per item: the image, its two masks, and the image without either.

    Of a clip the frame is shown in which the object is largest. In the pictures of masks, hidden
    tokens are in colour inside a frame of orange (object) or blue (background), the rest is faded;
    a white line follows the object's outline.

    Args:
        items: as the encoder sees them.
        pairs: their masks.
        fill: what hidden pixels become.
        caption: text below.
        most: rows; more items are picked evenly.

    Raises:
        ValueError: no items, or not a pair for each.
    """
    if not items or len(items) != len(pairs):
        raise ValueError(f"A sheet needs a pair per item, got {len(items)} and {len(pairs)}.")
    picked = pick_columns(len(items), most).tolist()
    height, width = items[0].frames.shape[1:3]
    names = [items[number].label for number in picked]
    grid = FrameGrid(names, VIEWS, aspect=height / width, caption=caption)
    for row, number in enumerate(picked):
        item, pair = items[number], pairs[number]
        best = int(item.mask.sum(axis=(1, 2)).argmax())
        for axes, view in zip(grid.axes[row], _views(item, pair, fill), strict=True):
            _show(axes, view[best])
        tubelet = best * len(pair.object) // len(item.frames)
        _note(grid.axes[row][0], pair.object[tubelet])
    return grid.figure


@styled
def mask_strip(
    item: MaskedImage,
    pair: OcclusionPair,
    *,
    fill: Fill = "black",
    fps: float | None = None,
    caption: str = "",
    columns: int = 8,
) -> Figure:
    """The frames of a clip, below them its two masks and the clip without either."""
    picked = pick_columns(len(item.frames), columns)
    height, width = item.frames.shape[1:3]
    names, titles = (item.label, *ROWS), frame_titles(picked, fps)
    grid = FrameGrid(names, titles, aspect=height / width, caption=caption)
    for row, view in zip(grid.axes, _views(item, pair, fill), strict=True):
        for axes, picture in zip(row, view[picked], strict=True):
            _show(axes, picture)
    return grid.figure


@styled
def rectangle_sheet(
    frames: Frames,
    rectangles: Sequence[Rectangle],
    *,
    fill: Fill = "black",
    caption: str = ASPECT_NOTE,
) -> Figure:
    """One image behind every rectangle of a sweep: a row per area, a column per aspect.

    Raises:
        ValueError: no rectangles.
    """
    if not rectangles:
        raise ValueError("A sheet needs at least one rectangle.")
    areas = sorted({r.area for r in rectangles})
    aspects = sorted({r.aspect for r in rectangles})
    rows = [f"{area:.0%} of the tokens" for area in areas]
    columns = [f"{a:g} : 1" if a >= 1 else f"1 : {1 / a:g}" for a in aspects]
    aspect = frames.shape[1] / frames.shape[2]
    grid = FrameGrid(rows, columns, aspect=aspect, caption=caption)
    rng = np.random.default_rng(0)  # of noise, for the picture only
    for axes in (axes for row in grid.axes for axes in row):
        axes.set_facecolor(BAND)  # of rectangles that do not fit
    for r in rectangles:
        axes = grid.axes[areas.index(r.area)][aspects.index(r.aspect)]
        _show(axes, enlarge(occluded(frames, r.hidden, fill=fill, rng=rng)[:1], SIDE)[0])
    return grid.figure


def spotlight(
    frames: Frames, pixels: Pixels, *, colour: str, outline: Pixels | None = None
) -> Frames:
    """Some pixels in colour inside a frame, the rest faded; a white line around ``outline``.

    Args:
        frames: RGB, 0..255.
        pixels: kept in colour.
        colour: of the frame.
        outline: an object.
    """
    grey = frames.mean(axis=-1, keepdims=True)
    out = np.where(pixels[..., None], frames, 0.42 * grey + 0.58 * 255)
    line = max(1, min(frames.shape[1:3]) // 150)
    if outline is not None:
        out[_outer(outline, line + max(1, line // 2))] = 40  # white alone is lost on white
        out[_outer(outline, line)] = 255
    out[_inner(pixels, 2 * line)] = 255 * np.array(to_rgb(colour))
    return out.round().astype(np.uint8)


def _views(item: MaskedImage, pair: OcclusionPair, fill: Fill) -> tuple[Frames, ...]:
    """The pictures of VIEWS for every frame."""
    frames, outline = enlarge(item.frames, SIDE), enlarge(item.mask.astype(np.uint8), SIDE) > 0
    shape = (len(frames), frames.shape[1], frames.shape[2])
    rng = np.random.default_rng(0)  # of noise, for the picture only
    masks = ((pair.object, OBJECT), (pair.background, BACKGROUND))
    lit = [
        spotlight(frames, hidden_pixels(hidden, shape), colour=colour, outline=outline)
        for hidden, colour in masks
    ]
    without = [
        enlarge(occluded(item.frames, hidden, fill=fill, rng=rng), SIDE) for hidden, _ in masks
    ]
    return frames, *lit, *without


def _show(axes: Axes, picture: UInt8[np.ndarray, "h w 3"]) -> None:
    axes.imshow(picture, interpolation="antialiased", aspect="auto")  # lines survive shrinking


def _note(axes: Axes, hidden: Bool[np.ndarray, "rows columns"]) -> None:
    box: Any = {"boxstyle": "square,pad=0.25", "facecolor": PAPER, "edgecolor": "none"}
    place: Any = {"ha": "left", "va": "top", "transform": axes.transAxes, "bbox": box}
    text = f"{hidden.sum()} of {hidden.size} tokens"
    axes.text(0.015, 0.985, text, fontsize=6.5, color=INK, **place)


def _outer(mask: Pixels, width: int) -> Pixels:
    return ndimage.binary_dilation(mask, _FLAT, iterations=width) & ~mask


def _inner(mask: Pixels, width: int) -> Pixels:
    return mask & ~ndimage.binary_erosion(mask, _FLAT, iterations=width)


_FLAT = np.zeros((3, 3, 3), bool)  # neighbours within a frame
_FLAT[1] = True
