"""How fast this machine runs transformer blocks, measured once in a fraction of a second."""

from __future__ import annotations

import functools
import time

import torch

from jepakit.batch import Packing
from jepakit.interp.traces import frozen
from jepakit.nn.block import Block
from jepakit.nn.flops import block_flops

WIDTH, HEADS, TOKENS, ROUNDS = 384, 6, 1024, 3
"""A block of ViT-S on 1,024 tokens: 5 GFLOP."""


@functools.cache
def flop_rate(device: str = "cpu") -> float:
    """Floating-point operations per second of a transformer block, best of three runs.

    Kept for the life of the process. A machine that is busy with other things at that moment looks
    slower than it is, which is what its user will see too.
    """
    place = torch.device(device)
    with torch.random.fork_rng(devices=[]):
        block = Block(WIDTH, HEADS).to(place)
    packing = Packing.full(1, TOKENS, place)
    x = torch.zeros(TOKENS, WIDTH, device=place)
    best = float("inf")
    with frozen(block):
        for _ in range(ROUNDS + 1):  # the first one also starts the libraries
            began = time.perf_counter()
            block(x, packing).sum().item()
            best = min(best, time.perf_counter() - began)
    return block_flops(WIDTH, (TOKENS,)) / best
