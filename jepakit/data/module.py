"""The data module of shards: asks the model what it needs and streams it."""

from __future__ import annotations

from typing import Literal

from jepakit.data.batches import Batches
from jepakit.data.dataset import BatchDataset
from jepakit.data.faults import FaultLedger
from jepakit.data.order import Order
from jepakit.data.shard_reader import ShardReader
from jepakit.data.stream import Opened, StreamDataModule, Which
from jepakit.data.views import Views


class SceneDataModule(StreamDataModule):
    """Clips with objects from shards, for training and validation.

    Training is one endless stream without Lightning epochs: set ``max_steps``, and
    ``val_check_interval`` with ``check_val_every_n_epoch: null``. The place in the stream follows
    from ``trainer.global_step`` and is saved with the checkpoint, so a resumed run continues with
    the next unseen sample, whatever the number of workers or ranks.

    Args:
        train: folder or remote prefix of the training shards.
        val: the same for validation (it may be the same folder); None validates nothing.
        batch_size: samples per rank and micro-batch.
        workers: decoding processes per rank.
        seed: of the order, of views and of masks.
        splits: names of the training and the validation split in the manifests.
        window: shards per shuffling window; 0 shuffles all samples. Use about 16 for remote shards.
        last: what happens to samples that fill no global batch at the end of an epoch (see Dealer).
        flip: mirror half of the training clips left to right.
        stride: distance of the frames taken from a clip.
        crop: cut windows of the model's size from larger clips (coverage then comes from labels).
        bad_sample_budget: share of damaged samples that are skipped before the run stops.
        path: a data set with both splits, in place of ``train`` and ``val`` (``--data.path DIR``).
    """

    def __init__(
        self,
        train: str,
        *,
        val: str | None = None,
        batch_size: int = 32,
        workers: int = 0,
        seed: int = 0,
        splits: tuple[str, str] = ("train", "val"),
        window: int = 0,
        last: Literal["carry", "drop", "pad"] = "carry",
        flip: bool = False,
        stride: int = 1,
        crop: bool = False,
        bad_sample_budget: float = 0.001,
        path: str | None = None,
    ) -> None:
        if path is not None:
            train = val = path
        super().__init__(
            validates=val is not None,
            batch_size=batch_size,
            workers=workers,
            seed=seed,
            window=window,
            last=last,
        )
        self.train, self.val = train, val
        self.splits = splits
        self.flip, self.stride, self.crop = flip, stride, crop
        self.bad_sample_budget = bad_sample_budget

    def open(self, which: Which) -> Opened:
        """Open the shards of a split and hold them against what the model takes."""
        path = self.train if which == "train" or self.val is None else self.val
        reader = ShardReader(path, split=self.splits[which == "val"])
        views = self._views(reader, which)

        def batches(order: Order, allowed: int) -> Batches:
            return BatchDataset(
                reader,
                order=order,
                views=views,
                masker=self.model.masker,
                seed=self.seed,
                allowed=allowed,
            )

        return Opened(
            reader.sizes,
            reader.manifest.fingerprint,
            batches,
            lambda: FaultLedger(len(reader), self.bad_sample_budget),
        )

    def _views(self, reader: ShardReader, which: Which) -> Views:
        return Views(
            reader.form,
            self.model.request,
            seed=self.seed,
            random=which == "train",
            flip=self.flip,
            stride=self.stride,
            crop=self.crop,
        )
