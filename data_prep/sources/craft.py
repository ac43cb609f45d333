"""CRAFT: videos of two-dimensional physics with questions about causes.

Layout, as the generator's repository (hucvl/craft) describes it: ``videos/sid_K/000000.mpg``, where
``K`` is one of 20 scene layouts (MPEG-1, 256x256, 600 frames at 60 Hz); ``dataset_minimal.json``, a
list of questions, each with ``question``, ``answer``, ``answer_type``, ``template_filename``,
``template_id`` (``cause_0``), ``question_family_index``, ``video_file_path`` (below the folder),
``video_index``, ``question_index``, ``simulation_id`` (``K``) and in the published files
``question_type``; or ``dataset.json``, a list by video, of ``simulation_id`` and
``questions.questions``, with ``video_filename`` in place of ``video_file_path`` and ``program``.
``split_info_random.json`` and ``split_info_hard.json`` (unseen layouts) list ``video_index`` and
``question_index`` by ``train``, ``validation`` or ``val``, and ``test``; neither divides a video.
The path is the folder, whose random split is then taken, or one of its split files.

There are no masks and no states. The published files themselves were not at hand. Licence: the
repository is under MIT; the videos are Zenodo record 4904783, whose licence is the user's to state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from data_prep.footage import Footage, Reader, Source
from data_prep.sources.json_records import field_of, read_json
from jepakit.data.video.decoder import open_video

QUESTIONS = ("dataset_minimal.json", "dataset.json")
SPLITS = ("split_info_random.json", "split_info_hard.json")
_SPLIT_NAMES = {"train": "train", "val": "val", "validation": "val", "test": "test"}
_KEPT = ("answer_type", "template_filename", "template_id", "question_type", "question_index")


@dataclass(frozen=True)
class CraftVideo(Reader):
    """A video and its questions.

    Attributes:
        root: folder of the data set.
        video: below it, as the questions name it; what has no legible name is known by its place
            in the file of questions.
        source: name of that file.
        records: its questions, as they stand there.
        splits: by the name of the file that says so.
        taken: which of these files is followed.
    """

    root: Path
    video: str
    source: str
    records: tuple[Any, ...]
    splits: Mapping[str, tuple[str, ...]]
    taken: str

    @property
    def name(self) -> str:
        """Path below the folder."""
        return self.video

    @property
    def split(self) -> str | None:
        """As the file says; a video that it divides is refused by ``open``."""
        return next(iter(self.splits.get(self.taken, ())), None)

    @contextmanager
    def open(self) -> Iterator[Footage]:
        """Open the video.

        Raises:
            ValueError: it is missing or damaged, a question lacks a field, or a split divides it.
        """
        details = self._details()
        with open_video(str(self.root / self.video)) as video:
            yield Footage(video.seconds, video.frames, details=details)

    def _details(self) -> dict[str, Any]:
        where = f"{self.root / self.source}: {self.video}"
        for file, names in self.splits.items():
            if len(names) > 1:
                raise ValueError(f"{self.root / file}: {self.video} is in splits {names}.")
        questions = [self._question(record, where) for record in self.records]
        indices = sorted({record["video_index"] for record in self.records})
        layouts = sorted({str(record["simulation_id"]) for record in self.records})
        if len(indices) != 1 or len(layouts) != 1:
            raise ValueError(
                f"{where}: fields 'video_index' and 'simulation_id' should be the same in all "
                f"questions, came {indices} and {layouts}."
            )
        return {
            "video_index": indices[0],
            "scene_layout": layouts[0],
            "questions": questions,
            "splits": {Path(file).stem: names[0] for file, names in self.splits.items() if names},
        }

    def _question(self, record: Any, where: str) -> dict[str, Any]:
        """What is kept of a question; its type is the template's family where it is not said."""
        question = field_of(record, "question", str, where)
        answer = str(field_of(record, "answer", object, where))
        path = field_of(record, _video_field(record), str, where)
        if _place(record) is None:
            raise ValueError(
                f"{where}: field '{_video_field(record)}' leaves the folder: {path!r}."
            )
        for name in ("video_index", "question_index"):
            field_of(record, name, int, where)
        field_of(record, "simulation_id", object, where)
        kept = {name: record[name] for name in _KEPT if name in record}
        template = str(kept.get("template_id", kept.get("template_filename", "")))
        kept.setdefault("question_type", template.split("_")[0].split(".")[0].capitalize())
        return {"question": question, "answer": answer, **kept}


