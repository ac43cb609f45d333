"""Control subspaces: random ones, as wide as, as central as, or as energetic as the tested one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import qr
from scipy.optimize import brentq

from jepakit.interp.subspaces import RANK_TOLERANCE, require_finite

ENERGY_TOLERANCE = 1e-3  # of the energy to reach
FLOOR = 1e-6  # variance of unused directions, as a share of the largest variance
STEEPEST = 64.0


class NoSuchSubspaceError(ValueError):
    """No random subspace has the energy that is asked for."""


@dataclass(frozen=True)
class PrincipalAxes:
    """Principal axes of activations: compute once, draw many controls.

    Attributes:
        axes: orthonormal columns, the largest variance first; those without variance are left out.
        variances: along them, ``sum (x - mean)^2 / (n - 1)``.
    """

    axes: Float[np.ndarray, "d p"]
    variances: Float[np.ndarray, " p"]

    def captured(self, basis: Float[np.ndarray, "d r"]) -> float:
        """Variance inside a subspace, ``tr(P Sigma)`` for an orthonormal ``basis``."""
        return float(self.variances @ ((self.axes.T @ basis) ** 2).sum(axis=1))


def principal_axes(x: Float[np.ndarray, "n d"]) -> PrincipalAxes:
    """Principal axes of the centred activations.

    Raises:
        ValueError: a value is not finite, or the activations do not vary.
    """
    require_finite(x, "Activations")
    values = x.astype(np.float64)
    centred = values - values.mean(axis=0)
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    used = spread > RANK_TOLERANCE * max(spread.max(initial=0), np.abs(values).max(initial=0))
    if not used.any():
        raise ValueError(f"{len(x)} activations do not vary, so they have no principal axes.")
    return PrincipalAxes(axes[used].T, spread[used] ** 2 / (len(x) - 1))


def random_subspace(width: int, rank: int, rng: np.random.Generator) -> Float[np.ndarray, "d r"]:
    """A uniformly random subspace: QR of a Gaussian matrix.

    It catches ``rank / width`` of the variance in the mean, usually far less than a subspace that
    was looked for: the weakest of the controls.

    Raises:
        ValueError: more directions than the space has, or none.
    """
    if not 1 <= rank <= width:
        raise ValueError(f"The rank must be 1 to {width}, the width, got {rank}.")
    return np.linalg.qr(rng.normal(size=(width, rank)))[0]


def rotated_subspace(
    x: Float[np.ndarray, "n d"] | PrincipalAxes,
    rank: int,
    rng: np.random.Generator,
    components: int = 50,
) -> Float[np.ndarray, "d r"]:
    """A uniformly random subspace of the space of the leading principal components.

    Args:
        x: activations, or their principal axes.
        rank: number of directions.
        rng: draws the rotation.
        components: leading ones to stay within; all that exist where there are fewer.

    Raises:
        ValueError: as :func:`principal_axes`, or fewer components than directions.
    """
    axes = _axes_of(x).axes[:, :components]
    return axes @ random_subspace(axes.shape[1], rank, rng)


def energy_matched_subspace(
    x: Float[np.ndarray, "n d"] | PrincipalAxes,
    basis: Float[np.ndarray, "D r"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "D r"]:
    """A random subspace that captures as much variance ``tr(P Sigma)`` as a given one.

    The span of ``Sigma^s G`` with Gaussian ``G`` is uniformly random at ``s = 0`` and turns to the
    leading principal components as ``s`` grows. Its energy never falls on that way: the slope is
    ``sum_ij |P_ij|^2 (log l_i - log l_j)(l_i - l_j)`` over the eigenvalues ``l``. The root for
    ``s`` is therefore found by bracketing. The result is within 0.1 % of the energy to reach.

    Where the given subspace is close to the leading principal components, so is this one: no other
    captures as much, and the control says nothing. Print their alignment beside it.

    Args:
        x: activations, or their principal axes.
        basis: orthonormal columns of the subspace to match.
        rng: draws ``G``.

    Raises:
        ValueError: as :func:`principal_axes`; or widths differ.
        NoSuchSubspaceError: no other subspace has this energy (the given one is that of the leading
            or of the last principal components).
    """
    axes = _axes_of(x)
    width, rank = basis.shape
    if axes.axes.shape[0] != width:
        raise ValueError(f"Activations have width {axes.axes.shape[0]}, the basis has {width}.")
    gaussian = rng.normal(size=(width, rank))
    inside = axes.axes.T @ gaussian
    # What lies outside the used axes needs its r-dimensional triangle only.
    unused = min(rank, width - len(axes.variances))
    outside, triangle = np.linalg.qr(gaussian - axes.axes @ inside)
    energies = np.append(axes.variances, np.zeros(unused))
    logs = np.log(np.maximum(energies / energies[0], FLOOR))
    target = axes.captured(basis)

    def turned(power: float) -> Float[np.ndarray, "p r"]:
        # Divided by the largest, so that negative powers do not overflow.
        weights = np.exp(power * logs - (power * logs).max())[:, None]
        rows = np.vstack([inside, triangle[:unused]])
        return qr(weights * rows, mode="economic", pivoting=True)[0]

    def excess(power: float) -> float:
        return float(energies @ (turned(power) ** 2).sum(axis=1)) - target

    power = _root(excess)
    missed = excess(power)
    if abs(missed) > ENERGY_TOLERANCE * target + RANK_TOLERANCE * float(energies.sum()):
        raise NoSuchSubspaceError(
            f"No random subspace of rank {rank} captures a variance of {target:.4g} (nearest "
            f"{target + missed:.4g}): the given one holds extreme components only."
        )
    return np.linalg.qr(np.hstack([axes.axes, outside[:, :unused]]) @ turned(power))[0]


def _root(excess: Callable[[float], float]) -> float:
    """Where a rising function is zero, or the end of the range next to it."""
    low, high = -1.0, 1.0
    while excess(high) < 0 and high < STEEPEST:
        high *= 2
    while excess(low) > 0 and low > -STEEPEST:
        low *= 2
    if excess(high) <= 0:
        return high
    return low if excess(low) >= 0 else float(brentq(excess, low, high, xtol=1e-10))


def _axes_of(x: Float[np.ndarray, "n d"] | PrincipalAxes) -> PrincipalAxes:
    return x if isinstance(x, PrincipalAxes) else principal_axes(x)
