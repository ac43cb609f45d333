"""Which tokens of a batch are kept: ragged samples side by side, without padding."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """Which tokens of a ``(b, n)`` grid are kept, laid out sample after sample without padding.

    The lengths are plain integers on the host: kernels may ask for them without a device sync.

    Attributes:
        index: row of each kept token in the flattened ``(b n)`` grid, grouped by sample.
        offsets: cumulative lengths, ``b + 1`` entries, int32 (what variable-length kernels take).
        lengths: tokens per sample, on the host.
        grid: ``n``, the tokens of a full sample.
    """

    index: Int[Tensor, " total"]
    offsets: Int[Tensor, " b_plus_1"]
    lengths: tuple[int, ...]
    grid: int

    @classmethod
    def from_mask(cls, keep: Bool[Tensor, "b n"]) -> Packing:
        """Keep the tokens where ``keep`` is true. ``keep`` should live on the CPU."""
        lengths = tuple(keep.sum(dim=1).tolist())
        return cls.from_index(keep.flatten().nonzero().squeeze(1), lengths, keep.shape[1])

    @classmethod
    def from_index(cls, index: Int[Tensor, " total"], lengths: Sequence[int], grid: int) -> Packing:
        """Build from rows already grouped by sample."""
        offsets = torch.zeros(len(lengths) + 1, dtype=torch.int32)
        offsets[1:] = torch.tensor(lengths).cumsum(0)
        return cls(index, offsets.to(index.device), tuple(lengths), grid)

    @classmethod
    def full(cls, batch: int, grid: int, device: torch.device | str = "cpu") -> Packing:
        """Every token of every sample; made on the device, so that nothing is copied to it."""
        offsets = torch.arange(batch + 1, dtype=torch.int32, device=device) * grid
        index = torch.arange(batch * grid, device=device)
        return cls(index, offsets, (grid,) * batch, grid)

    @property
    def batch(self) -> int:
        """Number of samples."""
        return len(self.lengths)

    @property
    def total(self) -> int:
        """Number of kept tokens of the batch."""
        return self.index.shape[0]

    @property
    def max_length(self) -> int:
        """Longest sample."""
        return max(self.lengths, default=0)

    @property
    def is_uniform(self) -> bool:
        """Whether every sample keeps equally many tokens (then a dense view exists)."""
        return len(set(self.lengths)) <= 1

    @property
    def sample(self) -> Int[Tensor, " total"]:
        """Sample number of each kept token."""
        return self.index // self.grid

    @property
    def position(self) -> Int[Tensor, " total"]:
        """Position of each kept token in its sample's grid, ``0 .. n - 1``."""
        return self.index % self.grid

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Packing:  # noqa: FBT001, FBT002
        """The same packing with its tensors on ``device``."""
        return dataclasses.replace(
            self,
            index=self.index.to(device, non_blocking=non_blocking),
            offsets=self.offsets.to(device, non_blocking=non_blocking),
        )
