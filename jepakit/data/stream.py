"""What every data module has in common: one endless stream, resumable at any step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_info

from jepakit.batch import SceneBatch
from jepakit.data.batches import OrderedBatches
from jepakit.data.faults import FaultLedger
from jepakit.data.loader import ClipLoader, PlaceSampler
from jepakit.data.order import Dealer, Deals, Last, Order, Position
from jepakit.transitions import TransitionBatch

Which = Literal["train", "val"]
AnyBatch = TypeVar("AnyBatch", SceneBatch, TransitionBatch)
_BEGINNING = Position(0, 0)


@dataclass(frozen=True)
class Opened:
    """Samples for training or validation, opened and held against what the model takes.

    Attributes:
        sizes: samples of each shard, what an Order is made of.
        fingerprint: changes when the samples or their numbers do.
        batches: makes the data set, given an order and the damaged samples that are allowed.
        ledger: makes the count of damaged samples.
    """

    sizes: tuple[int, ...]
    fingerprint: str
    batches: Callable[[Order, int], OrderedBatches[Any]]
    ledger: Callable[[], FaultLedger]


class StreamDataModule(L.LightningDataModule, ABC):
    """Deals a seeded order of samples to ranks and workers, and continues it after a resume.

    Training is one endless stream without Lightning epochs: set ``max_steps``, and
    ``val_check_interval`` with ``check_val_every_n_epoch: null``. The place in the stream follows
    from ``trainer.global_step`` and is saved with the checkpoint, so a resumed run continues with
    the next unseen sample, whatever the number of workers or ranks.

    Args:
        validates: whether there is a validation split.
        batch_size: rows of a batch per rank and micro-batch.
        rows_per_sample: rows of a batch that each sample gives, such as windows of an episode.
        workers: decoding processes per rank.
        seed: of the order, of views and of masks.
        window: shards per shuffling window; 0 shuffles all samples.
        last: what happens to samples that fill no global batch at the end of an epoch (see Dealer).
    """

    def __init__(
        self,
        *,
        validates: bool,
        batch_size: int,
        workers: int,
        seed: int,
        window: int = 0,
        last: Last = "carry",
        rows_per_sample: int = 1,
    ) -> None:
        super().__init__()
        if rows_per_sample < 1 or batch_size % rows_per_sample:
            raise ValueError(
                f"A batch of {batch_size} rows does not divide into samples of {rows_per_sample}; "
                "choose a batch_size that does."
            )
        self.batch_size = batch_size
        self.rows_per_sample = rows_per_sample
        self.workers = workers
        self.seed = seed
        self.window = window
        self.last: Last = last
        self.ledger: FaultLedger | None = None
        self._validates = validates
        self._start: Any = _BEGINNING  # what the training Dealer counts from
        self._start_step = 0
        self._opened: dict[Which, Opened] = {}
        if not validates:  # Lightning asks whether the method is its own, and validates if it isn't
            self.val_dataloader = super().val_dataloader  # type: ignore[method-assign]

    @abstractmethod
    def open(self, which: Which) -> Opened:
        """Find the samples and hold them against ``self.model.request``.

        Raises:
            ValueError: they cannot give what the model takes.
        """

    def setup(self, stage: str) -> None:
        """Open what this stage reads."""
        wanted: dict[str, tuple[Which, ...]] = {"fit": ("train", "val"), "validate": ("val",)}
        for which in wanted.get(stage, ()):
            if which not in self._opened and (which == "train" or self._validates):
                self._opened[which] = self.open(which)

    @property
    def position(self) -> Any:
        """Samples consumed by all ranks up to the last optimizer step, a Position of the dealer."""
        batches = (
            self._trainer.global_step - self._start_step
        ) * self._trainer.accumulate_grad_batches
        return self._training_dealer.after(self._start, batches)

    @property
    def model(self) -> Any:
        """The trainer's model: its ``request`` and its ``masker`` say what a batch has."""
        return self._trainer.lightning_module

    def train_dataloader(self) -> ClipLoader[OrderedBatches[Any]]:
        """The endless stream of this rank, from the current position on."""
        opened = self._opened["train"]
        self.ledger = opened.ledger()
        order = Order(opened.sizes, seed=self.seed, window=self.window)
        return self._loader("train", order, self.ledger)

    def val_dataloader(self) -> ClipLoader[OrderedBatches[Any]]:
        """One pass over the validation split, the same views and masks every time."""
        opened = self._opened["val"]
        return self._loader("val", Order(opened.sizes, shuffle=False), opened.ledger())

    def transfer_batch_to_device(
        self,
        batch: AnyBatch,
        device: torch.device,
        dataloader_idx: int,  # noqa: ARG002
    ) -> AnyBatch:
        """Copy without waiting; batches of a GPU run are in page-locked memory."""
        return batch.to(device, non_blocking=device.type == "cuda")

    def state_dict(self) -> dict[str, Any]:
        """Place in the stream, and what it means only together with."""
        if "train" not in self._opened:
            return {}
        return {
            "position": tuple(self.position),
            "global_step": self._trainer.global_step,
            "seed": self.seed,
            "fingerprint": self._opened["train"].fingerprint,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a saved place.

        Raises:
            ValueError: it was saved with another seed or other samples, where it means nothing.
        """
        here: dict[str, Any] = {"seed": self.seed}
        if "train" in self._opened:
            here["fingerprint"] = self._opened["train"].fingerprint
        for name, value in here.items():
            if state_dict[name] != value:
                raise ValueError(
                    f"The checkpoint's data {name} is {state_dict[name]}, here it is {value}: the "
                    "order of samples would change. Resume with the same data and seed, or start a "
                    "new run from the weights."
                )
        self._start = type(self._start)(*state_dict["position"])
        self._start_step = state_dict["global_step"]

    def _loader(
        self, which: Which, order: Order, ledger: FaultLedger
    ) -> ClipLoader[OrderedBatches[Any]]:
        training = which == "train"
        sampler = PlaceSampler(
            self._training_dealer if training else self._dealer(which),
            rank=self._trainer.global_rank,
            start=(lambda: self.position) if training else (lambda: _BEGINNING),
            endless=training,
        )
        self._say_what_is_left(which)
        dataset = self._opened[which].batches(order, ledger.allowed)
        pin = self._trainer.strategy.root_device.type == "cuda"
        return ClipLoader(dataset, sampler, ledger, workers=self.workers, pin=pin)

    def _say_what_is_left(self, which: Which) -> None:
        dealer = self._dealer(which)
        rest = dealer.samples % dealer.joint
        done = {"drop": "left out", "pad": f"completed with the first {dealer.joint - rest}"}
        if rest and dealer.last in done:
            rank_zero_info(
                f"{which}: {rest} of {dealer.samples} samples fill no global batch of "
                f"{dealer.joint}; in every epoch they are {done[dealer.last]}."
            )

    def _dealer(self, which: Which) -> Dealer:
        world, samples = self._trainer.world_size, sum(self._opened[which].sizes)
        last = self.last if which == "train" else "short" if world == 1 else "pad"
        return Dealer(samples, self.batch_size // self.rows_per_sample, world, last)

    @property
    def _training_dealer(self) -> Deals:
        return self._dealer("train")

    @property
    def _trainer(self) -> L.Trainer:
        if self.trainer is None:
            raise ValueError(
                f"{type(self).__name__} needs a trainer; call trainer.fit(model, datamodule)."
            )
        return self.trainer
