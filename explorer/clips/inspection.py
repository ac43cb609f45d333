"""``python -m explorer.clips.inspection``: the process in which a file is looked into."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from av.container import InputContainer
from av.video.stream import VideoStream
from PIL import Image

from explorer.clips.limits import TOO_HUNGRY, UnusableVideo, VideoFacts, VideoLimits, damaged
from explorer.clips.opening import open_bounded
from jepakit.data.schema import BadSample
from jepakit.data.video.pyav_video import PyAVVideo
from jepakit.data.video.still_image import decode_picture


def inspect(path: str, kind: str, limits: VideoLimits) -> VideoFacts:
    """Facts of a file of this kind, with its first frame decoded.

    Raises:
        UnusableVideo: beyond the limits, or damaged.
    """
    try:
        return _video(path, kind, limits) if kind in limits.containers else _still(path, limits)
    except BadSample as error:
        raise damaged(error, path) from error


def _video(path: str, container: str, limits: VideoLimits) -> VideoFacts:
    def opener(name: str) -> tuple[InputContainer, VideoStream]:
        opened, stream = open_bounded(name, container, limits, max_pixels=limits.max_pixels)
        check_pixels(stream.codec_context.width, stream.codec_context.height, limits)
        check_frames(stream.frames, limits)
        codecs.append(stream.codec_context.codec.canonical_name)
        return opened, stream

    codecs: list[str] = []
    with PyAVVideo(path, opener=opener, budget=64) as video:
        moments = video.seconds
        span = float(moments[-1] - moments[0])
        fps = (len(moments) - 1) / span if span > 0 else 0.0
        check_frames(len(moments), limits)
        check_seconds(span + (1 / fps if fps else 0.0), limits)
        height, width, _ = next(video.frames([0])).shape
        check_pixels(width, height, limits)
    return VideoFacts(
        frames=len(moments),
        fps=fps,
        seconds=span + (1 / fps if fps else 0.0),
        width=width,
        height=height,
        codec=codecs[0],
        container=container,
    )


def _still(path: str, limits: VideoLimits) -> VideoFacts:
    Image.MAX_IMAGE_PIXELS = None  # of this process; sizes are checked right here
    try:
        with Image.open(path) as picture:
            check_pixels(*picture.size, limits)
            codec = str(picture.format).lower()
    except UnusableVideo:
        raise
    except (OSError, SyntaxError, ValueError) as error:
        raise UnusableVideo("The picture is damaged and cannot be read; save it again.") from error
    height, width, _ = decode_picture(path, path).shape
    return VideoFacts(1, 0.0, 0.0, width, height, codec, "image")


def check_pixels(width: int, height: int, limits: VideoLimits) -> None:
    """Refuse frames without a size, or with too large a one."""
    if width < 1 or height < 1:
        raise UnusableVideo("The file does not say how large its frames are; save it again as mp4.")
    if width * height > limits.max_pixels:
        raise UnusableVideo(
            f"Frames have {width} x {height} pixels, {width * height:,} in all; at most "
            f"{limits.max_pixels:,} are taken. Make them smaller first."
        )


def check_frames(frames: int, limits: VideoLimits) -> None:
    """Refuse too many frames."""
    if frames > limits.max_frames:
        raise UnusableVideo(
            f"The video has {frames:,} frames; at most {limits.max_frames:,} are taken. Cut it."
        )


def check_seconds(seconds: float, limits: VideoLimits) -> None:
    """Refuse a video that lasts too long."""
    if seconds > limits.max_seconds:
        raise UnusableVideo(
            f"The video lasts {seconds / 60:.1f} minutes; at most {limits.max_seconds / 60:g} are "
            "taken. Cut out the part to look at."
        )


def confine(limits: VideoLimits) -> None:
    """Little memory, little time and no files for what comes; nothing on Windows."""
    try:
        import resource
    except ImportError:
        return
    bounds = {
        resource.RLIMIT_AS: limits.probe_bytes,
        resource.RLIMIT_CPU: limits.probe_seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for which, bound in bounds.items():
        hard = resource.getrlimit(which)[1]
        allowed = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        try:
            resource.setrlimit(which, (allowed, allowed))
        except (ValueError, OSError):  # macOS has no bound of the address space
            continue


def main(path: str, kind: str, settings: str) -> None:
    """Print the facts, or why there are none, as one line of JSON."""
    values = json.loads(settings)
    sets = {name: frozenset(values[name]) for name in ("containers", "codecs")}
    limits = VideoLimits(**(values | sets))
    confine(limits)
    try:
        told: dict[str, Any] = {"facts": asdict(inspect(path, kind, limits))}
    except UnusableVideo as error:
        told = {"refused": str(error)}
    except MemoryError:
        told = {"refused": TOO_HUNGRY}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
