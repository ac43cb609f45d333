"""Still images trained on beside clips: which batches are images, and how both orders are dealt."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from lightning.pytorch.strategies import ParallelStrategy, Strategy
from torch.nn.parallel import DistributedDataParallel

from jepakit.batch import BatchRequest, SceneBatch
from jepakit.data.batches import Faults, OrderedBatches
from jepakit.data.order import Dealer, Position
from jepakit.data.video.dataset import VideoBatches


@dataclass(frozen=True)
class StillImages:
    """Still images beside the clips, in batches of their own.

    With ``by: rank`` some ranks see images alone and the others clips alone, and what an optimizer
    step averages is the loss of every rank (V-JEPA 2.1: half of the ranks, 72 images or 24 clips on
    each). With ``by: batch`` all ranks take images in some batches and clips in the others, images
    first. Where as many batches as the pattern has are accumulated (``share: 0.5`` and
    ``accumulate_grad_batches: 2``), every step averages over both kinds as it does by rank; without
    accumulation each step is of one kind. Logged losses are those of the last batch of a step.

    Attributes:
        path: folder or list of images, as for clips; labels are left aside. A video in it gives a
            frame, drawn at random.
        batch_size: images per rank and micro-batch.
        share: of the ranks or of the batches that are images.
        by: whether ranks or batches are of one kind.
    """

    path: str
    batch_size: int
    share: float = 0.5
    by: Literal["rank", "batch"] = "rank"

    def __post_init__(self) -> None:
        """Refuse shares of nothing or of all."""
        if not 0 < self.share < 1 or self.batch_size < 1:
            raise ValueError(
                f"images.share must lie between 0 and 1 and images.batch_size be positive, got "
                f"{self.share} and {self.batch_size}."
            )

    def dealer(self, clips: int, stills: int, *, batch: int, world: int) -> MixedDealer:
        """Deals both orders to the ranks.

        Args:
            clips: samples per epoch.
            stills: images per epoch.
            batch: clips per rank and batch.
            world: number of ranks.

        Raises:
            ValueError: a share of the ranks that is no whole number of them.
        """
        if self.by == "batch":
            share = Fraction(self.share).limit_denominator(100)
            return MixedDealer(
                Dealer(clips, batch, world), Dealer(stills, self.batch_size, world), share
            )
        ranks = round(self.share * world)
        if not 0 < ranks < world or abs(self.share * world - ranks) > 0.05:
            raise ValueError(
                f"images.share={self.share} of {world} ranks is {self.share * world:g} ranks; "
                "choose a share that is a whole number of them and not all, or images.by='batch'."
            )
        return MixedDealer(
            Dealer(clips, batch, world - ranks), Dealer(stills, self.batch_size, ranks)
        )


def check_strategy(strategy: Strategy, by: Literal["rank", "batch"]) -> None:
    """Refuse a strategy that waits for gradients of parts that only the other kind uses.

    Raises:
        ValueError: DDP that does not look for them, or a sharded model whose ranks differ.
    """
    model = strategy.model
    if isinstance(model, DistributedDataParallel):
        if not model.find_unused_parameters:
            raise ValueError(
                "With data.images, a batch leaves the tokenizer of the other kind without a "
                "gradient: set trainer.strategy to ddp_find_unused_parameters_true."
            )
    elif by == "rank" and isinstance(strategy, ParallelStrategy) and strategy.world_size > 1:
        raise ValueError(
            "images.by='rank' needs ddp_find_unused_parameters_true; the ranks of "
            f"{type(strategy).__name__} must use the same parts: set images.by='batch'."
        )


@runtime_checkable
class TakesStills(Protocol):
    """A model that can be trained on still images."""

    @property
    def still_request(self) -> BatchRequest | None:
        """The images that it takes; None where it is built for clips alone."""


class StillPlace(Position):
    """A place in the order of the images."""


class MixedPosition(NamedTuple):
    """How far all ranks together have come: in clips, in images, and in batches of either."""

    epoch: int
    offset: int
    still_epoch: int
    still_offset: int
    batches: int

    @property
    def clips(self) -> Position:
        """In the order of the clips."""
        return Position(self.epoch, self.offset)

    @property
    def stills(self) -> Position:
        """In the order of the images."""
        return Position(self.still_epoch, self.still_offset)


@dataclass(frozen=True)
class MixedDealer:
    """Deals clips and images, each in its own order; stands where a Dealer does.

    Which batch is of which kind follows from its number since the start of the run, and from the
    rank. Both orders carry over the end of an epoch.

    Attributes:
        clips: to the first ranks, or to all.
        stills: to the last ranks, or to all.
        share: of the batches that are images on every rank; None where ranks are of one kind.
    """

    clips: Dealer
    stills: Dealer
    share: Fraction | None = None

    @property
    def batch(self) -> int:
        """Clips per rank and batch."""
        return self.clips.batch

    def batches(self, offset: int = 0) -> int:
        """Global batches of clips that start in an epoch at or after ``offset``."""
        return self.clips.batches(offset)

    def after(self, start: MixedPosition, batches: int) -> MixedPosition:
        """The position once every rank has taken ``batches`` batches from ``start`` on."""
        clips = stills = batches
        if self.share is not None:
            stills = self._stills_before(start.batches + batches) - self._stills_before(
                start.batches
            )
            clips = batches - stills
        return MixedPosition(
            *self.clips.after(start.clips, clips),
            *self.stills.after(start.stills, stills),
            start.batches + batches,
        )

    def stream(self, start: MixedPosition, rank: int) -> Iterator[list[Position]]:
        """This rank's batches from ``start`` on, without end; images are StillPlaces."""
        position = self.after(start, 0)
        first = 0 if self.share is not None else self.clips.world  # rank that sees images
        while True:
            coming = self.after(position, 1)
            images = coming.stills != position.stills if self.share else rank >= first
            if images:
                places = self.stills.deal(position.stills, rank - first)
                yield [StillPlace(*place) for place in places]
            else:
                yield self.clips.deal(position.clips, rank)
            position = coming

    def _stills_before(self, batch: int) -> int:
        return math.ceil(batch * (self.share or 0))


class MixedBatches(OrderedBatches[SceneBatch]):
    """Batches of clips or, at StillPlaces, of images.

    Args:
        clips: batches of clips.
        stills: batches of images, which get the targets of the clips, all undefined.
    """

    def __init__(self, clips: VideoBatches, stills: VideoBatches) -> None:
        super().__init__(clips.order, request=clips.request, seed=clips.seed, allowed=clips.allowed)
        self.clips = clips
        self.stills = stills
        stills.targets = clips.targets

    @property
    def sample_bytes(self) -> int:
        """Of a clip."""
        return self.clips.sample_bytes

    def key(self, number: int) -> str:
        """The name of a clip."""
        return self.clips.key(number)

    def __getitem__(self, places: Sequence[Position]) -> tuple[SceneBatch, Faults]:
        """Read, decode and mask clips or images."""
        return (self.stills if isinstance(places[0], StillPlace) else self.clips)[places]
