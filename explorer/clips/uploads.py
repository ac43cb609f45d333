"""Takes in a file from outside: looked at, copied under a random id, probed, and only then kept."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from explorer.clips.limits import UnusableVideo, VideoLimits
from explorer.clips.names import safe_name
from explorer.clips.probing import file_kind, probe_video
from explorer.clips.storage import (
    MAX_AGE_S,
    MEDIA,
    QUOTA_BYTES,
    UNFINISHED,
    StoredVideo,
    remove_old,
    write_notes,
)

_CHUNK = 1 << 20


def accept_upload(
    path: str | Path,
    name: str,
    folder: str | Path,
    limits: VideoLimits | None = None,
    *,
    quota_bytes: int = QUOTA_BYTES,
    max_age_s: float = MAX_AGE_S,
) -> StoredVideo:
    """Store a video or picture that somebody gave.

    Its own name is only ever shown. Old videos are deleted on the way, the oldest also where the
    folder would hold more than its quota.

    Args:
        path: of the file as it came.
        name: that it had where it came from; any text.
        folder: of the stored videos; made where it is missing.
        limits: by default those of :class:`VideoLimits`.
        quota_bytes: of all stored videos.
        max_age_s: seconds after which a video may be deleted.

    Raises:
        UnusableVideo: not stored; the message says why, in words for the person who gave it.
    """
    limits = limits or VideoLimits()
    place, root = Path(path), Path(folder)
    file_kind(place, limits)
    size = place.lstat().st_size
    if size > quota_bytes:
        raise UnusableVideo(
            f"The file has {size / 1e6:.0f} MB, but all videos together may take "
            f"{quota_bytes / 1e6:.0f} MB here."
        )
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_old(root, max_age_s=max_age_s, quota_bytes=quota_bytes - size)
    unfinished = root / (secrets.token_hex(8) + UNFINISHED)
    try:
        _copy(place, unfinished, limits.max_bytes)
        # The copy, which nobody changes between this look and the next.
        video = StoredVideo(unfinished.stem, safe_name(name), probe_video(unfinished, limits))
        write_notes(root, video)
        unfinished.rename(unfinished.with_suffix(MEDIA))
    finally:
        unfinished.unlink(missing_ok=True)
    return video


def _copy(source: Path, target: Path, max_bytes: int) -> None:
    """Bytes of an ordinary file into a new one."""
    follow_no_link = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        reading = os.open(source, os.O_RDONLY | follow_no_link)
    except OSError as error:
        raise UnusableVideo("The file cannot be opened; choose it again.") from error
    writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | follow_no_link, 0o600)
    with os.fdopen(reading, "rb") as given, os.fdopen(writing, "wb") as taken:
        if not stat.S_ISREG(os.fstat(given.fileno()).st_mode):
            raise UnusableVideo("This is a link, a folder or a device; give the video file itself.")
        left = max_bytes + 1
        while left > 0 and (chunk := given.read(min(_CHUNK, left))):
            taken.write(chunk)
            left -= len(chunk)
    if left <= 0:
        raise UnusableVideo(f"The file has grown beyond {max_bytes / 1e6:.0f} MB meanwhile.")
