"""Patterns: how much of the second colour shows at each point of a body."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating]
Pattern = Callable[[Field, Field, Field], Field]
"""From ``u``, ``v`` in periods along and across the pattern, and a ``(32, 32)`` table of noise in
0..1, to 0 (first colour) .. 1 (second colour)."""


def plain(u: Field, v: Field, noise: Field) -> Field:  # noqa: ARG001
    """One colour."""
    return np.zeros_like(u)


def stripes(u: Field, v: Field, noise: Field) -> Field:  # noqa: ARG001
    """Bars across ``u``."""
    return _odd(np.floor(2 * u))


def checks(u: Field, v: Field, noise: Field) -> Field:  # noqa: ARG001
    """A chess board."""
    return _odd(np.floor(2 * u) + np.floor(2 * v))


def dots(u: Field, v: Field, noise: Field) -> Field:  # noqa: ARG001
    """Round spots on a square grid."""
    x, y = u - np.floor(u) - 0.5, v - np.floor(v) - 0.5
    return (x * x + y * y < 0.1).astype(np.float32)


def rings(u: Field, v: Field, noise: Field) -> Field:  # noqa: ARG001
    """Circles, off the centre so that a turning ball shows it."""
    return _odd(np.floor(2 * np.hypot(u + 0.3, v)))


def halves(u: Field, v: Field, noise: Field) -> Field:  # noqa: ARG001
    """Two halves."""
    return (u > 0).astype(np.float32)


def sectors(u: Field, v: Field, noise: Field) -> Field:  # noqa: ARG001
    """Four quarters, like a beach ball."""
    return ((u > 0) == (v > 0)).astype(np.float32)


def gradient(u: Field, v: Field, noise: Field) -> Field:  # noqa: ARG001
    """A soft change along ``u``."""
    return np.float32(0.5) * (1 + np.sin(np.float32(1.5) * u))


def mosaic(u: Field, v: Field, noise: Field) -> Field:
    """Small tiles of random shade (speckle)."""
    return _at(noise, np.floor(3 * u), np.floor(3 * v))


def marble(u: Field, v: Field, noise: Field) -> Field:
    """Smooth noise."""
    x, y = np.floor(u), np.floor(v)
    right, up = _smooth(u - x), _smooth(v - y)
    low = _at(noise, x, y) * (1 - right) + _at(noise, x + 1, y) * right
    high = _at(noise, x, y + 1) * (1 - right) + _at(noise, x + 1, y + 1) * right
    return low * (1 - up) + high * up


PATTERNS: Mapping[str, Pattern] = {
    pattern.__name__: pattern
    for pattern in (plain, stripes, checks, dots, rings, halves, sectors, gradient, mosaic, marble)
}


def noise_table(seed: int) -> Field:
    """The ``(32, 32)`` table of noise that the random patterns read, tiled over the plane."""
    return np.random.default_rng(seed).random((32, 32), dtype=np.float32)


def _odd(number: Field) -> Field:
    return (number.astype(np.int32) & 1).astype(np.float32)


def _at(noise: Field, x: Field, y: Field) -> Field:
    return noise[y.astype(np.int32) & 31, x.astype(np.int32) & 31]


def _smooth(t: Field) -> Field:
    return t * t * (3 - 2 * t)
