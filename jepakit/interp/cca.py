"""Canonical correlations with ridge, and what is left of them on clips that were not fitted."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from jepakit.interp.subspaces import require_finite

ROUNDING = 1e-10  # singular values below this share of the largest
OVERFIT = (
    "{} + {} dimensions for {} clips: without ridge some canonical correlations of the fit are 1 "
    "even for independent noise. Use ridge, fewer principal components, and held-out correlations."
)


class OverfitWarning(UserWarning):
    """Correlations that any data would give."""


@dataclass(frozen=True)
class RidgeCca:
    """A fitted pair of linear maps into one space.

    Attributes:
        correlations: of the pairs of variates on the clips of the fit. Not evidence by themselves.
        canonical: the singular values of the fit; equal to ``correlations`` without ridge, smaller
            with it.
        x_mean: subtracted before the map of ``x``.
        y_mean: the same of ``y``.
        x_weights: map of ``x``; each column's largest weight is positive.
        y_weights: map of ``y``.
    """

    correlations: Float[np.ndarray, " k"]
    canonical: Float[np.ndarray, " k"]
    x_mean: Float[np.ndarray, " p"]
    y_mean: Float[np.ndarray, " q"]
    x_weights: Float[np.ndarray, "p k"]
    y_weights: Float[np.ndarray, "q k"]

    def transform_x(self, x: Float[np.ndarray, "n p2"]) -> Float[np.ndarray, "n k"]:
        """Variates of activations of the first kind.

        Raises:
            ValueError: another width than that of the fit.
        """
        return _mapped(x, self.x_mean, self.x_weights)

    def transform_y(self, y: Float[np.ndarray, "n q2"]) -> Float[np.ndarray, "n k"]:
        """Variates of activations of the second kind.

        Raises:
            ValueError: another width than that of the fit.
        """
        return _mapped(y, self.y_mean, self.y_weights)

    def held_out(
        self, x: Float[np.ndarray, "n p2"], y: Float[np.ndarray, "m q2"]
    ) -> Float[np.ndarray, " k"]:
        """Correlation of each pair of variates on other clips; about 0 where the fit was noise.

        Raises:
            ValueError: numbers of clips differ or are below 3, another width than that of the fit,
                a value is not finite, or a variate that does not vary.
        """
        _check_pair(x, y)
        return _correlations(self.transform_x(x), self.transform_y(y))


def ridge_cca(
    x: Float[np.ndarray, "n p"],
    y: Float[np.ndarray, "m q"],
    *,
    components: int = 7,
    ridge: float = 0.0,
    pca: int | None = None,
) -> RidgeCca:
    """Canonical correlation analysis with ``ridge`` added to the diagonal of both covariances.

    The pairs ``(a, b)`` solve ``S_xy b = rho (S_xx + ridge I) a`` and ``S_yx a = rho (S_yy + ridge
    I) b`` with covariances over ``n - 1`` (Vinod 1976; Hotelling 1936 without ridge), by whitening
    and one SVD. In a space of ``components = r`` dimensions any two subspaces of rank ``r`` are
    equal, so an alignment there needs fewer directions than components.

    Args:
        x: activations of one model, clip by clip.
        y: activations of the other model, of the same clips.
        components: pairs to keep, the strongest first.
        ridge: variance added, in squared units of the activations.
        pca: keep that many principal components of each side first; None keeps all.

    Raises:
        ValueError: numbers of clips differ or are below 3, a value is not finite, activations that
            do not vary, or an impossible ``components``, ``ridge`` or ``pca``.

    Warns:
        OverfitWarning: without ridge and with as many dimensions on both sides together as clips,
            some correlations are 1 whatever the data.
    """
    _check_pair(x, y)
    if not (0 <= ridge < float("inf")) or (pca is not None and pca < 1):
        raise ValueError(f"ridge must be 0 or more and pca at least 1, got {ridge} and {pca}.")
    sides = [_Whitened(side.astype(np.float64), ridge, pca) for side in (x, y)]
    ranks = [len(side.spread) for side in sides]
    if not 1 <= components <= min(ranks):
        raise ValueError(
            f"components must be 1 to {min(ranks)}, the lower of the two ranks, got {components}."
        )
    if ridge == 0 and sum(ranks) >= len(x):
        warnings.warn(OVERFIT.format(*ranks, len(x)), OverfitWarning, stacklevel=2)
    cross = sides[0].variates.T @ sides[1].variates
    left, canonical, right = np.linalg.svd(cross, full_matrices=False)
    x_weights = sides[0].whitening @ left[:, :components]
    y_weights = sides[1].whitening @ right[:components].T
    signs = _signs(x_weights)
    fitted = RidgeCca(
        correlations=np.zeros(components),
        canonical=canonical[:components],
        x_mean=sides[0].mean,
        y_mean=sides[1].mean,
        x_weights=x_weights * signs,
        y_weights=y_weights * signs,
    )
    return replace(fitted, correlations=fitted.held_out(x, y))


class _Whitened:
    """One side: ``variates = (x - mean) whitening / sqrt(n - 1)``, ridge included."""

    def __init__(self, x: Float[np.ndarray, "n p"], ridge: float, pca: int | None) -> None:
        self.mean = x.mean(axis=0)
        u, s, vt = np.linalg.svd(x - self.mean, full_matrices=False)
        used = s > ROUNDING * max(s.max(initial=0), np.abs(x).max())
        if not used.any():
            raise ValueError(f"The {len(x)} activations of one side do not vary.")
        kept = min(int(used.sum()), len(x) if pca is None else pca)
        self.spread = s[:kept] / np.sqrt(len(x) - 1)
        scale = 1 / np.sqrt(self.spread**2 + ridge)
        self.whitening = vt[:kept].T * scale
        self.variates = u[:, :kept] * (self.spread * scale)


def _mapped(
    x: Float[np.ndarray, "n p2"], mean: Float[np.ndarray, " p"], weights: Float[np.ndarray, "p k"]
) -> Float[np.ndarray, "n k"]:
    if x.shape[1] != len(mean):
        raise ValueError(f"The fit was on activations of width {len(mean)}, got {x.shape[1]}.")
    return (x.astype(np.float64) - mean) @ weights


def _correlations(
    a: Float[np.ndarray, "n k"], b: Float[np.ndarray, "n k"]
) -> Float[np.ndarray, " k"]:
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    spread = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    if not (spread > 0).all():
        raise ValueError("A variate does not vary on these clips, so it has no correlation.")
    return np.clip((a * b).sum(axis=0) / spread, -1.0, 1.0)


def _check_pair(x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "m q"]) -> None:
    if len(x) != len(y) or len(x) < 3:
        raise ValueError(f"Both sides need the same clips, at least 3, got {len(x)} and {len(y)}.")
    require_finite(x, "Activations of the first side")
    require_finite(y, "Activations of the second side")


def _signs(weights: Float[np.ndarray, "p k"]) -> Float[np.ndarray, " k"]:
    largest = np.take_along_axis(weights, np.abs(weights).argmax(axis=0)[None], axis=0)[0]
    return np.where(largest < 0, -1.0, 1.0)
