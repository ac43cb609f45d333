"""Clips out of video files and still images; only frames that lead to the wanted ones decode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from jaxtyping import UInt8
from numpy import ndarray

from explorer.clip import Clip
from explorer.clips.limits import UnusableVideo, VideoFacts, VideoLimits, damaged
from explorer.clips.names import safe_name
from explorer.clips.opening import open_bounded
from explorer.clips.probing import probe_video
from explorer.clips.resizing import Crop, resize_frames
from jepakit.data.schema import BadSample
from jepakit.data.video.pyav_video import PyAVVideo
from jepakit.data.video.sampling import FrameSampling
from jepakit.data.video.still_image import StillImage

STILL_FPS = 10.0  # at which the repeated frame of a still image is shown
MAX_FRAMES = 512


def read_clip(
    path: str | Path,
    *,
    frames: int,
    size: int | tuple[int, int],
    fps: float | None = None,
    start_s: float = 0.0,
    crop: Crop = "centre",
    name: str | None = None,
    limits: VideoLimits | None = None,
    facts: VideoFacts | None = None,
) -> Clip:
    """A clip of a video; one frame repeated of a still image.

    Where the video ends before the clip does, its last frame is repeated, as in training:
    ``source_frames`` tells.

    Args:
        path: of the file.
        frames: of the clip.
        size: side, or rows and columns, in pixels; a multiple of the model's patch.
        fps: frames per second of video (Hz); by default every frame is taken.
        start_s: seconds after the first frame.
        crop: which part of each frame.
        name: shown to people; by default that of the file.
        limits: of size and time.
        facts: from :func:`explorer.clips.probing.probe_video` with these limits, which is called
            without them.

    Raises:
        UnusableVideo: no video that can be read within the limits.
        ValueError: a number out of range; says which are allowed.
    """
    limits = limits or VideoLimits()
    if not 1 <= frames <= MAX_FRAMES:
        raise ValueError(f"A clip has 1 to {MAX_FRAMES} frames, got {frames}.")
    if fps is not None and not 0.01 <= fps <= 1000:
        raise ValueError(f"fps is from 0.01 to 1000 frames per second, got {fps}.")
    place = Path(path).absolute()
    facts = facts or probe_video(place, limits)
    if not 0 <= start_s <= facts.seconds:
        raise ValueError(f"The video lasts {facts.seconds:.2f} s, it cannot start at {start_s} s.")
    if facts.container == "image":
        pictures = StillImage(str(place)).frames([0])
        numbers = np.zeros(frames, int)
    else:
        video = _open(place, facts, limits)
        numbers = _numbers(video, frames, fps, start_s)
        pictures = _pictures(video, np.unique(numbers).tolist(), facts, limits)
    distinct = _resized(pictures, place, size, crop)
    return Clip(
        frames=distinct[np.unique(numbers, return_inverse=True)[1]],
        fps=float(fps or facts.fps or STILL_FPS),
        name=safe_name(place.name if name is None else name),
        source_frames=tuple(numbers.tolist()),
    )


def _open(place: Path, facts: VideoFacts, limits: VideoLimits) -> PyAVVideo:
    pixels = facts.width * facts.height

    def opener(path: str) -> tuple[InputContainer, VideoStream]:
        return open_bounded(path, facts.container, limits, max_pixels=pixels)

    try:
        return PyAVVideo(
            str(place), opener=opener, budget=max(64, limits.max_decoded_pixels // pixels)
        )
    except BadSample as error:
        raise damaged(error, str(place)) from error


def _numbers(video: PyAVVideo, frames: int, fps: float | None, start_s: float) -> ndarray:
    sampling = FrameSampling(stride=1) if fps is None else FrameSampling(fps=fps)
    moments = video.seconds
    # Half a millisecond is forgiven: the start of a frame is often given rounded.
    first = int(np.searchsorted(moments, moments[0] + start_s - 5e-4))
    first = min(first, len(moments) - 1)
    return first + sampling.numbers(moments[first:], frames, at=0.0)


def _pictures(
    video: PyAVVideo, numbers: Sequence[int], facts: VideoFacts, limits: VideoLimits
) -> Iterator[UInt8[ndarray, "h w 3"]]:
    """Frames by groups that share a keyframe, so that what lies between groups is not decoded."""
    with video:
        groups = _groups(video, numbers)
        _check_work(video, groups, facts, limits)
        for group in groups:
            yield from video.frames(group)


def _groups(video: PyAVVideo, numbers: Sequence[int]) -> list[list[int]]:
    found: list[list[int]] = []
    entries = [video.timetable.entry(number) for number in numbers]
    for place, (number, entry) in enumerate(zip(numbers, entries, strict=True)):
        if place and entry == entries[place - 1]:
            found[-1].append(number)
        else:
            found.append([number])
    return found


def _check_work(
    video: PyAVVideo, groups: list[list[int]], facts: VideoFacts, limits: VideoLimits
) -> None:
    stamps = video.timetable.stamps
    starts = [int(np.searchsorted(stamps, video.timetable.entry(group[0]))) for group in groups]
    work = sum(group[-1] - first + 1 for group, first in zip(groups, starts, strict=True))
    if work * facts.width * facts.height > limits.max_decoded_pixels:
        raise UnusableVideo(
            f"This clip takes decoding {work:,} frames of {facts.width} x {facts.height} pixels, "
            f"more than {limits.max_decoded_pixels:,} pixels. Take fewer frames, a higher fps or "
            "an earlier start, or cut the video first."
        )


def _resized(
    pictures: Iterator[ndarray], place: Path, size: int | tuple[int, int], crop: Crop
) -> UInt8[ndarray, "t h w 3"]:
    try:
        return resize_frames(pictures, size=size, crop=crop)
    except BadSample as error:
        raise damaged(error, str(place)) from error
