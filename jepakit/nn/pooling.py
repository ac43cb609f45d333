"""One vector per sample out of its tokens."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from jepakit.batch import Packing
from jepakit.nn.ragged import segment_mean


def mean_pool(
    tokens: Float[Tensor, "total d"] | Float[Tensor, "b n d"], packing: Packing | None = None
) -> Float[Tensor, "b d"]:
    """Mean over each sample's tokens, packed (with their packing) or dense (without)."""
    if tokens.ndim == 3:
        return tokens.mean(dim=1)
    if packing is None:
        raise ValueError(f"Packed tokens {tuple(tokens.shape)} need their packing to be pooled.")
    return segment_mean(tokens, packing)
