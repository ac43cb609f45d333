"""Colours of one clip in two models that mean the same, by Procrustes alignment of components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from explorer.comparison.common_grid import common_grid, on_grid, require_same_clip
from explorer.latents import Latents
from explorer.reductions import colour_range, pca, to_rgb

COMPONENTS = 10  # aligned; the first three are shown


@dataclass(frozen=True)
class Procrustes:
    """The rotation (or reflection) and scale that bring one set of points nearest to another.

    Attributes:
        rotation: orthogonal.
        scale: above 0.
    """

    rotation: Float[np.ndarray, "k k"]
    scale: float

    @classmethod
    def fit(cls, points: Float[np.ndarray, "n k"], target: Float[np.ndarray, "n k"]) -> Procrustes:
        """Minimise ``||scale points rotation - target||`` (Schoenemann 1966; scale as Gower 1975).

        Both are taken as centred already.

        Raises:
            ValueError: points that are all 0.
        """
        energy = float((points**2).sum())
        if energy == 0:
            raise ValueError("Points that are all 0 have no rotation onto others.")
        left, strengths, right = np.linalg.svd(points.T @ target)
        return cls(left @ right, float(strengths.sum()) / energy)

    def __call__(self, points: Float[np.ndarray, "*axes k"]) -> Float[np.ndarray, "*axes k"]:
        """The points, turned and scaled."""
        return self.scale * points @ self.rotation


@dataclass(frozen=True)
class AlignedColours:
    """Three components of each model's tokens, the second model's turned onto the first's.

    Attributes:
        first: components of the first model's tokens.
        second: of the second model's, on the axes and the scale of the first.
        correlation: of both along each component over the cells that both grids have. Some of it
            is fitted: any two clouds can be turned towards each other.
        held_out: the same where each half of the picture was turned by a rotation fitted on the
            other half; NaN where the grid is one token wide.
    """

    first: Float[np.ndarray, "tt hh ww 3"]
    second: Float[np.ndarray, "uu ii jj 3"]
    correlation: Float[np.ndarray, " 3"]
    held_out: Float[np.ndarray, " 3"]

    @property
    def rgb(self) -> tuple[UInt8[np.ndarray, "tt hh ww 3"], UInt8[np.ndarray, "uu ii jj 3"]]:
        """Both as colours, in the range of the first model."""
        within = colour_range(self.first.reshape(-1, 3))
        first, second = (
            to_rgb(points.reshape(-1, 3), within=within).reshape(points.shape)
            for points in (self.first, self.second)
        )
        return first, second


def aligned_colours(
    first: Latents, second: Latents, *, components: int = COMPONENTS
) -> AlignedColours:
    """Principal components of both, the second's turned onto those of the first.

    Args:
        first: gives the axes that are coloured.
        second: of the same clip; its width and grid may differ.
        components: of each model that take part, three or more: what is the first model's third
            component may be the second's fifth. Fewer where there are not as many.

    Raises:
        ValueError: other clips, fewer than 3 components, or too few tokens for them.
    """
    require_same_clip(first, second)
    kept = min(components, *(min(len(x.flat) - 1, x.width) for x in (first, second)))
    if kept < 3:
        raise ValueError(f"Colours need 3 components, {kept} of {components} asked for are there.")
    one, other = (
        pca(x.flat, components=kept).points.reshape(*x.grid, kept) for x in (first, second)
    )
    grid = common_grid(first, second)
    target, points = on_grid(one, grid), on_grid(other, grid)
    turned = Procrustes.fit(points, target)
    return AlignedColours(
        first=one[..., :3],
        second=turned(other)[..., :3],
        correlation=_correlations(turned(points)[:, :3], target[:, :3]),
        held_out=_held_out(points, target, _halves(grid)),
    )


def _halves(grid: tuple[int, int, int]) -> Bool[np.ndarray, " n"] | None:
    """Which cells are in the left half; in the upper one where there is one column."""
    _, rows, columns = grid
    if max(rows, columns) < 2:
        return None
    place = np.indices(grid)[2 if columns > 1 else 1].ravel()
    return place < (columns if columns > 1 else rows) // 2


def _held_out(
    points: Float[np.ndarray, "n k"],
    target: Float[np.ndarray, "n k"],
    half: Bool[np.ndarray, " n"] | None,
) -> Float[np.ndarray, " 3"]:
    if half is None or not (points[half].any() and points[~half].any()):
        return np.full(3, np.nan)
    turned = np.empty_like(points)
    for fitted in (half, ~half):
        turned[~fitted] = Procrustes.fit(points[fitted], target[fitted])(points[~fitted])
    return _correlations(turned[:, :3], target[:, :3])


def _correlations(
    a: Float[np.ndarray, "n 3"], b: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, " 3"]:
    """NaN along a component that does not vary."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    spread = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.divide((a * b).sum(axis=0), spread, out=np.full(3, np.nan), where=spread > 0)
