"""Occlusion drift: how far tokens turn when a part of the image is hidden, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from jepakit.losses.averaging import at_least_float32

EPSILON = 1e-8  # length at or below which a token has no direction
ONSET = 0.05
LATE_SHARE = 0.06  # 2 of 32 blocks
MIN_LATE_BLOCKS = 2


@dataclass(frozen=True)
class DriftCurve:
    """Mean token drift of every image after every block; ``global`` is a Python keyword.

    Attributes:
        global_: over all tokens.
        masked: over hidden tokens.
        context: over visible tokens.
    """

    global_: Float[Tensor, "L b"]
    masked: Float[Tensor, "L b"]
    context: Float[Tensor, "L b"]


def token_drift(
    clean: Float[Tensor, "b n d"], other: Float[Tensor, "b n d"]
) -> Float[Tensor, "b n"]:
    r"""One minus the cosine of every token with itself in another run, in float32.

    .. math:: \delta_i = 1 - \cos(h_i, h'_i) = \tfrac12 \|h_i / \|h_i\| - h'_i / \|h'_i\|\|^2

    The right-hand side is what is computed: it is exactly 0 for equal tokens and keeps its digits
    near 0, where the difference from 1 would be rounding. 0 to 2; 1 where a token is zero (no
    longer than 1e-8), also where both are.

    Source: Late semantic repair, eq. 1. Differs: the form, and the rule for zero.

    Args:
        clean: activations of the untouched run.
        other: those of the occluded or patched run.

    Raises:
        ValueError: an activation is not finite, or too large for float32.
    """
    clean, other = at_least_float32(clean), at_least_float32(other)
    lengths = [x.norm(dim=-1, keepdim=True) for x in (clean, other)]
    unit, other_unit = clean / lengths[0], other / lengths[1]
    drift = (unit - other_unit).square().sum(dim=-1) / 2
    is_zero = (lengths[0] <= EPSILON) | (lengths[1] <= EPSILON)
    # The lengths carry what the rule for zero would hide: a NaN opposite to a zero token.
    finite = torch.isfinite(lengths[0] + lengths[1]).all(dim=-1)
    if not bool(finite.all()):
        image, token = (~finite).nonzero()[0].tolist()
        raise ValueError(
            f"Drift needs finite activations of float32 size; {int((~finite).sum())} tokens have "
            f"none, the first is token {token} of image {image}. Run the model in float32."
        )
    return torch.where(is_zero[..., 0], 1.0, drift)


def layer_drift(
    clean: Float[Tensor, "L b n d"],
    other: Float[Tensor, "L b n d"],
    hidden: Bool[Tensor, "b n"],
) -> DriftCurve:
    """Drift of every image after every block, over all, hidden and visible tokens.

    Source: Late semantic repair, section 2.2.

    Args:
        clean: outputs of the blocks (or other sites, one per row) of the untouched run.
        other: those of the occluded or patched run.
        hidden: tokens that were occluded.

    Raises:
        ValueError: an image without hidden or without visible tokens, or activations that are not
            finite.
    """
    counts = hidden.sum(dim=1)
    lacking = (counts == 0) | (counts == hidden.shape[1])
    if bool(lacking.any()):
        image = int(lacking.nonzero()[0])
        raise ValueError(
            f"Masked and context drift need hidden and visible tokens in every image; image "
            f"{image} has {int(counts[image])} of {hidden.shape[1]} hidden. Leave it out."
        )
    drift = torch.stack([token_drift(a, b) for a, b in zip(clean, other, strict=True)])
    return DriftCurve(
        global_=drift.mean(dim=-1),
        masked=(drift * hidden).sum(dim=-1) / counts,
        context=(drift * ~hidden).sum(dim=-1) / (hidden.shape[1] - counts),
    )


def onset_layer(
    context: Float[Tensor, "L b"] | Float[Tensor, " L"], threshold: float = ONSET
) -> int | None:
    """First block after which mean context drift exceeds the threshold; None where it never does.

    Strictly exceeds, in the curve's own precision. Late semantic repair, section 2.2.

    Args:
        context: context drift after every block, of several images or their mean; row 0 is block 0,
            not the embedding.
        threshold: the paper's is 0.05.

    Raises:
        ValueError: no blocks or images, or a drift that is not finite.
    """
    if not context.numel() or not bool(torch.isfinite(context).all()):
        raise ValueError(
            f"An onset needs finite drift of at least one block and image, got shape "
            f"{tuple(context.shape)}, {int((~torch.isfinite(context)).sum())} values not finite."
        )
    above = (context.flatten(1).mean(dim=1) if context.ndim > 1 else context) > threshold
    return int(above.nonzero()[0]) if bool(above.any()) else None


def late_blocks(depth: int) -> tuple[int, ...]:
    """The last 6 % of the blocks, 0-based, and at least 2 where there are two: 30, 31 of 32.

    Late semantic repair says "layers 30-31" of 32. Read as outputs of the 0-based blocks 30 and 31,
    so that attention of block 31 can act on them; counted from the embedding they would be blocks
    29 and 30, where it cannot. The share for other depths is ours.

    Raises:
        ValueError: no blocks.
    """
    if depth < 1:
        raise ValueError(f"A network has at least 1 block, got depth {depth}.")
    count = min(depth, max(MIN_LATE_BLOCKS, round(LATE_SHARE * depth)))
    return tuple(range(depth - count, depth))


def late_drift(curve: Float[Tensor, "L b"], blocks: Sequence[int]) -> Float[Tensor, " b"]:
    """Mean drift of every image over late blocks; of context tokens it is what rescue reduces.

    Args:
        curve: one field of a :class:`DriftCurve`; row 0 is block 0.
        blocks: 0-based, say :func:`late_blocks`.

    Raises:
        ValueError: no blocks, one twice, or one that the curve lacks.
    """
    wanted = list(blocks)
    known = all(0 <= block < len(curve) for block in wanted)
    if not wanted or not known or len(set(wanted)) < len(wanted):
        raise ValueError(
            f"Late blocks must be different ones of 0 .. {len(curve) - 1}, got {wanted}."
        )
    return curve[wanted].mean(dim=0)
