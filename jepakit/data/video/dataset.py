"""Batches of clips that are decoded from video files when they are asked for."""

from __future__ import annotations

import logging

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray

from jepakit.batch import BatchRequest
from jepakit.data.batches import Batches
from jepakit.data.collate import Clip, Pixels
from jepakit.data.order import Order
from jepakit.data.schema import BadSample
from jepakit.data.video.augmentation import Augmentation
from jepakit.data.video.catalogue import Catalogue, Entry
from jepakit.data.video.decoder import DecoderName, is_image, open_video
from jepakit.data.video.frame_source import FrameSource
from jepakit.data.video.sampling import FrameSampling
from jepakit.protocols import AnyMasker
from jepakit.seeds import generator

_LOGGER = logging.getLogger(__name__)


class VideoBatches(Batches):
    """Whole batches of clips of videos, see :class:`jepakit.data.batches.Batches`.

    Clips have no objects (``k = 0``), and a label as the target ``label`` where their videos do.

    Args:
        catalogue: the videos. Sample ``n`` is clip ``n % sampling.clips`` of video
            ``n // sampling.clips``; in training each video is one sample.
        order: in which samples are numbered,.
        request: what the model takes.
        sampling: which frames make a clip.
        augmentation: which part of the picture is seen.
        random: draw start and window with (seed, epoch, key); False spreads the clips evenly and
            shows the centre.
        decoder: of video files.
        masker: hides tokens; None for batches without masks.
        seed: of views and masks.
        allowed: damaged samples in a row after which reading stops.

    Raises:
        ValueError: the model asks for label maps or counterfactuals, or its clips do not divide
            into tokens.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        order: Order,
        request: BatchRequest,
        sampling: FrameSampling,
        augmentation: Augmentation,
        random: bool = True,
        decoder: DecoderName = "pyav",
        masker: AnyMasker | None = None,
        seed: int = 0,
        allowed: int = 0,
    ) -> None:
        check_request(request)
        super().__init__(
            order,
            request=request,
            targets=("label",) if catalogue.is_labelled else (),
            masker=masker,
            seed=seed,
            allowed=allowed,
        )
        self.catalogue = catalogue
        self.sampling = sampling
        self.augmentation = augmentation
        self.random = random
        self.decoder: DecoderName = decoder
        self._said_short = False

    def key(self, number: int) -> str:
        """The key of the video, and the number of the clip where a video has several."""
        entry, clip = self._locate(number)
        return entry.key if self._clips == 1 else f"{entry.key}--{clip}"

    def decode(self, number: int, epoch: int, row: int, pixels: Pixels) -> Clip:
        """Decode a clip into a row of ``pixels``.

        Raises:
            BadSample: the video cannot be read.
        """
        (entry, clip), key = self._locate(number), self.key(number)
        draws = generator("video", self.seed, epoch, key)
        at = torch.rand((), generator=draws).item() if self.random else self.sampling.centre(clip)
        with open_video(entry.path, self.decoder) as video:
            self._fill(video, entry, at, draws, pixels.frames[row])
        coverage = np.zeros((0, *self.request.grid), dtype=np.uint8)
        targets = {} if entry.label is None else {"label": float(entry.label)}
        return Clip(key, epoch, coverage, removed=0, targets=targets)

    def _fill(
        self,
        video: FrameSource,
        entry: Entry,
        at: float,
        draws: torch.Generator,
        out: UInt8[ndarray, "t h w 3"],
    ) -> None:
        numbers = self.sampling.numbers(video.seconds, len(out), at=at)
        self._say_short(video, entry)
        window, size = None, (0, 0)
        distinct = np.unique(numbers).tolist()
        for number, frame in zip(distinct, video.frames(distinct), strict=True):
            if window is None:
                size = frame.shape[0], frame.shape[1]
                window = (
                    self.augmentation.draw(size, draws)
                    if self.random
                    else self.augmentation.middle(size, self.request.size)
                )
            elif frame.shape[:2] != size:
                raise BadSample(f"{entry.path}: frame {number} changes the size of the picture")
            out[numbers == number] = window.resized(frame, self.request.size).numpy()

    def _say_short(self, video: FrameSource, entry: Entry) -> None:
        frames = self.request.frames
        if self._said_short or not self.sampling.is_short(video.seconds, frames):
            return
        if not is_image(entry.path):
            self._said_short = True
            _LOGGER.warning(
                "%s ends before a clip of %d frames does; its last frame is repeated, as in all "
                "short videos (said once per process).",
                entry.path,
                frames,
            )

    def _locate(self, number: int) -> tuple[Entry, int]:
        video, clip = divmod(number, self._clips)
        return self.catalogue.entries[video], clip

    @property
    def _clips(self) -> int:
        return 1 if self.random else self.sampling.clips


def check_request(request: BatchRequest) -> None:
    """Refuse what videos cannot give.

    Raises:
        ValueError: label maps, counterfactuals, or clips that do not divide into tokens.
    """
    if request.labels or request.counterfactual:
        raise ValueError(
            "The model asks for label maps or re-simulated clips, which video files do not have. "
            "Use an intervention that needs neither, or shards that carry them."
        )
    (height, width), patch, tubelet = request.size, request.patch, request.tubelet
    if request.frames % tubelet or height % patch or width % patch:
        raise ValueError(
            f"{request.frames} frames of {height}x{width} pixels do not divide into tubelets of "
            f"{tubelet} and patches of {patch}."
        )
