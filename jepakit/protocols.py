"""What evaluations, planning and the explorer may ask of a model, and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.batch import BatchRequest, TokenMasks


@runtime_checkable
class Encoder(Protocol):
    """A frozen encoder: clips in, token latents out."""

    @property
    def request(self) -> BatchRequest:
        """The clips that it takes."""

    @property
    def width(self) -> int:
        """``d``, the width of a token's latent."""

    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b n d"]:
        """Latents of every token of every clip, without gradient."""


@dataclass(frozen=True)
class Intervention:
    """What a model expects of a scene from which objects are removed.

    Attributes:
        predicted: predicted latents; visible positions hold the encoder's own context latents.
        residual: predicted change ``full - removed`` of each visible token; 0 at removed positions.
        visible: 1 where a token stayed visible, 0 where it was removed.
        pooled: one vector per sample, the mean of ``predicted`` over the removed positions.
    """

    predicted: Float[Tensor, "b n d"]
    residual: Float[Tensor, "b n d"]
    visible: Int[Tensor, "b n"]
    pooled: Float[Tensor, "b d"]


@runtime_checkable
class Intervenes(Protocol):
    """A model that answers "what if these objects were not there"."""

    def intervene(
        self,
        frames: UInt8[Tensor, "b t h w 3"],
        coverage: UInt8[Tensor, "b k tt hh ww"],
        objects: list[list[int]],
    ) -> Intervention:
        """Remove ``objects[i]`` (ids as in the label map) from sample ``i``."""


@runtime_checkable
class PredictsHidden(Protocol):
    """A model that says from the visible tokens of a clip what its hidden ones hold.

    Its context encoder and target encoder are the first of ``ema_pairs``. Every method works
    without gradient.
    """

    def visible_latents(
        self, frames: UInt8[Tensor, "b t h w 3"], masks: TokenMasks
    ) -> Float[Tensor, "c e"]:
        """What the predictor reads: latents of the visible tokens, encoded as in training."""

    def target_latents(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b n e"]:
        """What is to be predicted: the target encoder's latents of whole clips, not normalised."""

    def predict_hidden(
        self, context: Float[Tensor, "c e"], masks: TokenMasks
    ) -> Float[Tensor, "m e"]:
        """Latents of the hidden tokens, packed as ``masks.target``."""

    def hidden_errors(
        self, predicted: Float[Tensor, "m e"], target: Float[Tensor, "m e"]
    ) -> Float[Tensor, " m"]:
        """The training loss of each hidden token, given ``target_latents`` of the same tokens."""


@dataclass(frozen=True)
class MaskInput:
    """One sample as a masker sees it, on the CPU.

    Attributes:
        coverage: see :class:`jepakit.batch.SceneBatch`; ``k`` may be 0.
        frames: the clip, for maskers that look at pixels.
        forced: id of the object that must be hidden (the sample's counterfactual lacks it), or 0.
    """

    coverage: UInt8[Tensor, "k tt hh ww"]
    frames: UInt8[Tensor, "t h w 3"]
    forced: int = 0


@dataclass(frozen=True)
class SampleMask:
    """The masker's answer for one sample.

    Attributes:
        context: 1 for tokens the context encoder sees.
        slots: slot of each target token, -1 elsewhere.
        objects: ids of the hidden objects; empty when regions are not objects.
        fallback: whether no object was eligible and geometric blocks were used.
    """

    context: Int[Tensor, " n"]
    slots: Int[Tensor, " n"]
    objects: tuple[int, ...] = ()
    fallback: bool = False


@runtime_checkable
class Masker(Protocol):
    """Chooses what is hidden. All randomness comes from ``generator``."""

    @property
    def max_slots(self) -> int:
        """Most regions that a sample can have: every slot is below it."""

    def __call__(self, sample: MaskInput, generator: torch.Generator) -> SampleMask:
        """Mask one sample."""


Seed = tuple[int | str, ...]
"""Names a stream of random numbers, see :func:`jepakit.seeds.derive_seed`."""


@runtime_checkable
class BatchMasker(Protocol):
    """Chooses what is hidden in a batch at once: under several masks per clip, or cut to a length.

    All randomness comes from ``seeds``.
    """

    @property
    def views(self) -> int:
        """Masks per clip."""

    @property
    def max_slots(self) -> int:
        """Most regions that a masked sample can have: every slot is below it."""

    def mask(self, samples: Sequence[MaskInput], seeds: Sequence[Seed]) -> list[SampleMask]:
        """``views * b`` masks, number ``v * b + i`` is mask ``v`` of sample ``i``.

        Args:
            samples: of one grid.
            seeds: one per sample, such as (run seed, epoch, key).
        """


AnyMasker = Masker | BatchMasker
"""What the data module masks with, see :func:`jepakit.masks.draw_masks`."""


State = TypeVar("State", bound="LatentState")


class LatentState(Protocol):
    """What a world model knows at one moment of a real or imagined episode."""

    @property
    def latents(self) -> Float[Tensor, "b n d"]:
        """Latents of the current frame, normalised as the model's targets are."""

    def repeat(self: State, samples: int) -> State:
        """``samples`` copies of each state side by side: row ``i`` becomes rows ``i * samples``...

        What came before is shared by the copies where the model can.
        """


@runtime_checkable
class WorldModel(Protocol[State]):
    """A model that imagines what actions lead to."""

    @property
    def actions(self) -> ActionSpace:
        """The actions it was trained on."""

    @property
    def request(self) -> BatchRequest:
        """The frames that it takes; ``frames`` is the length of the windows it was trained on."""

    def start(
        self,
        frames: UInt8[Tensor, "b t h w 3"],
        actions: Float[Tensor, "b t-1 a"],
        states: Float[Tensor, "b t s"],
    ) -> State:
        """The state after some frames and what was done between them; without gradient."""

    def step(self, state: State, action: Float[Tensor, "b a"]) -> State:
        """The state after an action, imagined; differentiable in the action."""

    def goal(self, frames: UInt8[Tensor, "b h w 3"]) -> Float[Tensor, "b n d"]:
        """Latents of goal images, to be compared with the latents of imagined states."""
