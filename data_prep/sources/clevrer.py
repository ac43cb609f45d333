"""CLEVRER: videos of colliding solids with their motion, collisions and questions.

Layout, as the data set's own README and code (chuangg/CLEVRER) describe it, in any sub-folders of
the path: ``video_00000-01000/video_00000.mp4`` (480x320, 128 frames in 5 s; 0 to 9999 train, to
14999 validation, to 19999 test); ``annotation_00000-01000/annotation_00000.json`` (none for test)
with ``object_property`` (``object_id``, ``color``, ``material``, ``shape``), ``motion_trajectory``
(``frame_id`` and ``objects`` with ``object_id``, ``location``, ``orientation``, ``velocity``,
``angular_velocity``, ``inside_camera_view``) and ``collision`` (``object_ids``, ``frame_id``,
``location``); and in the path or its ``questions/`` ``train.json``, ``validation.json``,
``test.json``, lists of ``scene_index``, ``video_filename`` and ``questions``.

There are no exact masks. The authors' frame parser left some, ``processed_proposals/sim_00000
.json``: ``frames`` with ``objects`` of ``color``, ``material``, ``shape``, ``score`` and ``mask``
(COCO's run lengths). Where a folder has that file of a video, its masks are read as they are.

Not confirmed: that vectors have three numbers (angles in radians, velocities per second), and a
proposal's ``score`` and ``frame_index``, which may be absent. Licence: CC0, by the README; the
repository of the code states none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.footage import Footage, Reader, Source
from data_prep.sources.clevrer_motion import LABEL_KINDS, STATES, motion_of
from data_prep.sources.clevrer_proposals import proposals_of
from data_prep.sources.damaged import Damaged
from data_prep.sources.json_records import field_of, read_json
from jepakit.data.video.decoder import open_video

FIRST = {"train": 0, "val": 10_000, "test": 15_000}
QUESTIONS = ("train.json", "validation.json", "test.json")
_QUESTION = ("question_id", "question_subtype", "answer")
_VIDEO = re.compile(r"video_(\d{5})\.mp4")


@dataclass(frozen=True)
class ClevrerVideo(Reader):
    """A video and the files about it.

    Attributes:
        root: folder of the data set.
        video: below it.
        number: of the video.
        annotation: file, or None where there is none for its thousand.
        proposals: file, or None.
        questions: as their file has them, each with its place there.
    """

    root: Path
    video: str
    number: int
    annotation: Path | None
    proposals: Path | None
    questions: tuple[tuple[str, Any], ...]

    @property
    def name(self) -> str:
        """Path below the folder."""
        return self.video

    @property
    def group(self) -> str:
        """The scene, also where the folder has it twice."""
        return f"video_{self.number:05d}"

    @property
    def stamp(self) -> Any:
        """Which files say something of it, and how many questions there are."""
        return self.annotation is not None, self.proposals is not None, len(self.questions)

    @property
    def split(self) -> str:
        """By the number."""
        return [name for name, first in FIRST.items() if first <= self.number][-1]

    @contextmanager
    def open(self) -> Iterator[Footage]:
        """Open the video and read the files about it.

        Raises:
            ValueError: one of them is missing or damaged, or they do not fit each other.
        """
        questions = [_question(record, f"{self.root}/{place}") for place, record in self.questions]
        details: dict[str, Any] = {"questions": questions}
        with open_video(str(self.root / self.video)) as video:
            seconds = video.seconds
            motion = masks = None
            objects: dict[int, dict[str, Any]] = {}
            if self.annotation is not None:
                annotation = read_json(self.annotation)
                motion = motion_of(annotation, len(seconds), str(self.annotation))
                objects = motion.objects
                details |= {"states": STATES, "state_objects": list(objects)}
            if self.proposals is not None:
                value = read_json(self.proposals)
                masks, objects = proposals_of(value, len(seconds), objects, str(self.proposals))
            yield Footage(
                seconds,
                video.frames,
                truth=None if masks is None else masks.read,
                objects=objects,
                labels=dict.fromkeys(LABEL_KINDS, np.nan) if motion is None else motion.labels,
                states=None if motion is None else motion.states,
                contacts=None if motion is None else motion.contacts,
                details=details,
            )


def _question(record: Any, where: str) -> dict[str, Any]:
    """What is kept of a question; programs are not."""
    kept = {name: field_of(record, name, str, where) for name in ("question", "question_type")}
    kept |= {name: record[name] for name in _QUESTION if name in record}
    if "choices" not in record:
        return kept
    choices = []
    for place, entry in enumerate(field_of(record, "choices", list, where)):
        choice = {"choice": field_of(entry, "choice", str, f"{where}: choices[{place}]")}
        choices.append(choice | {name: entry[name] for name in ("answer",) if name in entry})
    return {**kept, "choices": choices}


def _find(path: Path) -> Sequence[Reader]:
    videos = [
        (int(match[1]), file)
        for file in sorted(path.rglob("video_*.mp4"))
        if (match := _VIDEO.fullmatch(file.name))
    ]
    if not videos:
        raise ValueError(
            f"{path}: expected video_00000-01000/video_00000.mp4 or the like in it or below it."
        )
    notes = {int(f.stem[-5:]) // 1000: f.parent for f in _numbered(path, "annotation")}
    proposals = {int(file.stem[-5:]): file for file in _numbered(path, "sim")}
    questions, damaged = _questions(path)
    found: list[Reader] = []
    for number, file in videos:
        folder = notes.get(number // 1000)
        note = None if folder is None else folder / f"annotation_{number:05d}.json"
        name = file.relative_to(path).as_posix()
        about = tuple(questions.get(number, ()))
        found.append(ClevrerVideo(path, name, number, note, proposals.get(number), about))
    return [*found, *damaged]


def _numbered(path: Path, prefix: str) -> list[Path]:
    files = sorted(path.rglob(f"{prefix}_*.json"), reverse=True)  # of two, the first is taken
    return [file for file in files if re.fullmatch(rf"{prefix}_\d{{5}}", file.stem)]


def _questions(path: Path) -> tuple[dict[int, list[tuple[str, Any]]], list[Reader]]:
    """Questions by video, and entries that belong to none.

    Raises:
        ValueError: a file that is no list.
    """
    found: dict[int, list[tuple[str, Any]]] = {}
    damaged: list[Reader] = []
    for file in (folder / name for folder in (path, path / "questions") for name in QUESTIONS):
        if not file.is_file():
            continue
        entries = read_json(file)
        if not isinstance(entries, list):
            raise ValueError(f"{file}: a list of scenes expected, came {entries!r:.80}.")
        for place, entry in enumerate(entries):
            name = f"{file.relative_to(path).as_posix()}[{place}]"
            try:
                number = field_of(entry, "scene_index", int, f"{path}/{name}")
                listed = field_of(entry, "questions", list, f"{path}/{name}")
            except ValueError as error:
                damaged.append(Damaged(name, str(error)))
                continue
            found.setdefault(number, []).extend(
                (f"{name}: questions[{n}]", _without_programs(q)) for n, q in enumerate(listed)
            )
    return found, damaged


def _without_programs(record: Any) -> Any:
    """Readers travel to worker processes, and programs are long."""
    if not isinstance(record, dict):
        return record
    kept = {name: value for name, value in record.items() if name != "program"}
    if isinstance(kept.get("choices"), list):
        kept["choices"] = [
            {n: v for n, v in choice.items() if n != "program"}
            if isinstance(choice, dict)
            else choice
            for choice in kept["choices"]
        ]
    return kept


SOURCE = Source(
    find=_find,
    licence="CC0-1.0",
    summary="CLEVRER: videos, annotation_*.json, questions, and masks of processed_proposals",
    has_masks=True,
    label_kinds=LABEL_KINDS,
)
