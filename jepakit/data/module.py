"""The data module: asks the model what it needs and streams it, resumable at any step."""

from __future__ import annotations

from typing import Any, Literal

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_info

from jepakit.batch import BatchRequest, SceneBatch
from jepakit.data.dataset import BatchDataset
from jepakit.data.faults import FaultLedger
from jepakit.data.loader import ClipLoader, PlaceSampler
from jepakit.data.order import Dealer, Last, Order, Position
from jepakit.data.shard_reader import ShardReader
from jepakit.data.views import Views

_BEGINNING = Position(0, 0)


class SceneDataModule(L.LightningDataModule):
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
    ) -> None:
        super().__init__()
        self.train, self.val = train, val
        self.batch_size = batch_size
        self.workers = workers
        self.seed = seed
        self.splits = splits
        self.window = window
        self.last: Last = last
        self.flip, self.stride, self.crop = flip, stride, crop
        self.bad_sample_budget = bad_sample_budget
        self.ledger: FaultLedger | None = None
        self._start, self._start_step = _BEGINNING, 0
        self._readers: dict[str, ShardReader] = {}
        if val is None:  # Lightning asks whether the method is its own, and validates if it is not
            self.val_dataloader = super().val_dataloader  # type: ignore[method-assign]

    def setup(self, stage: str) -> None:
        """Open the shards that this stage reads and hold them against what the model takes."""
        wanted = {"fit": ("train", "val"), "validate": ("val",)}.get(stage, ())
        for which in wanted:
            path = self.train if which == "train" else self.val
            if path is not None and which not in self._readers:
                split = self.splits[which == "val"]
                self._readers[which] = ShardReader(path, split=split)
                self._views(which)

    @property
    def position(self) -> Position:
        """Samples consumed by all ranks up to the last optimizer step."""
        batches = (
            self._trainer.global_step - self._start_step
        ) * self._trainer.accumulate_grad_batches
        return self._dealer("train").after(self._start, batches)

    def train_dataloader(self) -> ClipLoader:
        """The endless stream of this rank, from the current position on."""
        reader = self._readers["train"]
        self.ledger = FaultLedger(len(reader), self.bad_sample_budget)
        order = Order(reader.sizes, seed=self.seed, window=self.window)
        return self._loader("train", order, self.ledger)

    def val_dataloader(self) -> ClipLoader:
        """One pass over the validation split, the same views and masks every time."""
        reader = self._readers["val"]
        ledger = FaultLedger(len(reader), self.bad_sample_budget)
        return self._loader("val", Order(reader.sizes, shuffle=False), ledger)

    def transfer_batch_to_device(
        self,
        batch: SceneBatch,
        device: torch.device,
        dataloader_idx: int,  # noqa: ARG002
    ) -> SceneBatch:
        """Copy without waiting; batches of a GPU run are in page-locked memory."""
        return batch.to(device, non_blocking=device.type == "cuda")

    def state_dict(self) -> dict[str, Any]:
        """Place in the stream, and what it means only together with."""
        if "train" not in self._readers:
            return {}
        return {
            "position": tuple(self.position),
            "global_step": self._trainer.global_step,
            "seed": self.seed,
            "fingerprint": self._readers["train"].manifest.fingerprint,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a saved place.

        Raises:
            ValueError: it was saved with another seed or other shards, where it means nothing.
        """
        here: dict[str, Any] = {"seed": self.seed}
        if "train" in self._readers:
            here["fingerprint"] = self._readers["train"].manifest.fingerprint
        for name, value in here.items():
            if state_dict[name] != value:
                raise ValueError(
                    f"The checkpoint's data {name} is {state_dict[name]}, here it is {value}: the "
                    "order of samples would change. Resume with the same data and seed, or start a "
                    "new run from the weights."
                )
        self._start = Position(*state_dict["position"])
        self._start_step = state_dict["global_step"]

    def _loader(self, which: str, order: Order, ledger: FaultLedger) -> ClipLoader:
        training = which == "train"
        dataset = BatchDataset(
            self._readers[which],
            order=order,
            views=self._views(which),
            masker=self._model.masker,
            seed=self.seed,
            allowed=ledger.allowed,
        )
        sampler = PlaceSampler(
            self._dealer(which),
            rank=self._trainer.global_rank,
            start=(lambda: self.position) if training else (lambda: _BEGINNING),
            endless=training,
        )
        self._say_what_is_left(which)
        pin = self._trainer.strategy.root_device.type == "cuda"
        return ClipLoader(dataset, sampler, ledger, workers=self.workers, pin=pin)

    def _say_what_is_left(self, which: str) -> None:
        dealer = self._dealer(which)
        rest = dealer.samples % dealer.joint
        done = {"drop": "left out", "pad": f"completed with the first {dealer.joint - rest}"}
        if rest and dealer.last in done:
            rank_zero_info(
                f"{which}: {rest} of {dealer.samples} samples fill no global batch of "
                f"{dealer.joint}; in every epoch they are {done[dealer.last]}."
            )

    def _dealer(self, which: str) -> Dealer:
        world, samples = self._trainer.world_size, len(self._readers[which])
        last = self.last if which == "train" else "short" if world == 1 else "pad"
        return Dealer(samples, self.batch_size, world, last)

    def _views(self, which: str) -> Views:
        request: BatchRequest = self._model.request
        return Views(
            self._readers[which].form,
            request,
            seed=self.seed,
            random=which == "train",
            flip=self.flip,
            stride=self.stride,
            crop=self.crop,
        )

    @property
    def _trainer(self) -> L.Trainer:
        if self.trainer is None:
            raise ValueError(
                "SceneDataModule needs a trainer; call trainer.fit(model, datamodule)."
            )
        return self.trainer

    @property
    def _model(self) -> Any:
        return self._trainer.lightning_module
