"""Latents of one small clip."""

import numpy as np

from explorer.clip import Clip
from explorer.latents import Latents


def latents(values, *, tubelet=2, patch=4, name="a clip", first=0, **known):
    """Wrap values ``tt hh ww d`` with a clip of the size that they need."""
    slices, rows, columns, _ = values.shape
    shape = (slices * tubelet, rows * patch, columns * patch, 3)
    frames = tuple(range(first, first + 8))
    clip = Clip(np.zeros(shape, dtype=np.uint8), 8.0, name, frames)
    return Latents(values, clip, tubelet, patch, **known)


def smooth(seed=0, *, grid=(4, 6, 8), dims=12):
    """Values with a few strong directions, as latents have."""
    rng = np.random.default_rng(seed)
    slices, rows, columns = grid
    t, y, x = np.meshgrid(*(np.linspace(0, 1, n) for n in grid), indexing="ij")
    waves = [np.sin(3 * x), np.cos(4 * y), x * y, t, np.sin(5 * t * x), np.cos(6 * x - y)]
    strong = np.stack(waves, axis=-1) @ rng.normal(size=(6, dims))
    return strong + 0.05 * rng.normal(size=(slices, rows, columns, dims))


def rotation(dims, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dims, dims)))[0]
