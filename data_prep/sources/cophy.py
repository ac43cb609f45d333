"""CoPhy: pairs of videos of one scene, as it was (ab) and after a change (cd), of rigid bodies.

Layout, as the authors' repository (fabienbaradel/cophy) describes it: ``blocktowerCF/{3,4}/ID/``,
``ballsCF/{2..6}/ID/`` and ``collisionCF/ID/``, each with ``ab/`` and ``cd/`` that hold ``rgb.mp4``
(224x224, 5 Hz), ``segm.mp4``, ``states.npy`` (frames, K, 13: position 3, quaternion 4, velocity 3,
angular velocity 3; zeros where an object is absent), ``bboxes.npy`` (frames, K, 4: left, top,
right, bottom in pixels) and ``colors.txt`` (lines with ``color=NAME``, in collisions ``type=NAME``
before it); above them ``confounders.npy`` (K, 2 or 3: mass, friction, restitution) and
``gravity.txt`` (``gravity_x=X gravity_y=Y``, towers) or ``explanations.txt`` (what was changed).
Rows stand for colours in a fixed order. Lists of ids, ``TASK_SPLIT[_COUNT][_KIND].txt``, are
followed where they lie in the path's folder or its ``splits/`` or ``dataloaders/splits/``: those
without a kind or of kind ``normal``.

Not confirmed, as the data was not at hand: the units (those of the simulator: m, s, rad, kg), the
order of the quaternion, and that ``segm.mp4`` paints an object in the colour it is named after. A
video whose first masks do not lie in the boxes is therefore refused. Licence: the authors' code is
under GPL-3.0; the data is Zenodo record 3674790, whose licence is the user's to state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from data_prep.footage import Footage, Reader, Source
from data_prep.sources.cophy_parts import (
    CONFOUNDERS,
    KINDS,
    LABEL_KINDS,
    STATES,
    TASKS,
    labels_of,
    read_array,
    read_gravity,
    read_kinds,
    read_text,
)
from data_prep.sources.painted_masks import PaintedObjects
from jepakit.data.video.decoder import open_video
from jepakit.data.video.frame_source import FrameSource

_SPLIT_FILE = re.compile(r"([a-z]+CF)_(train|val|test)(?:_(\d+))?(?:_([a-z_]+))?\.txt")
_NORMAL = "normal"


@dataclass(frozen=True)
class CophyVideo(Reader):
    """One half of a pair.

    Attributes:
        root: folder of the data set.
        task: of ``TASKS``.
        example: folder of the pair, below the root.
        half: ``ab`` or ``cd``.
        splits: by the kind of the list that says so.
    """

    root: Path
    task: str
    example: str
    half: str
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Folder below the root."""
        return f"{self.example}/{self.half}"

    @property
    def group(self) -> str:
        """Both halves of a pair."""
        return self.example

    @property
    def split(self) -> str | None:
        """By the normal lists."""
        return next(iter(self.splits.get(_NORMAL, ())), None)

    @contextmanager
    def open(self) -> Iterator[Footage]:
        """Open both videos and read all arrays.

        Raises:
            ValueError: a part is missing or damaged, parts do not fit each other, or two lists name
                the pair.
        """
        folder, colours = self.root / self.name, TASKS[self.task]
        rows = len(colours)
        states = read_array(folder / "states.npy", (None, rows, 13))
        boxes = read_array(folder / "bboxes.npy", (len(states), rows, 4))
        kinds = read_kinds(folder / "colors.txt", colours)
        confounders = read_array(self.root / self.example / "confounders.npy", (rows, None))
        present = np.abs(states[0, :, :3]).sum(axis=1) > 0
        gravity, details = self._scene(confounders)
        table = {
            row + 1: {
                "kind": kinds.get(colours[row]) or KINDS[self.task],
                "colour": colours[row],
                **dict(zip(CONFOUNDERS, confounders[row].tolist(), strict=False)),
            }
            for row in np.flatnonzero(present).tolist()
        }
        with (
            open_video(str(folder / "rgb.mp4")) as rgb,
            open_video(str(folder / "segm.mp4")) as segm,
        ):
            _check_length(folder / "rgb.mp4", rgb, len(states))
            _check_length(folder / "segm.mp4", segm, len(states))
            masks = PaintedObjects(segm, colours, present, boxes)
            masks.check(str(folder / "segm.mp4"))
            yield Footage(
                rgb.seconds,
                rgb.frames,
                truth=masks.frames,
                objects=table,
                labels={**labels_of(states, present), **gravity},
                states=states,
                details={**details, "state_objects": list(range(1, rows + 1))},
            )

    def _scene(self, confounders: Float[ndarray, "k c"]) -> tuple[dict[str, float], dict[str, Any]]:
        """Gravity, and what is kept of the pair."""
        for kind, names in self.splits.items():
            if len(names) > 1:
                raise ValueError(f"{self.root / self.example} is in lists {names} of '{kind}'.")
        gravity = {"gravity_x": np.nan, "gravity_y": np.nan}
        details: dict[str, Any] = {
            "half": self.half,
            "states": STATES,
            "confounders": {
                "names": list(CONFOUNDERS[: confounders.shape[1]]),
                "values": confounders.tolist(),
            },
            "splits": {kind: names[0] for kind, names in self.splits.items()},
        }
        if self.task == "blocktowerCF":
            gravity = read_gravity(self.root / self.example / "gravity.txt")
            details["gravity"] = gravity
        else:
            details["change"] = read_text(self.root / self.example / "explanations.txt")
        return gravity, details


