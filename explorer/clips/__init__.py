"""Clips to look at: generated scenes that know the truth, and videos that people bring along.

Parts are imported when they are asked for: a video is probed in a process that should not wait for
torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.clips.default_scene import default_clip
    from explorer.clips.generated import generated_clips, scene_clip
    from explorer.clips.limits import UnusableVideo, VideoFacts, VideoLimits
    from explorer.clips.names import safe_name
    from explorer.clips.probing import probe_video
    from explorer.clips.reading import read_clip
    from explorer.clips.resizing import Crop, crop_and_resize
    from explorer.clips.storage import (
        StoredVideo,
        remove_old,
        stored_path,
        stored_video,
        stored_videos,
    )
    from explorer.clips.uploads import accept_upload

__all__ = [
    "Crop",
    "StoredVideo",
    "UnusableVideo",
    "VideoFacts",
    "VideoLimits",
    "accept_upload",
    "crop_and_resize",
    "default_clip",
    "generated_clips",
    "probe_video",
    "read_clip",
    "remove_old",
    "safe_name",
    "scene_clip",
    "stored_path",
    "stored_video",
    "stored_videos",
]
_HOMES = {
    "Crop": "resizing",
    "StoredVideo": "storage",
    "UnusableVideo": "limits",
    "VideoFacts": "limits",
    "VideoLimits": "limits",
    "accept_upload": "uploads",
    "crop_and_resize": "resizing",
    "default_clip": "default_scene",
    "generated_clips": "generated",
    "probe_video": "probing",
    "read_clip": "reading",
    "remove_old": "storage",
    "safe_name": "names",
    "scene_clip": "generated",
    "stored_path": "storage",
    "stored_video": "storage",
    "stored_videos": "storage",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
