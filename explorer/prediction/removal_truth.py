"""What the removal of an object truly changes, by token and by object, from a re-simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from einops import reduce
from jaxtyping import Bool, Float, UInt8

from jepakit.evals.figures.counterfactual import pixel_change
from jepakit.evals.removals.removal_truth import CHANGED

VISIBLE = 8  # grey levels in any colour; less is the noise of a video codec

TokenMap = Float[np.ndarray, "tt hh ww"]


@dataclass(frozen=True)
class RemovalTruth:
    """The change that a re-simulation shows, without the pixels that the removed object covered.

    Attributes:
        pixels: mean absolute difference of each token, in grey levels.
        latents: norm of the target encoder's latents of the clip minus those of the re-simulation.
        changed: tokens in which at least 5 % of the pixels differ visibly.
        objects: share of each object's pixels that differ visibly; NaN for what is never seen.
    """

    pixels: TokenMap
    latents: TokenMap
    changed: Bool[np.ndarray, "tt hh ww"]
    objects: Float[np.ndarray, " k"]

    @classmethod
    def of(
        cls,
        frames: UInt8[np.ndarray, "t h w 3"],
        without: UInt8[np.ndarray, "t h w 3"],
        labels: UInt8[np.ndarray, "t h w"],
        removed: int,
        *,
        count: int,
        latents: TokenMap,
    ) -> RemovalTruth:
        """Compare a clip with its re-simulation.

        What the removed object covered is never counted: what it hid comes into view without any
        change.

        Args:
            frames: the clip.
            without: the same world simulated again without the object.
            labels: its label map.
            removed: id of the object.
            count: objects of the scene, ``k``.
            latents: norms of the change of latents, which also give the token grid.
        """
        other = np.where((labels == removed)[..., None], frames, without)
        differs = np.abs(frames.astype(np.int16) - other).max(axis=-1) > VISIBLE
        share = _shares(differs, latents.shape)
        total = np.bincount(labels.ravel(), minlength=count + 1)
        found = np.bincount(labels[differs], minlength=count + 1)
        blank = np.full(count + 1, np.nan)
        objects = np.divide(found, total, out=blank, where=total > 0)[1:]
        objects[removed - 1] = np.nan
        return cls(pixel_change(frames, other, latents.shape), latents, share >= CHANGED, objects)


def _shares(mask: Bool[np.ndarray, "t h w"], grid: tuple[int, ...]) -> TokenMap:
    tt, hh, ww = grid
    pattern = "(tt u) (hh p) (ww q) -> tt hh ww"
    return reduce(mask.astype(np.float64), pattern, "mean", tt=tt, hh=hh, ww=ww)
