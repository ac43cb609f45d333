"""Floating-point operations of a model, from the lengths it processes; padding is never counted.

Formulas, forward pass: a linear layer ``2 * inputs * outputs`` per token, attention
``4 * queries * keys * width`` per sample (scores and weighted sum). Norms, GELU and softmax are
left out, as everywhere. A training step costs :data:`TRAINING` times its forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence

TRAINING = 3
"""Forward plus backward over forward: gradients of inputs and of weights cost one forward each."""


def linear_flops(inputs: int, outputs: int, tokens: int) -> float:
    """Forward pass of a linear layer."""
    return 2.0 * inputs * outputs * tokens


def attention_flops(
    width: int, lengths: Sequence[int], key_lengths: Sequence[int] | None = None
) -> float:
    """Forward pass of the attention product; ``key_lengths`` for cross-attention."""
    keys = lengths if key_lengths is None else key_lengths
    return 4.0 * width * sum(a * b for a, b in zip(lengths, keys, strict=True))


def block_flops(
    width: int,
    lengths: Sequence[int],
    *,
    mlp_ratio: float = 4.0,
    context_lengths: Sequence[int] | None = None,
) -> float:
    """Forward pass of one block; ``context_lengths`` adds its cross-attention.

    Args:
        width: width of a token.
        lengths: tokens of each sample.
        mlp_ratio: hidden width of the MLP over ``width``.
        context_lengths: context tokens of each sample.
    """
    tokens, hidden = sum(lengths), int(width * mlp_ratio)
    total = linear_flops(width, 4 * width, tokens) + linear_flops(width, 2 * hidden, tokens)
    total += attention_flops(width, lengths)
    if context_lengths is not None:
        total += linear_flops(width, 2 * width, tokens)
        total += linear_flops(width, 2 * width, sum(context_lengths))
        total += attention_flops(width, lengths, context_lengths)
    return total


def vit_flops(
    width: int,
    lengths: Sequence[int],
    *,
    depth: int,
    patch_pixels: int,
    mlp_ratio: float = 4.0,
) -> float:
    """Forward pass of a vision transformer over the tokens it keeps.

    Args:
        width: width of a token.
        lengths: tokens kept of each sample.
        depth: number of blocks.
        patch_pixels: numbers in a patch, ``3 * tubelet * patch**2``.
        mlp_ratio: hidden width of the MLP over ``width``.
    """
    embed = linear_flops(patch_pixels, width, sum(lengths))
    return embed + depth * block_flops(width, lengths, mlp_ratio=mlp_ratio)
