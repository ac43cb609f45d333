"""Encoders whose answers can be computed by hand, and comparisons made of numbers."""

import numpy as np

from explorer.windows import SharedSlices, compare_runs


class Neighbours:
    """A slice is the mean of all slices within ``reach`` that the window holds; tubelet 2."""

    def __init__(self, reach, *, tubelet=2):
        self.reach, self.tubelet, self.seen = reach, tubelet, []

    def __call__(self, frames):
        self.seen.append(frames.copy())
        slices = len(frames) // self.tubelet
        parts = frames.reshape(slices, self.tubelet, *frames.shape[1:]).mean(axis=1)
        spans = [slice(max(i - self.reach, 0), i + self.reach + 1) for i in range(slices)]
        return np.stack([parts[span].mean(axis=0) for span in spans]).astype(np.float32)


def clip(frames=30, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (frames, 3, 4, 3), dtype=np.uint8)


def drawn(rng, *, dims=64, level=1.0, scale=1.0, planted=(), strength=1.0, shared=9, side=6):
    """Runs that differ by noise, at the edges of ``planted`` dimensions ``strength`` times more.

    Args:
        level: factor of the noise by shared slice.
        scale: factor of both runs by dimension.
    """
    windows = SharedSlices(2 * (shared + 1), 2)
    first = rng.normal(size=(shared + 1, side, side, dims))
    noise = 0.05 * rng.normal(size=(shared, side, side, dims))
    noise *= np.exp(0.3 * rng.normal(size=(shared, 1, 1, dims)))
    noise *= np.broadcast_to(level, shared)[:, None, None, None]
    for j in planted:
        noise[[0, -1], ..., j] *= strength
    second = rng.normal(size=first.shape)
    second[:shared] = first[1:] + noise
    return compare_runs(first * scale, second * scale, windows=windows)