def _check_length(path: Path, video: FrameSource, frames: int) -> None:
    if len(video.seconds) != frames:
        raise ValueError(f"{path} has {len(video.seconds)} frames, and 'states.npy' {frames}.")


def _find(path: Path) -> Sequence[Reader]:
    root = path.parent if path.name in TASKS else path
    tasks = [path.name] if path.name in TASKS else [t for t in TASKS if (path / t).is_dir()]
    lists = _splits(root)
    found: list[Reader] = []
    for task in tasks:
        level = "*" if task == "collisionCF" else "*/*"
        for folder in sorted((root / task).glob(level), key=_in_order):
            if folder.is_dir():
                example = folder.relative_to(root).as_posix()
                splits = lists.get(example, {})
                kinds = {kind: tuple(sorted(names)) for kind, names in splits.items()}
                found += [CophyVideo(root, task, example, half, kinds) for half in ("ab", "cd")]
    if not found:
        raise ValueError(
            f"{path}: expected a folder with ballsCF/COUNT/ID, blocktowerCF/COUNT/ID or "
            "collisionCF/ID, or one of the three."
        )
    return found


def _in_order(folder: Path) -> list[tuple[int, str]]:
    """Sorts 2 before 10."""
    names = (folder.parent.name, folder.name)
    return [(int(name), "") if name.isdigit() else (-1, name) for name in names]


def _splits(root: Path) -> dict[str, dict[str, set[str]]]:
    """By example and kind of list, the splits that name it."""
    found: dict[str, dict[str, set[str]]] = {}
    for folder in (root, root / "splits", root / "dataloaders" / "splits"):
        for file in sorted(folder.glob("*.txt")):
            match = _SPLIT_FILE.fullmatch(file.name)
            if match is None:
                continue
            task, split, count, kind = match.groups()
            prefix = f"{task}/{count}" if count else task  # some lists of towers lack it, and miss
            for name in file.read_text(errors="replace").split():
                kinds = found.setdefault(f"{prefix}/{name}", {})
                kinds.setdefault(kind or _NORMAL, set()).add(split)
    return found


SOURCE = Source(
    find=_find,
    licence=None,
    summary="CoPhy: ballsCF, blocktowerCF, collisionCF with ab and cd videos, masks and states",
    has_masks=True,
    label_kinds=LABEL_KINDS,
)
