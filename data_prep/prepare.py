"""``python -m data_prep SOURCE PATH --masks METHOD --out DIR``: foreign videos become shards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from data_prep.clip_item import Making, VideoItem
from data_prep.cutting import Cutting
from data_prep.footage import Reader
from data_prep.item import Item
from data_prep.job import Job, run_job
from data_prep.masks.methods import Finding, Method, masks_of
from data_prep.sources.register import SOURCES
from data_prep.summary import show_summary
from jepakit.data.manifest import Description
from jepakit.data.video.catalogue import keys_of

GENERATOR = "data_prep.prepare/1"
KEY_STEM = 60  # characters of a key, so that the split and the number of the clip fit behind it
SplitBy = Literal["auto", "video", "time"]
CUTTING, FINDING, JOB = Cutting(), Finding(), Job()  # as they are by default


@dataclass(frozen=True)
class Cut:
    """A video, or the part of its time that a split takes."""

    split: str
    key: str
    reader: Reader
    part: tuple[float, float] = (0.0, 1.0)


def prepare(
    source: str,
    path: str,
    *,
    masks: Method,
    out: str,
    licence: str | None = None,
    val_share: float = 0.1,
    split_by: SplitBy = "auto",
    cutting: Cutting = CUTTING,
    finding: Finding = FINDING,
    job: Job = JOB,
) -> None:
    """Cut the videos of a source into clips, find their objects, and write shards.

    What cannot be read is listed in ``rejects.json`` with the reason and does not stop the job. A
    job that was stopped goes on where it was; finished shards are never made again.

    Args:
        source: name of the layout.
        path: where the source lies.
        masks: given (the source's own), none, regions (colours) or motion (against a static
            background), which need no weights, sam, or sam2, which follows objects over the clip.
        out: folder or remote prefix of the data set.
        licence: of the files, as an SPDX name; known for some sources.
        val_share: share held out for validation where the source has no splits of its own.
        split_by: whole videos, chosen by their names, or the last part of the time of each video;
            auto takes the time where there is one video alone.
        cutting: what clips look like.
        finding: how masks are found and which are kept.
        job: how the work is divided.
    """
    layout = SOURCES[source]
    stated = licence or layout.licence
    if stated is None:
        raise ValueError("State the licence of these files, for example --licence CC-BY-4.0.")
    if masks == "given" and not layout.has_masks:
        raise ValueError(f"'{source}' has no masks of its own; choose another --masks.")
    form = cutting.form(still=layout.still)
    windows = cutting.windows(form.frames)
    making = Making(source, stated, windows, cutting.fit, masks_of(masks, finding))
    cuts = divide(layout.readers(path), val_share=val_share, by=split_by, still=layout.still)
    description = Description(
        source=f"{source}: {Path(path).name}",
        generator=GENERATOR,
        licences=(stated,),
        form=form,
        label_kinds=dict(layout.label_kinds),
        mirrored=layout.mirrored,
        settings={
            "fit": cutting.fit,
            "windows": asdict(windows),
            "masks": making.masks.name,
            "inputs": fingerprint(cuts),
        },
    )
    manifest = run_job(out, description, _items(cuts, making), job=job, root=path)
    if manifest is not None:
        show_summary(out, manifest)


def divide(
    readers: Sequence[Reader], *, val_share: float, by: SplitBy, still: bool = False
) -> list[Cut]:
    """Which split each video goes to, groups whole; or the last part of each one's time.

    Raises:
        ValueError: a share outside [0, 1).
    """
    if not 0 <= val_share < 1:
        raise ValueError(f"val_share must be in [0, 1), got {val_share}.")
    keys = keys_of([reader.name for reader in readers])
    named = list(zip(keys, readers, strict=True))
    open_ones = [(key, reader) for key, reader in named if reader.split is None]
    cuts = [Cut(reader.split, key, reader) for key, reader in named if reader.split is not None]
    groups = sorted({reader.group for _, reader in open_ones}, key=_rank)
    if by == "time" or (by == "auto" and len(groups) == 1 and not still):
        for key, reader in open_ones:
            if val_share > 0:
                cuts.append(Cut("val", key, reader, (1 - val_share, 1.0)))
            cuts.append(Cut("train", key, reader, (0.0, 1 - val_share)))
    else:
        held = set(groups[: _held_out(len(groups), val_share)])
        cuts += [Cut("val" if r.group in held else "train", key, r) for key, r in open_ones]
    return cuts


def fingerprint(cuts: Sequence[Cut]) -> str:
    """Changes when videos, their keys, splits, groups or stamps do; no file is read."""
    digest = hashlib.sha256()
    for cut in sorted(cuts, key=lambda cut: (cut.reader.name, cut.split)):
        reader = cut.reader
        said = [reader.name, cut.key, cut.split, cut.part, reader.group, reader.stamp]
        digest.update(json.dumps(said, sort_keys=True).encode())
    return digest.hexdigest()


def _held_out(groups: int, share: float) -> int:
    """Groups for validation: at least one where a share is asked for, and never all."""
    return min(max(round(share * groups), 1 if share > 0 else 0), max(groups - 1, 0))


def _items(cuts: Sequence[Cut], making: Making) -> dict[str, list[Item]]:
    """Items by split, in an order that mixes videos which lie beside each other."""
    items: dict[str, list[Item]] = {}
    for cut in sorted(cuts, key=lambda cut: _rank(cut.reader.name)):
        key = cut.key[-KEY_STEM:]  # ends in a hash where it was long
        key = key if cut.part == (0.0, 1.0) else f"{key}-{cut.split}"
        items.setdefault(cut.split, []).append(VideoItem(key, cut.reader, cut.part, making))
    return {split: items[split] for split in ("train", "val", "test") if split in items}


def _rank(name: str) -> bytes:
    return hashlib.sha256(name.encode(errors="backslashreplace")).digest()
