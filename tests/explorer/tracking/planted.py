"""Clips whose tokens are made by hand: noise, with the feature of an object planted on a path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from explorer.clip import Clip
from explorer.latents import Latents

TUBELET, PATCH = 2, 4


def latents_of(values: np.ndarray) -> Latents:
    """Tokens of a grey clip."""
    slices, rows, columns, _ = values.shape
    frames = np.full((slices * TUBELET, rows * PATCH, columns * PATCH, 3), 128, np.uint8)
    numbers = tuple(range(10, 10 + 3 * len(frames), 3))
    return Latents(values, Clip(frames, 8.0, "made by hand", numbers), TUBELET, PATCH)


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def planted(path: Sequence[tuple[int, int]], *, seed: int = 0, common: float = 0.0) -> Latents:
    """Noise of 8 x 9 tokens of width 64, one feature on the path; ``common`` is in every token."""
    values = noise((len(path), 8, 9, 64), seed)
    feature = 3 * noise((64,), seed + 1)
    for time, (row, column) in enumerate(path):
        values[time, row, column] = feature + 0.1 * noise((64,), seed + 2 + time)
    return latents_of(values + common * noise((64,), seed + 99))
