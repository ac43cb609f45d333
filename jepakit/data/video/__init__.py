"""Clips of video files and still images, decoded while training.

Parts are imported when they are asked for: preparing data reads videos without waiting for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jepakit.data.video.augmentation import Augmentation
    from jepakit.data.video.loader import video_batches
    from jepakit.data.video.mixing import StillImages
    from jepakit.data.video.module import VideoDataModule
    from jepakit.data.video.sampling import FrameSampling

__all__ = ["Augmentation", "FrameSampling", "StillImages", "VideoDataModule", "video_batches"]
_HOMES = {
    "Augmentation": "augmentation",
    "FrameSampling": "sampling",
    "StillImages": "mixing",
    "VideoDataModule": "module",
    "video_batches": "loader",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
