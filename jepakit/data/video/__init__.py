"""Clips of video files and still images, decoded while training."""

from jepakit.data.video.augmentation import Augmentation
from jepakit.data.video.loader import video_batches
from jepakit.data.video.mixing import StillImages
from jepakit.data.video.module import VideoDataModule
from jepakit.data.video.sampling import FrameSampling

__all__ = ["Augmentation", "FrameSampling", "StillImages", "VideoDataModule", "video_batches"]
