"""Initial weights, the same rule for every transformer of the project."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import nn

from jepakit.nn.block import Block


def initialise(module: nn.Module, std: float = 0.02) -> None:
    """Normal(0, ``std``) truncated at two standard deviations for linear weights, zero biases.

    LayerNorm starts at scale 1, shift 0. Then the projections that write to the residual stream
    (attention, cross-attention and the second MLP layer) of the block number ``l = 1, 2, ...`` are
    divided by ``sqrt(2 l)``, so that the stream's variance does not grow with depth.

    Source: I-JEPA and V-JEPA, ``fix_init_weight``. Differs: truncation at ``2 std``; there it is at
    the absolute value 2, which never cuts.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.trunc_normal_(part.weight, std=std, a=-2 * std, b=2 * std)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)
    _rescale(part for part in module.modules() if isinstance(part, Block))


def _rescale(blocks: Iterable[Block]) -> None:
    for number, block in enumerate(blocks, start=1):
        for projection in block.outputs:
            projection.weight.data.div_(math.sqrt(2 * number))
