"""The typed things that flow from the shards to the models.

Axes (the same letters everywhere): ``b`` batch, ``t`` frames, ``h w`` pixels, ``tt hh ww`` the
token grid (tubelets, rows, columns), ``n = tt*hh*ww`` tokens of a sample, ``k`` objects, ``c``
context tokens and ``m`` masked (target) tokens of the whole batch, ``d`` width.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from jepakit.packing import Packing


@dataclass(frozen=True)
class KeptShares:
    """How much of the clips one mask keeps, means over the clips of a batch.

    Attributes:
        context: share of the tokens that the context encoder sees, 0..1.
        target: share of the tokens that are predicted, 0..1.
    """

    context: float
    target: float


@dataclass(frozen=True)
class TokenMasks:
    """What is hidden in each sample of a batch.

    A clip may be masked in several ways at once. The packings then hold ``views * b`` masked
    samples, of which number ``v * b + i`` is clip ``i`` under mask ``v``; whatever is said per
    sample below is said per masked sample.

    Attributes:
        context: the visible tokens, the only ones the context encoder sees.
        target: the hidden tokens, whose latents are predicted.
        slot: for each target token, which of its sample's masked regions it belongs to. Slots are
            numbered in an order drawn at random per sample, so that no number means an object.
        joint: context and target tokens of a sample side by side, sample after sample.
        joint_order: ``cat([context_tokens, target_tokens])[joint_order]`` is laid out as ``joint``.
        hidden_ids: which label-map values lose their pixels inside the target tokens: the ids of
            the hidden objects, or every value where a sample's regions are not objects.
        objects: ids of the objects hidden in each sample; empty where regions are not objects.
        fallback: whether a sample fell back to geometric blocks.
        views: masks per clip.
    """

    context: Packing
    target: Packing
    slot: Int[Tensor, " m"]
    joint: Packing
    joint_order: Int[Tensor, " c_plus_m"]
    hidden_ids: Bool[Tensor, "b 256"]
    objects: tuple[tuple[int, ...], ...]
    fallback: tuple[bool, ...]
    views: int = 1

    @classmethod
    def build(
        cls,
        context: Bool[Tensor, "b n"],
        slots: Int[Tensor, "b n"],
        objects: Sequence[Sequence[int]],
        fallback: Sequence[bool],
        *,
        views: int = 1,
    ) -> TokenMasks:
        """From dense CPU tensors: ``slots`` is the slot of each target token and -1 elsewhere.

        Raises:
            ValueError: a token is both context and target, a sample has no context or target, or
                the rows are no whole number of views.
        """
        if views < 1 or len(slots) % views:
            raise ValueError(f"{len(slots)} masks are not {views} views of equally many clips.")
        hidden = slots >= 0
        if bool((context & hidden).any()):
            raise ValueError("A token cannot be context and target at once.")
        for name, mask in (("context", context), ("target", hidden)):
            empty = (~mask.any(dim=1)).nonzero().flatten().tolist()
            if empty:
                raise ValueError(f"Each sample needs at least one {name} token; {empty} have none.")
        hidden_ids = torch.zeros(len(slots), 256, dtype=torch.bool)
        for sample, ids in enumerate(objects):
            hidden_ids[sample, list(ids) or slice(None)] = True
        joint = Packing.from_mask(context | hidden)
        visible, target = Packing.from_mask(context), Packing.from_mask(hidden)
        return cls(
            context=visible,
            target=target,
            slot=slots.flatten()[target.index],
            joint=joint,
            joint_order=torch.cat([visible.index, target.index]).argsort(),
            hidden_ids=hidden_ids,
            objects=tuple(tuple(ids) for ids in objects),
            fallback=tuple(fallback),
            views=views,
        )

    @property
    def clips(self) -> int:
        """``b``, the number of clips; each is masked ``views`` times."""
        return self.context.batch // self.views

    def join(
        self, visible: Float[Tensor, "c d"], hidden: Float[Tensor, "m d"]
    ) -> Float[Tensor, "c_plus_m d"]:
        """Context and target tokens laid out as ``joint``."""
        return torch.cat([visible, hidden])[self.joint_order]

    def part(
        self, tokens: Float[Tensor, "c_plus_m d"]
    ) -> tuple[Float[Tensor, "c d"], Float[Tensor, "m d"]]:
        """Context and target tokens out of a tensor laid out as ``joint``: undoes :meth:`join`."""
        apart = torch.empty_like(tokens).index_copy(0, self.joint_order, tokens)
        return apart[: self.context.total], apart[self.context.total :]

    def shares(self) -> tuple[KeptShares, ...]:
        """What each mask keeps, one entry per view, from lengths on the host."""
        tokens = self.clips * self.context.grid
        starts = range(0, self.context.batch, self.clips)
        return tuple(
            KeptShares(
                context=sum(self.context.lengths[start : start + self.clips]) / tokens,
                target=sum(self.target.lengths[start : start + self.clips]) / tokens,
            )
            for start in starts
        )

    def to(self, device: torch.device | str, non_blocking: bool = False) -> TokenMasks:  # noqa: FBT001, FBT002
        """The same masks with their tensors on ``device``."""
        return dataclasses.replace(
            self,
            context=self.context.to(device, non_blocking),
            target=self.target.to(device, non_blocking),
            slot=self.slot.to(device, non_blocking=non_blocking),
            joint=self.joint.to(device, non_blocking),
            joint_order=self.joint_order.to(device, non_blocking=non_blocking),
            hidden_ids=self.hidden_ids.to(device, non_blocking=non_blocking),
        )


@dataclass(frozen=True)
class BatchRequest:
    """What a model needs of a batch; the data module reads it and decodes nothing else.

    Attributes:
        frames: frames per clip.
        size: height and width in pixels.
        patch: patch size in pixels.
        tubelet: frames per token.
        labels: whether label maps are needed (the ``zero`` intervention).
        counterfactual: whether a re-simulated clip is needed (the ``resimulated`` intervention).
    """

    frames: int
    size: tuple[int, int]
    patch: int
    tubelet: int
    labels: bool = False
    counterfactual: bool = False

    @property
    def grid(self) -> tuple[int, int, int]:
        """Tubelets, rows and columns of the token grid."""
        return (
            self.frames // self.tubelet,
            self.size[0] // self.patch,
            self.size[1] // self.patch,
        )


@dataclass(frozen=True)
class SceneBatch:
    """Clips with their objects. A still image is a clip of one frame.

    Attributes:
        frames: RGB, 0..255; floats are made on the device, inside the model's step. Floats are
            taken for normalised already.
        coverage: how much of each token's pixels an object covers, 255 = all. Object id ``i`` is
            row ``i - 1``; rows beyond a sample's objects are zero.
        keys: name of each sample, unique in its data set.
        masks: what is hidden, drawn by the data module's masker.
        labels: label map, 0 background, ``i`` object ``i``.
        counterfactual: the same world simulated again without object ``removed``.
        removed: id of the object missing in ``counterfactual``; 0 where a sample carries none (its
            ``counterfactual`` is then the clip itself).
        targets: values to probe for, one float per sample and NaN where undefined.
    """

    frames: UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"]
    coverage: UInt8[Tensor, "b k tt hh ww"]
    keys: tuple[str, ...]
    masks: TokenMasks | None = None
    labels: UInt8[Tensor, "b t h w"] | None = None
    counterfactual: UInt8[Tensor, "b t h w 3"] | None = None
    removed: Int[Tensor, " b"] | None = None
    targets: dict[str, Float[Tensor, " b"]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of samples."""
        return self.frames.shape[0]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> SceneBatch:  # noqa: FBT001, FBT002
        """The same batch on ``device``."""

        def move(value: Any) -> Any:
            if isinstance(value, Tensor | TokenMasks):
                return value.to(device, non_blocking=non_blocking)
            if isinstance(value, dict):
                return {name: move(item) for name, item in value.items()}
            return value

        names = [f.name for f in dataclasses.fields(self)]
        return dataclasses.replace(self, **{name: move(getattr(self, name)) for name in names})

    def pin_memory(self) -> SceneBatch:
        """The same batch in page-locked memory (called by the data loader)."""

        def pin(value: Any) -> Any:
            if isinstance(value, Tensor):
                return value.pin_memory()
            if isinstance(value, dict):
                return {name: pin(item) for name, item in value.items()}
            if dataclasses.is_dataclass(value) and not isinstance(value, type):
                names = [f.name for f in dataclasses.fields(value)]
                return dataclasses.replace(value, **{n: pin(getattr(value, n)) for n in names})
            return value

        names = [f.name for f in dataclasses.fields(self)]
        return dataclasses.replace(self, **{name: pin(getattr(self, name)) for name in names})

    @classmethod
    def fake(
        cls,
        batch: int = 2,
        *,
        frames: int = 4,
        size: int = 32,
        patch: int = 8,
        tubelet: int = 2,
        objects: int = 2,
        generator: torch.Generator | None = None,
    ) -> SceneBatch:
        """Square objects at random places on noise, each sitting still; for tests and dry runs."""
        labels = torch.zeros(batch, frames, size, size, dtype=torch.uint8)
        side = max(patch, size // 4)
        for sample in range(batch):
            for identity in range(1, objects + 1):
                row, column = torch.randint(0, size - side + 1, (2,), generator=generator).tolist()
                labels[sample, :, row : row + side, column : column + side] = identity
        noise = torch.randint(0, 256, (batch, frames, size, size, 3), generator=generator)
        ids = torch.arange(1, objects + 1, dtype=torch.uint8).view(1, -1, 1, 1, 1)
        hit = (labels.unsqueeze(1) == ids).float()
        blocks = hit.unfold(2, tubelet, tubelet).unfold(3, patch, patch).unfold(4, patch, patch)
        return cls(
            frames=noise.to(torch.uint8),
            coverage=(blocks.mean(dim=(-1, -2, -3)) * 255).ceil().to(torch.uint8),
            keys=tuple(f"fake-{sample}" for sample in range(batch)),
            labels=labels,
        )
