"""Real videos cut into clips without overlap, labelled by the direction of their optical flow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Int, UInt8
from numpy import ndarray
from rich.progress import Progress

from jepakit.data.schema import BadSample
from jepakit.data.video.augmentation import Augmentation
from jepakit.data.video.catalogue import Entry, read_catalogue
from jepakit.data.video.decoder import is_image, open_video
from jepakit.data.video.frame_source import FrameSource
from jepakit.data.video.sampling import FrameSampling
from jepakit.evals.states.clips.flow_labels import SIDE, FlowDirection, FlowRule, flow_direction

EVERY_SECOND = FrameSampling(stride=2)
PUBLISHED_RULE = FlowRule()
CENTRE = Augmentation(centre=0.875)  # what is seen of a picture in all evaluations of videos


@dataclass(frozen=True)
class LabelledCut:
    """Where a clip lies.

    Attributes:
        path: of the video.
        video: its key, the group of the clip: clips of one video are not independent.
        action: name of the video's class by its folder, empty without one; a second grouping.
        numbers: of the frames taken.
        flow: the motion, with the label.
    """

    path: str
    video: str
    action: str
    numbers: tuple[int, ...]
    flow: FlowDirection


@dataclass(frozen=True)
class VideoClip:
    """Frames of a clip, RGB 0..255, and the number of its direction."""

    frames: UInt8[ndarray, "t h w 3"]
    label: int


@dataclass(frozen=True)
class CutCounts:
    """What became of the videos.

    Attributes:
        videos: files looked at, still images left aside.
        cut: clips looked at.
        kept: clips with a label.
        classes: kept clips by label.
        dropped_clips: by reason.
        dropped_videos: files that gave no clip, or not all of them, by reason.
    """

    videos: int
    cut: int
    kept: int
    classes: dict[int, int]
    dropped_clips: dict[str, int]
    dropped_videos: dict[str, int]

    def __str__(self) -> str:
        """One sentence for reports and messages."""
        lost = {**self.dropped_clips, **{f"videos {k}": n for k, n in self.dropped_videos.items()}}
        listed = ", ".join(f"{count} {reason}" for reason, count in lost.items()) or "nothing"
        classes = ", ".join(f"{label}: {n}" for label, n in self.classes.items()) or "none"
        return (
            f"{self.kept} of {self.cut} clips from {self.videos} videos kept (classes {classes}); "
            f"dropped: {listed}"
        )


@dataclass(frozen=True)
class VideoClips:
    """Labelled clips of videos, decoded when they are asked for; no pixels are kept.

    Attributes:
        cuts: the clips with a label, video after video.
        size: rows and columns of a clip.
        counts: what was kept and dropped.
    """

    cuts: tuple[LabelledCut, ...]
    size: tuple[int, int]
    counts: CutCounts

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.cuts)

    @property
    def labels(self) -> Int[ndarray, " n"]:
        """Direction of each clip."""
        return np.array([cut.flow.label for cut in self.cuts])

    @property
    def videos(self) -> tuple[str, ...]:
        """The video of each clip: splits and bootstraps keep its clips together."""
        return tuple(cut.video for cut in self.cuts)

    @property
    def actions(self) -> tuple[str, ...]:
        """The action of each clip where folders name one, otherwise empty."""
        return tuple(cut.action for cut in self.cuts)

    def clip(self, number: int) -> VideoClip:
        """One clip: the centre of the picture, resized.

        Raises:
            BadSample: the video cannot be read any more.
        """
        cut = self.cuts[number]
        assert cut.flow.label is not None
        with open_video(cut.path) as video:
            frames = np.stack(list(_frames(video, cut.path, cut.numbers, self.size)))
        return VideoClip(frames, cut.flow.label)


def cut_videos(
    path: str,
    *,
    frames: int,
    size: tuple[int, int],
    sampling: FrameSampling = EVERY_SECOND,
    most: int | None = None,
    rule: FlowRule = PUBLISHED_RULE,
    progress: Progress | None = None,
) -> VideoClips:
    """Cut every video of a folder or list into clips and keep those that move one way.

    As many clips as fit without overlap, spread evenly. A video that is shorter than a clip is
    dropped, not stretched. Flow is measured on the centre of the picture at 256 pixels whatever
    ``size`` is, so labels do not depend on it; 0.2 CPU-s per clip of 16 frames.

    Args:
        path: folder or list of videos; still images are left aside.
        frames: per clip.
        size: rows and columns of the clips that are handed out.
        sampling: distance of the frames; its number of clips is not used.
        most: clips per video at most.
        rule: which motion gives which label.
        progress: a running progress display to draw on.

    Raises:
        ValueError: no videos, no clip with a label, or one class only; the message counts what was
            dropped and why.
    """
    if frames < 2 or (most is not None and most < 1):
        raise ValueError(
            f"Clips need at least 2 frames and a video at least 1 clip, got frames={frames} and "
            f"most={most}."
        )
    catalogue = read_catalogue(path)
    entries = [entry for entry in catalogue.entries if not is_image(entry.path)]
    if not entries:
        raise ValueError(f"{path} holds {len(catalogue)} still images and no video.")
    task = progress.add_task("optical flow", total=len(entries)) if progress else None
    cuts: list[LabelledCut] = []
    lost: Counter[str] = Counter()
    for entry in entries:
        named = catalogue.classes and entry.label is not None
        action = catalogue.classes[entry.label or 0] if named else ""
        try:
            # One by one: what a damaged video gives before its damage is kept.
            for cut in _cuts_of(entry, action, frames, sampling, most, rule):
                cuts.append(cut)
        except _TooShort:
            lost["too short or with too few frames per second"] += 1
        except BadSample:
            lost["unreadable or damaged"] += 1
        if progress and task is not None:
            progress.advance(task)
    return _kept(path, cuts, size, len(entries), lost)


class _TooShort(Exception):
    """A video that is shorter than one clip."""


def _cuts_of(
    entry: Entry,
    action: str,
    frames: int,
    sampling: FrameSampling,
    most: int | None,
    rule: FlowRule,
) -> Iterator[LabelledCut]:
    """The clips of one video, which is decoded once from its start to its end."""
    with open_video(entry.path) as video:
        numbers = clip_numbers(video.seconds, frames, sampling, most=most)
        if not numbers:
            raise _TooShort
        wanted = [number for clip in numbers for number in clip]
        pictures = _frames(video, entry.path, wanted, (SIDE, SIDE))
        for clip in numbers:
            flow = flow_direction(np.stack(list(islice(pictures, frames))), rule)
            yield LabelledCut(entry.path, entry.key, action, clip, flow)


def clip_numbers(
    seconds: ndarray, frames: int, sampling: FrameSampling, *, most: int | None = None
) -> list[tuple[int, ...]]:
    """Numbers of the frames of as many clips as fit side by side, ascending; empty without room.

    Args:
        seconds: when each frame of the video is shown.
        frames: per clip.
        sampling: distance of the frames. An ``fps`` above the rate of the video repeats frames,
            between which nothing moves: such a video gives no clip either.
        most: clips at most.
    """
    if len(seconds) < frames or sampling.is_short(seconds, frames):
        return []
    if sampling.stride is not None:
        room = len(seconds) // ((frames - 1) * sampling.stride + 1)
    else:
        assert sampling.fps is not None
        room = int((seconds[-1] - seconds[0]) * sampling.fps / frames)
    count = min(max(1, room), most or room or 1)
    places = [0.5] if count == 1 else [number / (count - 1) for number in range(count)]
    clips = [sampling.numbers(seconds, frames, at=at).tolist() for at in places]
    return [tuple(clip) for clip in clips if len(set(clip)) == frames]


def _frames(
    video: FrameSource, path: str, numbers: tuple[int, ...] | list[int], size: tuple[int, int]
) -> Iterator[UInt8[ndarray, "h w 3"]]:
    window, shape = None, (0, 0)
    for number, frame in zip(numbers, video.frames(numbers), strict=True):
        if window is None:
            shape = frame.shape[0], frame.shape[1]
            window = CENTRE.middle(shape, size)
        elif frame.shape[:2] != shape:
            raise BadSample(f"{path}: frame {number} changes the size of the picture")
        yield window.resized(frame, size).numpy()


def _kept(
    path: str,
    cuts: list[LabelledCut],
    size: tuple[int, int],
    videos: int,
    lost: Counter[str],
) -> VideoClips:
    kept = tuple(cut for cut in cuts if cut.flow.label is not None)
    classes = Counter(cut.flow.label for cut in kept if cut.flow.label is not None)
    reasons = Counter(cut.flow.dropped for cut in cuts if cut.flow.dropped is not None)
    counts = CutCounts(
        videos=videos,
        cut=len(cuts),
        kept=len(kept),
        classes=dict(sorted(classes.items())),
        dropped_clips=dict(sorted(reasons.items())),
        dropped_videos=dict(sorted(lost.items())),
    )
    if len(classes) < 2:
        what = "No clip has a label" if not kept else "All labels are of one class"
        raise ValueError(
            f"{what} in {path}: {counts}. Take videos with motion to several sides, frames that "
            "lie further apart, or a lower threshold of motion or coherence."
        )
    return VideoClips(kept, size, counts)
