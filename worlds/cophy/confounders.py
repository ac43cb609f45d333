"""What decides the outcome of a CoPhy-like scene and cannot be seen in its first frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Hidden:
    """Of one object: mass in kg, friction and restitution without unit."""

    mass: float
    friction: float
    restitution: float


@dataclass(frozen=True)
class Levels:
    """What the confounders of a task are drawn from.

    Attributes:
        mass: kg; each object is light or heavy.
        friction: slippery or rough.
        restitution: dull or bouncy.
        sideways: largest sideways gravity in m/s^2, drawn evenly up to it to either side.
    """

    mass: tuple[float, ...]
    friction: tuple[float, ...]
    restitution: tuple[float, ...]
    sideways: float = 0.0


@dataclass(frozen=True)
class Confounders:
    """The confounders of a scene: of each object by its identity, and sideways gravity, m/s^2."""

    hidden: Mapping[int, Hidden]
    sideways: float = 0.0


def draw_confounders(
    identities: Sequence[int], levels: Levels, rng: np.random.Generator
) -> Confounders:
    """Independent draws for each object: neither its size nor its colour tells anything."""
    hidden = {
        identity: Hidden(
            float(rng.choice(levels.mass)),
            float(rng.choice(levels.friction)),
            float(rng.choice(levels.restitution)),
        )
        for identity in identities
    }
    return Confounders(hidden, float(rng.uniform(-levels.sideways, levels.sideways)))


def mean_confounders(identities: Sequence[int], levels: Levels) -> Confounders:
    """What to assume of objects of which nothing is known: the mean of the levels, no tilt."""
    typical = Hidden(
        float(np.mean(levels.mass)),
        float(np.mean(levels.friction)),
        float(np.mean(levels.restitution)),
    )
    return Confounders(dict.fromkeys(identities, typical))
