"""``python -m data_prep inspect``: statistics of a data set, and a picture of its masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from data_prep.finished.clip_bar import clip_bar
from data_prep.finished.clip_facts import ELIGIBLE, ClipFacts, read_facts, splits_of, spread
from data_prep.finished.clip_tables import (
    area_table,
    count_table,
    label_table,
    mask_table,
    persistence_table,
    split_table,
)
from jepakit.data.atomic import atomic_file
from jepakit.data.schema import BadSample, ClipFormat
from jepakit.data.shard_reader import ShardReader


def inspect(
    data: str,
    *,
    out: str | None = None,
    clips: int = 12,
    frames: int = 4,
    split: str | None = None,
    limit: int = 2000,
    area: tuple[float, float] = ELIGIBLE,
) -> None:
    """Show what a data set holds: objects, areas, lengths, mask quality; draw some of its clips.

    Args:
        data: folder or remote prefix of the data set.
        out: the picture, or a folder for it; by default NAME_contact_sheet.png in this folder.
        clips: in the picture, spread evenly over the data set; 0 draws none.
        frames: of each of them, spread over the clip.
        split: look at this split alone.
        limit: clips that statistics are taken of, spread evenly over the data set.
        area: least and greatest share of the tokens of an object that object masks may hide.
    """
    if clips < 0 or frames < 1 or limit < 1:
        raise ValueError(
            f"Need clips of at least 0, frames and limit of at least 1; got {clips}, {frames}, "
            f"{limit}."
        )
    if not 0 <= area[0] <= area[1] <= 1:
        raise ValueError(f"area must rise within [0, 1], got {area}.")
    path = _picture_path(data, out)
    reader = ShardReader(data, split=split)
    numbers = spread(len(reader), limit)
    facts, damaged = _read(reader, numbers, area)
    if not facts:
        raise ValueError(f"All {len(damaged)} clips looked at are damaged, the first: {damaged[0]}")
    console = Console(highlight=False)
    told, grid = reader.manifest.description, "x".join(map(str, reader.form.grid))
    console.print(
        f"{data}: {told.source} ({', '.join(told.licences)}); {_what(reader.form)} as "
        f"{reader.form.image}, {grid} tokens",
        markup=False,
        soft_wrap=True,
    )
    for table in _tables(reader, facts, area):
        console.print(table)
    if len(numbers) < len(reader):
        console.print(
            f"Figures of {len(numbers)} of {len(reader)} clips, evenly spread; all of them with "
            f"--limit {len(reader)}."
        )
    if damaged:
        console.print(
            f"{len(damaged)} damaged clips are left out, the first: {damaged[0]}. Run "
            f"python -m data_prep verify {data}.",
            markup=False,
        )
    if clips:
        _draw(reader, path, clips=clips, frames=frames, area=area)
        console.print(f"Contact sheet: {path}", markup=False, soft_wrap=True)


def _read(
    reader: ShardReader, numbers: list[int], area: tuple[float, float]
) -> tuple[list[ClipFacts], list[BadSample]]:
    facts: list[ClipFacts] = []
    damaged: list[BadSample] = []
    with clip_bar(len(numbers), "Reading figures") as show:
        for done, fact in enumerate(read_facts(reader, numbers, area), 1):
            show(done)
            if isinstance(fact, BadSample):
                damaged.append(fact)
            else:
                facts.append(fact)
    return facts, damaged


def _tables(
    reader: ShardReader, facts: list[ClipFacts], area: tuple[float, float]
) -> Iterator[Table]:
    yield split_table(facts, Counter(splits_of(reader)))
    yield count_table(facts)
    if any(fact.areas for fact in facts):
        yield area_table(facts, area)
        yield persistence_table(facts)
    masks = mask_table(facts)
    if masks is not None:
        yield masks
    kinds = reader.manifest.description.label_kinds
    if kinds:
        yield label_table(kinds, [fact.labels for fact in facts])


def _picture_path(data: str, out: str | None) -> Path:
    name = data.rstrip("/").replace("\\", "/").rpartition("/")[2].strip(".") or "data"
    path = Path(f"{name}_contact_sheet.png") if out is None else Path(out)
    if path.is_dir():
        path /= f"{name}_contact_sheet.png"
    if path.suffix.lower() != ".png":
        raise ValueError(f"The contact sheet is a .png file, or a folder for it; got {out}.")
    if not path.parent.is_dir():
        raise ValueError(f"There is no folder {path.parent} for the contact sheet.")
    return path


def _what(form: ClipFormat) -> str:
    size = f"{form.height}x{form.width}"
    return f"stills of {size}" if form.frames == 1 else f"{form.frames} frames of {size}"


def _draw(
    reader: ShardReader, path: Path, *, clips: int, frames: int, area: tuple[float, float]
) -> None:
    # Here, because matplotlib takes a second that --help should not wait for.
    from data_prep.finished.contact_sheet import contact_sheet, read_cells

    cells = list(read_cells(reader, spread(len(reader), clips), frames=frames, area=area))
    if not cells:
        raise ValueError(f"All {clips} clips of the contact sheet are damaged.")
    split = f"split {reader.split}, " if reader.split else ""
    form = reader.form
    subtitle = (
        f"{split}{len(cells)} of {len(reader)} clips, evenly spread; {_what(form)}; tokens of "
        f"{form.patch} pixels a side, {form.tubelet} deep"
    )
    sheet = contact_sheet(cells, title=str(reader.path), subtitle=subtitle, area=area)
    with atomic_file(path) as stream:
        sheet.save(stream, format="PNG")
