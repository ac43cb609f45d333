"""Principal components of a clip's tokens, of their averages over time, or over space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.linalg import eigh

Mode = Literal["global", "spatial", "temporal"]
"""Every token by itself, averages over time (one per place), or over space (one per slice)."""

Grid = tuple[int, int, int]

ROWS = 4096  # tokens in float64 at a time


@dataclass(frozen=True)
class Reduction:
    """Components of one clip, which other tokens can be projected on.

    Attributes:
        points: scores of what was reduced, in the order of ``grid`` where that is known.
        axes: orthonormal directions, the largest variance first; the number of largest magnitude
            in each is positive.
        mean: of what was reduced.
        explained: share of the variance along each direction.
        grid: time slices, rows and columns of ``points``: 1 where it was averaged.
    """

    points: Float[np.ndarray, "n k"]
    axes: Float[np.ndarray, "k d"]
    mean: Float[np.ndarray, " d"]
    explained: Float[np.ndarray, " k"]
    grid: Grid | None = None

    def project(self, values: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m k"]:
        """Scores of other tokens on the same directions: of another clip, or of every token.

        Raises:
            ValueError: tokens of another width.
        """
        if values.shape[1] != len(self.mean):
            raise ValueError(
                f"These components are of tokens {len(self.mean)} wide, came {values.shape[1]}."
            )
        return _scores(values, self.mean, self.axes)


def pca(
    values: Float[np.ndarray, "n d"],
    *,
    components: int = 3,
    mode: Mode = "global",
    grid: Grid | None = None,
) -> Reduction:
    """Principal components, from the eigenvectors of the covariance in float64.

    Of 12,672 x 768 numbers the covariance takes a tenth of the time of singular values. It squares
    the condition number, which the leading components of float32 tokens do not feel.

    Args:
        values: tokens in rows, time-major.
        components: directions to keep.
        mode: whether tokens are averaged first. ``project`` places every token in such a basis.
        grid: time slices, rows and columns of ``values``; needed to average.

    Raises:
        ValueError: no grid to average over, one of another number of tokens, numbers that are not
            finite, or more components than points allow.
    """
    reduced, grid = averaged(values, mode=mode, grid=grid)
    count, width = reduced.shape
    most = min(count - 1, width)
    if not 1 <= components <= most:
        raise ValueError(
            f"{count} points of {width} numbers have up to {max(most, 0)} components, "
            f"{components} were asked for ({mode} mode). Ask for fewer, or take more frames."
        )
    mean = reduced.mean(axis=0, dtype=np.float64)
    covariance = _covariance(reduced, mean)
    if not np.isfinite(covariance).all():
        raise ValueError("Tokens with NaN or infinite numbers have no principal components.")
    total = covariance.trace()
    spread, directions = eigh(
        covariance, subset_by_index=(width - components, width - 1), check_finite=False
    )
    axes = _signed(directions[:, ::-1].T)
    explained = spread[::-1].clip(min=0) / total if total > 0 else np.zeros(components)
    return Reduction(_scores(reduced, mean, axes), axes, mean, explained, grid)


def averaged(
    values: Float[np.ndarray, "n d"], *, mode: Mode, grid: Grid | None
) -> tuple[Float[np.ndarray, "m d"], Grid | None]:
    """What a mode reduces, and its grid.

    Raises:
        ValueError: no grid to average over, or one of another number of tokens.
    """
    if grid is None:
        if mode != "global":
            raise ValueError(f"The {mode} mode averages tokens: say their grid.")
        return values, None
    if np.prod(grid) != len(values):
        raise ValueError(f"A grid {grid} has {np.prod(grid)} tokens, came {len(values)}.")
    if mode == "global":
        return values, grid
    axes = (0,) if mode == "spatial" else (1, 2)
    tokens = values.reshape(*grid, -1)
    means = tokens.mean(axis=axes, keepdims=True, dtype=np.float64)
    return means.reshape(-1, values.shape[1]), means.shape[:3]


def _covariance(
    values: Float[np.ndarray, "n d"], mean: Float[np.ndarray, " d"]
) -> Float[np.ndarray, "d d"]:
    total = np.zeros((len(mean), len(mean)))
    for start in range(0, len(values), ROWS):
        centred = values[start : start + ROWS] - mean
        total += centred.T @ centred
    return total / len(values)


def _signed(axes: Float[np.ndarray, "k d"]) -> Float[np.ndarray, "k d"]:
    # A direction and its opposite are the same component: colours must not turn with the machine.
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
    return axes * np.sign(largest)


def _scores(
    values: Float[np.ndarray, "n d"],
    mean: Float[np.ndarray, " d"],
    axes: Float[np.ndarray, "k d"],
) -> Float[np.ndarray, "n k"]:
    parts = [
        (values[start : start + ROWS] - mean) @ axes.T for start in range(0, len(values), ROWS)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(axes)))
