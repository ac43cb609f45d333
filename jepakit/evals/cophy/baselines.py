"""CoPhy's metric, and predictions that look at no pixel."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from jepakit.evals.cophy.pairs import Pairs
from worlds.cophy import CophyPair, play, sample

COPY_B, COPY_C, COPY_MOTION = "copy B", "copy C", "copy motion"
TRUE, TYPICAL = "re-simulation", "re-simulation, mean confounders"


def position_errors(
    predicted: Float[np.ndarray, "s t k p"],
    future: Float[np.ndarray, "s t k p"],
    present: Bool[np.ndarray, "s k"],
) -> Float[np.ndarray, " s"]:
    """Squared error in m^2 of each pair, frame 0 (which is given) left out.

    Mean over coordinates, summed over present objects and frames 1 to T - 1, divided by present
    objects times T - 1 frames. Source: CoPhy (Baradel et al., ICLR 2020), as its code scores.
    """
    square = ((predicted - future)[:, 1:] ** 2).mean(axis=-1)
    frames = square.shape[1]
    return (square * present[:, None]).sum(axis=(1, 2)) / (present.sum(axis=1) * frames)


def copies(pairs: Pairs) -> dict[str, Float[np.ndarray, "s t k p"]]:
    """The outcome of ab; the start of cd held; the start of cd moved on as in ab."""
    start = pairs.future[:, :1]
    return {
        COPY_B: pairs.past,
        COPY_C: np.broadcast_to(start, pairs.future.shape),
        COPY_MOTION: start + pairs.past - pairs.past[:, :1],
    }


def resimulations(pairs: Pairs) -> dict[str, Float[np.ndarray, "s t k p"]]:
    """Pairs of this project's own world played again: with the true confounders, and the mean ones.

    Both know shapes and velocities exactly. Empty where the pairs are of another origin.
    """
    if not all({"task", "scene_seed"} <= set(details) for details in pairs.details):
        return {}
    scenes = [sample(details["task"], details["scene_seed"]) for details in pairs.details]

    def played(scene: CophyPair, *, typical: bool) -> Float[np.ndarray, "t k p"]:
        confounders = scene.typical() if typical else None
        frames, axes = pairs.future.shape[1], pairs.future.shape[-1]
        states = play(scene, "cd", frames=frames, rate=pairs.fps, confounders=confounders)
        return states[..., :axes]

    return {
        TRUE: np.stack([played(scene, typical=False) for scene in scenes]),
        TYPICAL: np.stack([played(scene, typical=True) for scene in scenes]),
    }
