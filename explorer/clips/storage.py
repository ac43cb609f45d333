"""The folder of uploaded videos: files under random ids, gone when they are old or too many."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from explorer.clips.limits import UnusableVideo, VideoFacts

MEDIA, NOTES, UNFINISHED = ".media", ".json", ".part"
QUOTA_BYTES = 2_000_000_000
MAX_AGE_S = 86_400.0
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class StoredVideo:
    """A video in the folder.

    Attributes:
        id: by which it is asked for; tells nothing of the file.
        name: made fit to be shown.
        facts: of the video.
    """

    id: str
    name: str
    facts: VideoFacts


def stored_path(folder: str | Path, video_id: str) -> Path:
    """Where the video lies.

    Raises:
        UnusableVideo: it is not in the folder, or this is no id.
    """
    place = Path(folder, video_id + MEDIA) if _ID.fullmatch(video_id) else None
    if place is None or place.is_symlink() or not place.is_file():
        raise UnusableVideo("This video is no longer stored; upload it again.")
    return place


def stored_video(folder: str | Path, video_id: str) -> StoredVideo:
    """What is known of a stored video.

    Raises:
        UnusableVideo: it is not in the folder, or this is no id.
    """
    notes = stored_path(folder, video_id).with_suffix(NOTES)
    try:
        known = json.loads(notes.read_bytes())
    except OSError as error:
        raise UnusableVideo("This video is no longer stored; upload it again.") from error
    return StoredVideo(video_id, known["name"], VideoFacts(**known["facts"]))


def stored_videos(folder: str | Path) -> list[StoredVideo]:
    """All videos of the folder, the latest first."""
    return [stored_video(folder, place.stem) for place in reversed(_by_age(Path(folder)))]


def write_notes(folder: Path, video: StoredVideo) -> None:
    """Keep what is known of a video beside it."""
    notes = {"name": video.name, "facts": asdict(video.facts)}
    (folder / (video.id + NOTES)).write_text(json.dumps(notes))


def remove_old(
    folder: str | Path, *, max_age_s: float = MAX_AGE_S, quota_bytes: int = QUOTA_BYTES
) -> int:
    """Delete videos by age, then the oldest ones until the rest fits; returns how many.

    Args:
        folder: nothing else in it is touched.
        max_age_s: seconds since the upload.
        quota_bytes: of all that remain.
    """
    root, gone = Path(folder), 0
    latest = time.time() - max_age_s
    for place in root.glob("*" + UNFINISHED):
        if _ID.fullmatch(place.stem) and place.lstat().st_mtime < latest:
            place.unlink(missing_ok=True)
    found = _by_age(root)
    total = sum(place.stat().st_size for place in found)
    for place in found:
        size, changed = place.stat().st_size, place.stat().st_mtime
        if changed >= latest and total <= quota_bytes:
            break
        place.unlink(missing_ok=True)
        place.with_suffix(NOTES).unlink(missing_ok=True)
        total, gone = total - size, gone + 1
    return gone


def _by_age(folder: Path) -> list[Path]:
    """Whole videos, the oldest first."""
    found = [
        place
        for place in folder.glob("*" + MEDIA)
        if _ID.fullmatch(place.stem) and place.with_suffix(NOTES).is_file()
    ]
    return sorted(found, key=lambda place: (place.stat().st_mtime_ns, place.name))
