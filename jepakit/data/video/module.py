"""The data module of video files: asks the model what it needs, decodes and streams it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from jepakit.batch import BatchRequest
from jepakit.data.faults import FaultLedger
from jepakit.data.order import Deals, Order
from jepakit.data.stream import Opened, StreamDataModule, Which
from jepakit.data.video.augmentation import Augmentation
from jepakit.data.video.catalogue import Catalogue, read_catalogue
from jepakit.data.video.dataset import VideoBatches, check_request
from jepakit.data.video.decoder import check_decoder
from jepakit.data.video.mixing import (
    MixedBatches,
    MixedDealer,
    MixedPosition,
    StillImages,
    TakesStills,
    check_strategy,
)
from jepakit.data.video.sampling import FrameSampling

REMEDY = "Replace or delete these files"


class VideoDataModule(StreamDataModule):
    """Clips of video files and still images, decoded in the loader.

    Order, resume and ranks are those of :class:`jepakit.data.module.SceneDataModule`: set
    ``max_steps``, and ``val_check_interval`` with ``check_val_every_n_epoch: null``. Videos that
    cannot be read are replaced by the next in order and counted. A video shorter than a clip
    repeats its last frame, and a still image is repeated for the whole clip; with ``images``, there
    are batches of images of one frame beside those of clips.

    Args:
        train: folder of videos (sub-folders are classes), or a .csv or .txt list of them with lines
            such as ``PATH LABEL``.
        val: the same for validation; None validates on ``val_share``.
        sampling: which frames make a clip.
        images: still images to train on beside the clips, for a model with a tokenizer of its own
            for them, under the same augmentation; validation is of clips alone.
        val_share: share of the training videos that are held out for validation, where ``val`` is
            None; always the same ones, and with all of their clips.
        augmentation: which part of the picture is seen.
        batch_size: samples per rank and micro-batch.
        workers: decoding processes per rank.
        seed: of the order, of views and of masks.
        last: what happens to samples that fill no global batch at the end of an epoch (see Dealer).
        decoder: ``pyav`` brings its FFmpeg along and was the faster one in
            ``bench.video_loading``; ``torchcodec`` uses the FFmpeg of the system.
        bad_sample_budget: share of unreadable videos that are skipped before the run stops.
    """

    def __init__(
        self,
        train: str,
        *,
        sampling: FrameSampling,
        val: str | None = None,
        images: StillImages | None = None,
        val_share: float = 0.0,
        augmentation: Augmentation = Augmentation(),  # noqa: B008
        batch_size: int = 32,
        workers: int = 0,
        seed: int = 0,
        last: Literal["carry", "drop", "pad"] = "carry",
        decoder: Literal["pyav", "torchcodec"] = "pyav",
        bad_sample_budget: float = 0.001,
    ) -> None:
        if val is not None and val_share:
            raise ValueError(f"Give val ({val}) or val_share ({val_share}), not both.")
        super().__init__(
            validates=val is not None or val_share > 0,
            batch_size=batch_size,
            workers=workers,
            seed=seed,
            last=last,
        )
        if images is not None:
            if last != "carry":
                raise ValueError(f"With images both orders carry over: last is {last!r}.")
            self._start = MixedPosition(0, 0, 0, 0, 0)
        self.train, self.val, self.val_share = train, val, val_share
        self.images = images
        self._mixed: MixedDealer | None = None
        self.sampling, self.augmentation = sampling, augmentation
        self.decoder = decoder
        self.bad_sample_budget = bad_sample_budget

    def open(self, which: Which) -> Opened:
        """Read folder or list; the files themselves are opened when their turn comes."""
        request = self.model.request
        check_decoder(self.decoder)
        check_request(request)
        catalogue = self._catalogue(which)
        clips = partial(self._batches, which, catalogue, request, self.sampling)
        if which == "train" and self.images is not None:
            return self._with_images(self.images, catalogue, clips)
        samples = len(catalogue) * (1 if which == "train" else self.sampling.clips)
        return Opened((samples,), catalogue.fingerprint, clips, partial(self._ledger, samples))

    def _with_images(
        self, images: StillImages, catalogue: Catalogue, clips: Callable[[Order, int], VideoBatches]
    ) -> Opened:
        request = self.model.still_request if isinstance(self.model, TakesStills) else None
        if request is None:
            raise ValueError(
                "data.images was given, but the model has no tokenizer for them: choose an encoder "
                "of variant '2.1', or leave data.images out."
            )
        stills = read_catalogue(images.path).without_labels()
        self._mixed = images.dealer(
            len(catalogue), len(stills), batch=self.batch_size, world=self._trainer.world_size
        )
        one = FrameSampling(stride=1)

        def batches(order: Order, allowed: int) -> MixedBatches:
            check_strategy(self._trainer.strategy, images.by)
            own = Order((len(stills),), seed=self.seed)
            others = self._batches("train", stills, request, one, own, allowed)
            return MixedBatches(clips(order, allowed), others)

        return Opened(
            (len(catalogue),),
            f"{catalogue.fingerprint}+{stills.fingerprint}",
            batches,
            partial(self._ledger, len(catalogue) + len(stills)),
        )

    @property
    def _training_dealer(self) -> Deals:
        return self._mixed or super()._training_dealer

    def _batches(
        self,
        which: Which,
        catalogue: Catalogue,
        request: BatchRequest,
        sampling: FrameSampling,
        order: Order,
        allowed: int,
    ) -> VideoBatches:
        return VideoBatches(
            catalogue,
            order=order,
            request=request,
            sampling=sampling,
            augmentation=self.augmentation,
            random=which == "train",
            decoder=self.decoder,
            masker=self.model.masker,
            seed=self.seed,
            allowed=allowed,
        )

    def _ledger(self, samples: int) -> FaultLedger:
        return FaultLedger(samples, self.bad_sample_budget, remedy=REMEDY)

    def _catalogue(self, which: Which) -> Catalogue:
        train = read_catalogue(self.train)
        if which == "val" and self.val is not None:
            return read_catalogue(self.val, classes=train.classes)
        return train.divide(self.val_share)[which == "val"] if self.val_share else train
