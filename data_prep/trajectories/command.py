"""``python -m data_prep trajectories``: clips with actions from robot data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from data_prep.job import JOB, Job, run_job
from data_prep.masks.methods import Finding, masks_of
from data_prep.pictures import Fit
from data_prep.summary import show_summary
from data_prep.trajectories.clips import ActionKind, Making
from data_prep.trajectories.droid import find_droid
from data_prep.trajectories.hdf5 import find_hdf5
from data_prep.trajectories.lerobot import find_lerobot
from data_prep.trajectories.npz import find_npz
from data_prep.trajectories.recording import Parts, Recording
from data_prep.trajectories.survey import Survey
from jepakit.data.manifest import Description
from jepakit.data.schema import ClipFormat

GENERATOR = "data_prep.trajectories/1"
_FINDING = Finding()
Layout = Literal["npz", "hdf5", "droid", "lerobot"]
Method = Literal[
    "none", "regions", "motion", "sam", "sam2"
]  # recordings have no masks of their own
FIND: dict[Layout, Callable[[Path, Parts], list[Recording]]] = {
    "npz": find_npz,
    "hdf5": find_hdf5,
    "droid": find_droid,
    "lerobot": find_lerobot,
}


@dataclass(frozen=True)
class Reading:
    """What is taken from recordings.

    Args:
        fps: frames per second; of faster recordings every ceil(rate / fps)-th frame is taken, which
            needs actions that follow from poses. By default all frames.
        fit: cut the centred square from each frame, or stretch all of it.
        camera: name or serial number of the camera, or name of the pictures in the file.
        states: names of the parts of the state; by default the usual one of the layout.
        actions: stored ones; differences of poses (x y z, Euler angles, gripper); or stored ones
            where there are any.
        action_name: name of the stored actions; by default the usual one of the layout.
        source_fps: frames per second (Hz) of the recordings where the files do not say.
    """

    fps: float | None = None
    fit: Fit = "crop"
    camera: str | None = None
    states: tuple[str, ...] = ()
    actions: ActionKind = "auto"
    action_name: str | None = None
    source_fps: float | None = None


@dataclass(frozen=True)
class ClipShape:
    """What clips look like.

    Args:
        frames: frames per clip.
        size: height and width in pixels.
        patch: patch size in pixels of the models that are to come.
        image: jpg of quality 90, lossless png, or mp4.
    """

    frames: int = 16
    size: int = 256
    patch: int = 16
    image: Literal["png", "jpg", "mp4"] = "jpg"

    @property
    def form(self) -> ClipFormat:
        """What every clip has in common."""
        return ClipFormat(
            self.frames, self.size, self.size, self.patch, 1, image=self.image, quality=90
        )


_SHAPE = ClipShape()


def trajectories(
    src: str,
    out: str,
    *,
    layout: Layout,
    licence: str,
    reading: Reading = Reading(),
    masks: Method = "none",
    finding: Finding = _FINDING,
    bounds: Literal["data", "franka"] | list[float] = "data",
    source: str = "",
    val_share: float = 0.1,
    shape: ClipShape = _SHAPE,
    job: Job = JOB,
) -> None:
    """Write clips of robot recordings with what was done between their frames.

    A recording is cut into consecutive clips; what is left at its end is left out.

    Args:
        src: file or folder of the recordings.
        out: folder of the data set; a run that was stopped continues there.
        layout: npz (a file per episode), hdf5 (a group per episode, or rows with ep_len or
            episode_ends), droid (trajectory.h5 and videos) or lerobot (version 2 or 3).
        licence: of the recordings, as an SPDX name.
        reading: what is taken from them.
        masks: none, regions (colours) or motion (against a static background), which need no
            weights, sam, or sam2, which follows objects over the clip.
        finding: how masks are found and which are kept.
        bounds: smallest and largest action of the data, those of the Franka arm of V-JEPA 2-AC, or
            the largest magnitude of each number of an action.
        source: name of the recordings in the manifest; by default the name of ``src``.
        val_share: share of the recordings held out for validation, chosen by their names.
        shape: what clips look like.
        job: how the work is divided.
    """
    folder = Path(src)
    if not folder.exists():
        raise ValueError(f"No such file or folder: {src}.")
    parts = Parts(reading.camera, reading.states, reading.action_name, reading.source_fps)
    found = masks_of(masks, finding)
    name = source or folder.name
    making = Making(reading.actions, reading.fps, reading.fit, name, licence, found)
    survey = Survey.of(FIND[layout](folder, parts), making)
    description = Description(
        source=making.source,
        generator=GENERATOR,
        licences=(licence,),
        form=shape.form,
        settings={"layout": layout, "masks": found.name, **asdict(reading), **survey.facts(bounds)},
        actions=survey.space(bounds),
        proprio=(0, tuple(range(len(survey.state_names)))) if survey.state_names else None,
    )
    items = survey.items(shape.frames, val_share)
    manifest = run_job(out, description, items, job, root=src)
    if manifest is not None:
        show_summary(out, manifest)