def _video_field(record: Mapping[str, Any]) -> str:
    return "video_filename" if "video_filename" in record else "video_file_path"


def _find(path: Path) -> Sequence[Reader]:
    root, taken = (path, SPLITS[0]) if path.is_dir() else (path.parent, path.name)
    source = next((name for name in QUESTIONS if (root / name).is_file()), None)
    if source is None or taken not in SPLITS:
        raise ValueError(
            f"{path}: expected a folder with {' or '.join(QUESTIONS)} and videos/sid_K/*.mpg, or "
            f"{' or '.join(SPLITS)} in such a folder."
        )
    splits = {name: _split_of(root / name) for name in SPLITS if (root / name).is_file()}
    videos: dict[str, list[Any]] = {}
    for number, record in enumerate(_questions(root / source)):
        videos.setdefault(_place(record) or f"{source}[{number}]", []).append(record)
    return [
        CraftVideo(
            root,
            video,
            source,
            tuple(records),
            {name: _splits_of(records, table) for name, table in splits.items()},
            taken,
        )
        for video, records in sorted(videos.items())
    ]


def _questions(path: Path) -> list[Any]:
    """The questions of a file, from either layout; what is none of them as it stands.

    Raises:
        ValueError: no list.
    """
    entries = read_json(path)
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{path}: a list of questions expected, came {entries!r:.80}.")
    flat: list[Any] = []
    for entry in entries:
        nested = entry.get("questions") if isinstance(entry, dict) else None
        listed = nested.get("questions") if isinstance(nested, dict) else None
        if not isinstance(listed, list):
            flat.append(entry)
            continue
        for question in listed:
            plain = isinstance(question, dict)
            scene = {"simulation_id": entry["simulation_id"]} if "simulation_id" in entry else {}
            flat.append({**scene, **question} if plain else question)
    for question in flat:
        if isinstance(question, dict):
            question.pop("program", None)  # long, and readers travel
    return flat


def _place(record: Any) -> str | None:
    """Path of the question's video below the folder, if it says one that stays there."""
    value = record.get(_video_field(record)) if isinstance(record, dict) else None
    parts = PurePosixPath(value) if isinstance(value, str) and value else None
    if parts is None or parts.is_absolute() or ".." in parts.parts:
        return None
    return str(parts)


def _split_of(path: Path) -> dict[Any, str]:
    """Split by video.

    Raises:
        ValueError: not the layout of a split file.
    """
    tables = read_json(path)
    if not isinstance(tables, dict) or not set(tables) <= set(_SPLIT_NAMES):
        raise ValueError(f"{path}: an object with lists {sorted(_SPLIT_NAMES)} expected.")
    found: dict[Any, str] = {}
    for name in tables:
        for number, entry in enumerate(field_of(tables, name, list, str(path))):
            where = f"{path}: {name}[{number}]"
            pair = tuple(field_of(entry, k, int, where) for k in ("video_index", "question_index"))
            found[pair] = _SPLIT_NAMES[name]
    return found


def _splits_of(records: Sequence[Any], table: Mapping[Any, str]) -> tuple[str, ...]:
    found = set()
    for record in records:
        keys = ("video_index", "question_index")
        pair = tuple(record.get(key) for key in keys) if isinstance(record, dict) else ()
        if all(type(value) is int for value in pair) and pair in table:
            found.add(table[pair])
    return tuple(sorted(found))


SOURCE = Source(
    find=_find, licence=None, summary="CRAFT: dataset_minimal.json and videos/sid_K/*.mpg"
)
