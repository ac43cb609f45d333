from .augmentation import Augmentation as Augmentation
from .loader import video_batches as video_batches
from .mixing import StillImages as StillImages
from .module import VideoDataModule as VideoDataModule
from .sampling import FrameSampling as FrameSampling
