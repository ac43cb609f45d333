"""Physion and what is written by the same generator: trials in HDF5 files, or as videos alone.

Layout, as its repositories (cogtoolslab/physics-benchmarking-neurips2021, neuroailab/tdw_physics)
write it, in any sub-folders of the path. ``*.hdf5``, a trial each: ``frames/0000/images/_img`` (the
bytes of a JPEG or PNG) and ``_id`` (of a PNG whose colours tell objects), ``frames/0000/objects/``
(``positions``, ``rotations``, ``velocities``, ``angular_velocities``), ``collisions/object_ids``,
``env_collisions/object_ids``, ``labels/target_contacting_zone``; ``static/`` with ``object_ids``,
``object_segmentation_colors``, ``model_names``, ``mass`` and the like, ``target_id``, ``zone_id``,
``stimulus_name``. Where names end in ``_cam0``, that camera is read. ``*_img.mp4``: the same as a
video, which is left out where the trial itself lies beside it; ``labels.csv``, ``readout_labels
.csv`` or ``stimulus_names_and_labels.csv`` in the path give its label. The maps of target and zone
(``*_map.png``) show the first frame alone and are not read; neither are pickles.

Folders whose names say test or train decide the split. HDF5 files carry no times: 30 frames a
second are taken, the rate of Physion's videos. Not confirmed: units (those of the simulator: m, kg,
s) and the order of quaternions. Licence: the repository is under MIT; whether that covers the files
is not said, so it is the user's to state.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from data_prep.footage import Footage, Reader, Source
from data_prep.sources.physion_trial import LABEL, Trial
from data_prep.trajectories.recording import load_module
from jepakit.data.manifest import LabelKind
from jepakit.data.video.decoder import open_video

FPS = 30.0  # Hz
SUFFIXES = (".hdf5", ".h5")
VIDEO = "_img.mp4"
LABEL_FILES = ("labels.csv", "readout_labels.csv", "stimulus_names_and_labels.csv")
LABEL_KINDS: dict[str, LabelKind] = {LABEL: "binary", "objects": "regression"}
_TRUTH = {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}
_VARIANTS = {"mp4s", "mp4s-redyellow"}
_SPLIT = re.compile(r"(?:^|[^a-z]|physion)(test|train)(?:ing)?(?:$|[^a-z]|hdf5|mp4)")


@dataclass(frozen=True)
class PhysionTrial(Reader):
    """A trial.

    Attributes:
        root: folder of the data set.
        file: below it.
        label: of a video, as a table has it; None without one.
    """

    root: Path
    file: str
    label: str | None = None

    @property
    def name(self) -> str:
        """Path below the folder."""
        return self.file

    @property
    def group(self) -> str:
        """The stimulus, whichever way it is stored or coloured."""
        path = PurePosixPath(self.file)
        parts = [part for part in path.parts[:-1] if part not in _VARIANTS]
        return "/".join([*parts, _stimulus(path.name)])

    @property
    def stamp(self) -> str | None:
        """Its label."""
        return self.label

    @property
    def split(self) -> str | None:
        """By the innermost folder that says it."""
        for part in reversed([self.root.name, *PurePosixPath(self.file).parts[:-1]]):
            said = _SPLIT.search(part.lower())
            if said:
                return said[1]
        return None

    def open(self) -> AbstractContextManager[Footage]:
        """Open the file.

        Raises:
            ValueError: it is damaged or lacks a part, its label is neither true nor false, or h5py
                is not installed.
        """
        return self._video() if self.file.endswith(VIDEO) else self._trial()

    @contextmanager
    def _trial(self) -> Iterator[Footage]:
        path = self.root / self.file
        try:
            file = load_module("h5py").File(path, "r")
        except OSError as error:
            raise ValueError(f"{path}: not an HDF5 file ({error}).") from error
        with file:
            trial = Trial(file, str(path))
            objects = trial.objects()
            states, meaning = trial.states()
            yield Footage(
                np.arange(len(trial.frames)) / FPS,
                trial.pictures,
                truth=trial.masks if trial.has_masks else None,
                objects=objects,
                labels={LABEL: trial.label(), "objects": float(len(objects))},
                states=states,
                contacts=trial.contacts(),
                details={
                    "stimulus": trial.stimulus() or _stimulus(path.name),
                    "nominal_fps": FPS,
                    "states": meaning,
                    "state_objects": list(objects),
                },
            )

    @contextmanager
    def _video(self) -> Iterator[Footage]:
        value = np.nan
        if self.label is not None:
            if self.label.lower() not in _TRUTH:
                raise ValueError(
                    f"{self.root}: the label of {self.file} should be True or False, came "
                    f"{self.label!r:.40}."
                )
            value = _TRUTH[self.label.lower()]
        with open_video(str(self.root / self.file)) as video:
            yield Footage(
                video.seconds,
                video.frames,
                labels={LABEL: value, "objects": np.nan},
                details={"stimulus": _stimulus(PurePosixPath(self.file).name)},
            )


def _stimulus(file_name: str) -> str:
    """Without what tells its files and colourings apart."""
    stem = file_name.removesuffix(VIDEO)
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    return stem.replace("-redyellow", "")


def _find(path: Path) -> Sequence[Reader]:
    root = path if path.is_dir() else path.parent
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    trials = [file for file in files if file.suffix.lower() in SUFFIXES]
    if trials:
        load_module("h5py")  # that it is missing is not the files' fault
    stored = {(file.parent, _stimulus(file.name)) for file in trials}
    videos = [
        file
        for file in files
        if file.name.endswith(VIDEO) and (file.parent, _stimulus(file.name)) not in stored
    ]
    labels = _labels(root)
    found: list[Reader] = [PhysionTrial(root, f.relative_to(root).as_posix()) for f in trials]
    found += [
        PhysionTrial(root, f.relative_to(root).as_posix(), labels.get(_stimulus(f.name)))
        for f in videos
    ]
    if not found:
        raise ValueError(f"{path}: expected trials (*.hdf5) or videos (*{VIDEO}) in it.")
    return sorted(found, key=lambda reader: reader.name)


def _labels(root: Path) -> dict[str, str]:
    """Labels of stimuli, as text.

    Raises:
        ValueError: a table without a column for the label.
    """
    found: dict[str, str] = {}
    for file in (root / name for name in LABEL_FILES):
        if not file.is_file():
            continue
        with file.open(newline="", errors="replace") as stream:
            rows = csv.DictReader(stream)
            columns = list(rows.fieldnames or [])
            value = next((c for c in ("label", "ground truth outcome") if c in columns), None)
            if value is None:
                raise ValueError(
                    f"{file}: a column 'label' or 'ground truth outcome' expected, came {columns}."
                )
            name = "stim_ID" if "stim_ID" in columns else columns[0]
            for row in rows:
                found[_stimulus(row[name] or "")] = row[value] or ""
    return found


SOURCE = Source(
    find=_find,
    licence=None,
    summary="Physion: HDF5 trials with masks and states, or *_img.mp4",
    has_masks=True,
    label_kinds=LABEL_KINDS,
)
