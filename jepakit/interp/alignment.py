"""Whether two subspaces are the same (alignment), and whether one does the other's work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from sklearn.covariance import ledoit_wolf_shrinkage

from jepakit.interp.effects import bootstrap_means, interval, ratio_of_draws
from jepakit.interp.subspaces import Rank, Subspace, class_mean_pca, class_means, orthonormal

MIN_EFFECT = 0.05  # below it a retained effect is a quotient of noise


@dataclass(frozen=True)
class Alignment:
    """How far two subspaces are the same, with what says how to read the number.

    Attributes:
        score: the subspace alignment score (SAS), 0 orthogonal, 1 identical.
        spectrum: squared cosines of the principal angles, falling. A few near 1 beside a few near
            0 are shared strong directions beside weak ones lost in sampling noise.
        chance: the mean score of independent random subspaces of these ranks.
    """

    score: float
    spectrum: Float[np.ndarray, " r"]
    chance: float


@dataclass(frozen=True)
class RetainedEffect:
    """Share of an effect that another set's subspace keeps.

    Attributes:
        value: ratio of mean effects, never clipped: above 1 is noise or a better basis; None where
            undefined.
        why: what makes it undefined.
        interval: 95 % of joint bootstrap draws over clips; None where undefined.
        excess: the same after both effects lost that of a random subspace; None without one, or
            where undefined.
    """

    value: float | None
    why: str | None
    interval: tuple[float, float] | None
    excess: float | None


def subspace_alignment(
    a: Subspace | Float[np.ndarray, "d r"],
    b: Subspace | Float[np.ndarray, "e q"],
    *,
    norm: Literal["min", "max"] | None = None,
) -> Alignment:
    """``SAS = (1/r) sum_j sigma_j(V_A^T V_B)^2`` of orthonormalised bases.

    Causal state variables, section 3.4, eq. 6. The chance level is ``r_A r_B / d`` before the
    division by ``r``, so ``r/d`` for equal ranks.

    Args:
        a: one subspace; any vectors that span it will do.
        b: the other.
        norm: what ``r`` is where ranks differ: ``min`` asks whether the smaller lies in the larger,
            ``max`` whether they are equal; None refuses different ranks.

    Raises:
        ValueError: widths differ, or ranks do and ``norm`` is None; as
            :func:`~jepakit.interp.subspaces.orthonormal`.
    """
    first, second = _bases_of(a, b)
    ranks = (first.shape[1], second.shape[1])
    if norm is None and ranks[0] != ranks[1]:
        raise ValueError(
            f"Subspaces of ranks {ranks[0]} and {ranks[1]} have no common r: choose norm='min' "
            "(does one lie in the other?) or norm='max' (are they equal?), or equal ranks."
        )
    divisor = max(ranks) if norm == "max" else min(ranks)
    cosines = np.linalg.svd(first.T @ second, compute_uv=False)
    spectrum = np.minimum(cosines**2, 1.0)  # rounding can pass 1
    chance = ranks[0] * ranks[1] / (first.shape[0] * divisor)
    return Alignment(float(spectrum.sum()) / divisor, spectrum, chance)


def energy_weighted_alignment(a: Subspace, b: Subspace | Float[np.ndarray, "e q"]) -> float:
    """Share of the energy of ``a`` inside ``b``: ``tr(M P_B M^T) / tr(M M^T)``.

    ``M = U diag(s) V_A^T`` is what ``a`` was made from, so that each direction counts by its
    squared strength ``s_j^2``, and weak directions that sampling noise turns do not count like
    strong ones. Not symmetric. For whitened (LDA) or augmented subspaces the strengths are not
    those of ``M`` along the orthonormal columns, and the number has no such meaning.

    Raises:
        ValueError: as :func:`subspace_alignment`.
    """
    _, other = _bases_of(a.basis, b)
    energy = a.strengths**2
    return float(energy @ ((other.T @ a.basis) ** 2).sum(axis=0) / energy.sum())


def noise_ceiling(
    x: Float[np.ndarray, "n d"],
    y: Int[np.ndarray, " labels"],
    *,
    rank: Rank = "full",
    rng: np.random.Generator,
    draws: int = 200,
    share: float = 0.5,
) -> Float[np.ndarray, " draws"]:
    """Alignment of class-mean subspaces of two halves that differ by sampling noise only.

    Both halves come from one Gaussian model of the data: class means and the pooled within-class
    covariance of Ledoit and Wolf, ``Sigma = (1 - k) R^T R / (N - C) + k v I`` with the residuals
    ``R`` and their mean variance ``v`` (without ``k``, noise would stay in the few directions of
    the residuals at hand, and halves would meet there too often). The mean of ``m`` clips of a
    class is then drawn outright from ``N(mu_c, Sigma / m)``. An observed score below the 5 %
    quantile of these is evidence of geometric change; one above is none.

    The measured means carry noise themselves, of energy ``tr(Sigma) / n_c`` per class, which would
    lift the ceiling; the singular values of the centred means are shrunken by it.

    Args:
        x: activations of both halves together.
        y: labels ``0 .. C-1``.
        rank: as for :func:`~jepakit.interp.subspaces.class_mean_pca`, fixed on the whole data.
        rng: draws the noise.
        draws: number of pairs of halves.
        share: of the clips of every class that each half has; 1 where the two subspaces to be
            judged each come from as many clips as ``x`` has (of two models, say).

    Raises:
        ValueError: as :func:`~jepakit.interp.subspaces.class_mean_pca`, a class with fewer than two
            clips, no draws, or an impossible share.
    """
    r = class_mean_pca(x, y, rank=rank).rank
    counts = np.bincount(y)
    if counts.min() < 2 or draws < 1 or not 0.5 <= share <= 1:
        raise ValueError(
            f"Halves need at least 2 clips of every class and 1 draw, got {counts.min()} clips of "
            f"class {counts.argmin()} and {draws} draws; the share is 0.5 to 1, got {share}."
        )
    means = class_means(x, y)
    residuals = x.astype(np.float64) - means[y]
    keep = 1 - ledoit_wolf_shrinkage(residuals, assume_centered=True)
    scatter = residuals * np.sqrt(keep / (len(x) - len(counts)))
    variance = float((residuals**2).sum()) / (len(x) - len(counts))
    even = np.sqrt((1 - keep) * variance / x.shape[1])
    u, s, vt = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)
    noise = variance * float((1 / counts).mean())
    shrunken = (u * np.sqrt(np.maximum(s**2 - noise, 0.0))) @ vt

    def half() -> Float[np.ndarray, "d r"]:
        shape = means.shape
        error = rng.normal(size=(len(means), len(x))) @ scatter + even * rng.normal(size=shape)
        drawn = shrunken + error / np.sqrt(np.floor(counts * share))[:, None]
        return np.linalg.svd(drawn - drawn.mean(axis=0), full_matrices=False)[2][:r].T

    return np.array([((half().T @ half()) ** 2).sum() / r for _ in range(draws)])


def retained_causal_effect(
    cross: Float[np.ndarray, " n"],
    own: Float[np.ndarray, " m"],
    *,
    random: Float[np.ndarray, " k"] | Float[np.ndarray, "c k"] | None = None,
    rng: np.random.Generator,
    draws: int = 2000,
    groups: Sequence[str] | np.ndarray | None = None,
) -> RetainedEffect:
    """``RCE(A -> B) = CE(V_A on B) / CE(V_B on B)``, same classifier, same clips of ``B``.

    Undefined where ``|CE(V_B on B)| < 0.05`` or its interval covers 0. The classifier belongs on a
    third split and the clips on a fourth: on one data set the number moved from 1.03 to 0.62 with
    the protocol alone. Causal state variables, section 3.4.

    Args:
        cross: effect per clip of the other set's subspace.
        own: effect per clip of the set's own subspace.
        random: effect per clip of random subspaces, one row each where there are several.
        rng: draws clips.
        draws: of the joint bootstrap.
        groups: what clips are drawn by, say their source video; None for one by one.

    Raises:
        ValueError: sizes differ, a value is not finite, fewer than two groups, or no draws.
    """
    baseline = np.zeros(len(own)) if random is None else np.atleast_2d(random).mean(axis=0)
    if not len(cross) == len(own) == len(baseline):
        raise ValueError(
            f"Effects belong to the same clips, got {len(cross)} of the other subspace, {len(own)} "
            f"of its own and {len(baseline)} of random ones."
        )
    columns = np.stack([cross, own, baseline, own - baseline], axis=1).astype(np.float64)
    drawn = bootstrap_means(columns, rng=rng, draws=draws, groups=groups)
    mean = [float(v) for v in columns.mean(axis=0)]
    why = _undefined(mean[1], drawn[:, 1], "the effect of its own subspace")
    if why is not None:
        return RetainedEffect(None, why, None, None)
    has_excess = random is not None and not _undefined(mean[3], drawn[:, 3], "")
    return RetainedEffect(
        value=mean[0] / mean[1],
        why=None,
        interval=interval(ratio_of_draws(drawn[:, 0], drawn[:, 1])),
        excess=(mean[0] - mean[2]) / mean[3] if has_excess else None,
    )


def _undefined(mean: float, drawn: Float[np.ndarray, " draws"], what: str) -> str | None:
    low, high = interval(drawn)
    if abs(mean) < MIN_EFFECT:
        return f"{what}, {mean:.3f}, is below {MIN_EFFECT:g}"
    if low <= 0 <= high:
        return f"{what} has an interval, {low:.3f} to {high:.3f}, that covers 0"
    return None


def _bases_of(
    a: Subspace | Float[np.ndarray, "d r"], b: Subspace | Float[np.ndarray, "e q"]
) -> tuple[Float[np.ndarray, "d r"], Float[np.ndarray, "e q"]]:
    first, second = (orthonormal(v.basis if isinstance(v, Subspace) else v) for v in (a, b))
    if first.shape[0] != second.shape[0]:
        raise ValueError(
            f"Subspaces of widths {first.shape[0]} and {second.shape[0]} cannot be compared: map "
            "both to one space first (jepakit.interp.cca)."
        )
    return first, second
