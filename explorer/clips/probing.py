"""Looks into a video before anything trusts it, in a process of its own that can be stopped."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from explorer.clips.limits import UnusableVideo, VideoFacts, VideoLimits
from explorer.clips.signatures import HEAD_BYTES, container_of, describe, picture_of

_ROOT = str(Path(__file__).resolve().parents[2])


def probe_video(path: str | Path, limits: VideoLimits | None = None) -> VideoFacts:
    """Facts of a video or still image, of which no more than one frame is decoded.

    The first bytes decide which demuxer may see the file. It then runs in a process with little
    memory and time that may write no file: what hangs or crashes it does so there.

    Args:
        path: of a file, not of a link.
        limits: by default those of :class:`VideoLimits`.

    Raises:
        UnusableVideo: no video, a damaged one, or one beyond the limits; says what to do.
    """
    limits = limits or VideoLimits()
    place = Path(os.path.abspath(path))
    kind = file_kind(place, limits)
    words = [sys.executable, "-B", "-m", "explorer.clips.inspection", str(place), kind]
    try:
        done = subprocess.run(
            [*words, _as_json(limits)],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=2 * limits.probe_seconds,
            check=False,
            env=_environment(),
        )
        found = json.loads(done.stdout) if done.returncode == 0 else {}
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        found = {}
    if "facts" in found:
        return VideoFacts(**found["facts"])
    raise UnusableVideo(
        found.get("refused")
        or "Looking into the file took too much time or memory and was stopped: it is damaged, or "
        "made to do harm. If it plays elsewhere, save it again as mp4."
    )


def file_kind(place: Path, limits: VideoLimits) -> str:
    """The container or kind of picture by the first bytes of an ordinary file.

    Raises:
        UnusableVideo: a link, a folder or a device, empty, too large, or something else.
    """
    try:
        found = place.lstat()
    except (OSError, ValueError) as error:
        raise UnusableVideo("There is no such file; choose it again.") from error
    if not stat.S_ISREG(found.st_mode):
        raise UnusableVideo("This is a link, a folder or a device; give the video file itself.")
    if found.st_size == 0:
        raise UnusableVideo("The file is empty (0 bytes): perhaps its transfer was cut off.")
    if found.st_size > limits.max_bytes:
        raise UnusableVideo(
            f"The file has {found.st_size / 1e6:.0f} MB; at most {limits.max_bytes / 1e6:.0f} MB "
            "are taken. Cut the video, or save it with a lower quality."
        )
    with place.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = container_of(head)
    if kind in limits.containers:
        return str(kind)
    if picture := picture_of(head):
        return picture
    raise UnusableVideo(
        f"By its content this is {describe(head)}. Expected a video (mp4, mov, mkv, webm, avi) or "
        "a picture (png, jpg, webp, bmp)."
    )


def _as_json(limits: VideoLimits) -> str:
    lists = {"containers": sorted(limits.containers), "codecs": sorted(limits.codecs)}
    return json.dumps(asdict(limits) | lists)


def _environment() -> dict[str, str]:
    # One thread: each reserves memory, of which there is little.
    paths = os.pathsep.join([_ROOT, *(entry for entry in sys.path if entry)])
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return os.environ | threads | {"PYTHONPATH": paths}
