"""Attention weights of a trained encoder, which its fused kernels do not hand out."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from jepakit.nn.block import Block
from jepakit.nn.vit import VisionTransformer


@torch.no_grad()
def mean_attention(
    encoder: VisionTransformer, frames: UInt8[Tensor, "b t h w 3"]
) -> Float[Tensor, "b n n"]:
    """``softmax(q k' / sqrt(dim))`` of every token (rows) to every token, mean over heads, blocks.

    Computed from the inputs of the blocks, in float32; rows sum to 1.
    """
    names = ["embed", *(f"blocks.{number:02d}.out" for number in range(len(encoder.blocks) - 1))]
    encoded = encoder(frames, capture=names)
    packing = encoded.packing
    rotation = None if encoder.rotary is None else encoder.rotary(packing.position)
    total = torch.zeros((), device=packing.position.device)
    for name, block in zip(names, encoder.blocks, strict=True):
        assert isinstance(block, Block)
        q, k, _ = block._enter(encoded.captured[name], rotation)
        q, k = (x.float().unflatten(0, (packing.batch, -1)).transpose(1, 2) for x in (q, k))
        weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(dim=-1)
        total = total + weights.mean(dim=1)
    return total / len(names)
