"""Subspaces in which activations tell classes apart, from class means or from probe weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from sklearn.covariance import LedoitWolf

Rank = int | Literal["full", "var95"]
Contrast = Literal["first", "adjacent", "one_vs_rest"]

RANK_TOLERANCE = 1e-10  # singular values below this share of the largest are rounding
VARIANCE_SHARE = 0.95


@dataclass(frozen=True)
class Subspace:
    """Orthonormal directions, each with how strongly the matrix it was made from points there.

    Attributes:
        basis: orthonormal columns, the strongest first, each with its largest loading positive.
        strengths: singular values of that matrix, in its own unit.
    """

    basis: Float[np.ndarray, "d r"]
    strengths: Float[np.ndarray, " r"]

    @property
    def width(self) -> int:
        """Width of the activations."""
        return self.basis.shape[0]

    @property
    def rank(self) -> int:
        """Number of directions."""
        return self.basis.shape[1]


def orthonormal(vectors: Float[np.ndarray, "d m"]) -> Float[np.ndarray, "d r"]:
    """Gram-Schmidt from left to right, without the columns that depend on those before them.

    A column counts as dependent where no more than ``sqrt(eps)`` of its length is left, ``eps``
    that of the dtype that came. Signs make the largest loading of each column positive.

    Raises:
        ValueError: a value is not finite, or all columns are zero.
    """
    require_finite(vectors, "The vectors of a subspace")
    tolerance = float(np.sqrt(np.finfo(vectors.dtype).eps))
    columns = vectors.astype(np.float64)
    lengths = np.linalg.norm(columns, axis=0)
    if not lengths.size or lengths.max() == 0:
        raise ValueError(f"All {vectors.shape[1]} vectors are zero: they span no subspace.")
    basis = np.zeros((vectors.shape[0], 0))
    for column, length in zip(columns.T, lengths, strict=True):
        # Twice, or nearly dependent columns would not come out orthogonal.
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        left = float(np.linalg.norm(rest))
        if left > tolerance * length and length > RANK_TOLERANCE * lengths.max():
            basis = np.column_stack([basis, rest / left])
    return _with_fixed_signs(basis)


def class_means(
    x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " labels"]
) -> Float[np.ndarray, "C d"]:
    """Mean activation of each class, in float64.

    Raises:
        ValueError: numbers of clips differ, a value is not finite, there is one class only, a label
            below the largest has no clip, or all activations are equal.
    """
    if len(x) != len(y) or not len(x):
        raise ValueError(f"Every clip needs one label, got {len(x)} clips and {len(y)} labels.")
    require_finite(x, "Activations")
    counts = np.bincount(y) if y.min() >= 0 else np.zeros(1, dtype=int)
    if len(counts) < 2 or not counts.all():
        raise ValueError(
            "Labels must be 0 .. C-1 with at least two classes and a clip of each; clips by label: "
            f"{dict(zip(*(v.tolist() for v in np.unique(y, return_counts=True)), strict=True))}."
        )
    if (x == x[0]).all():
        raise ValueError(
            f"All {len(x)} activations are equal, so nothing tells the classes apart: check that "
            "the encoder saw the clips, or choose another layer."
        )
    return np.eye(len(counts))[:, y] @ x.astype(np.float64) / counts[:, None]


def class_mean_pca(
    x: Float[np.ndarray, "n d"],
    y: Int[np.ndarray, " labels"],
    *,
    rank: Rank = "full",
    shrinkage: bool = False,
) -> Subspace:
    """Principal directions of the class means: SVD of ``M`` with rows ``mu_c - mean_c mu_c``.

    Causal state variables, section 3.2 (b). The mean of class means is unweighted, so that the span
    does not follow the class sizes.

    Args:
        x: activations.
        y: labels ``0 .. C-1``.
        rank: number of directions; ``full`` takes all that the class means span (C-1, fewer where
            they lie in less), ``var95`` the fewest that hold 95 % of the variance of the means.
        shrinkage: whiten by the Ledoit-Wolf within-class covariance ``S`` first. The span is then
            that of the discriminant (LDA) directions ``S^-1/2 v``, and strengths are in standard
            deviations within a class.

    Raises:
        ValueError: as :func:`class_means`; more directions than the class means span; or
            ``shrinkage`` where clips of a class do not differ.
    """
    means = class_means(x, y)
    centred = means - means.mean(axis=0)
    if not shrinkage:
        return _leading(centred, rank)
    whitening = _whitening(x.astype(np.float64) - means[y])
    found = _leading(centred @ whitening, rank)
    return Subspace(orthonormal(whitening @ found.basis), found.strengths)


def difference_in_means(
    x: Float[np.ndarray, "n d"],
    y: Int[np.ndarray, " labels"],
    *,
    contrast: Contrast = "first",
    rank: int | None = None,
) -> Subspace:
    """Span of unit-length differences of class means, by SVD.

    ``first``: ``mu_c - mu_0``; ``adjacent``: ``mu_(c+1) - mu_c``; ``one_vs_rest``: ``mu_c`` less
    the mean of the other class means. With all C-1 directions each of them spans the same as
    :func:`class_mean_pca`: an identity, not a replication. They differ below that rank only.

    Causal state variables, section 3.2 (c), eq. 2, which has two classes only.

    Raises:
        ValueError: as :func:`class_means`, or more directions than the differences span.
    """
    means = class_means(x, y)
    differences = {
        "first": means[1:] - means[0],
        "adjacent": np.diff(means, axis=0),
        "one_vs_rest": means - means.mean(axis=0),  # C/(C-1) times that, before unit length
    }[contrast]
    lengths = np.linalg.norm(differences, axis=1, keepdims=True)
    apart = lengths[:, 0] > RANK_TOLERANCE * np.abs(means).max()
    return _leading(differences[apart] / lengths[apart], "full" if rank is None else rank)


def sparse_directions(
    weights: Float[np.ndarray, "C d"],
    *,
    scale: Float[np.ndarray, " s"] | None = None,
    covariance: Float[np.ndarray, "e f"] | None = None,
) -> Subspace:
    """Span of a linear classifier's weights in the space of raw activations.

    ``w_raw = w / scale`` undoes the standardisation, ``w_raw - mean_c w_raw`` removes what softmax
    does not see (a single row, scikit-learn's form for two classes, has no such part). What is left
    is a filter; with ``covariance`` it becomes the pattern ``Sigma_x w`` of the activations that
    the filter reads (Haufe et al. 2014, eq. 6, up to a mixing of the columns that keeps the span).

    Args:
        weights: one row per class.
        scale: standard deviations that activations were divided by before the fit.
        covariance: of the raw activations.

    Raises:
        ValueError: widths differ, a value is not finite, a scale is not positive, or all weights
            are zero.
    """
    width = weights.shape[1]
    if (scale is not None and len(scale) != width) or (
        covariance is not None and covariance.shape != (width, width)
    ):
        shapes = [None if part is None else part.shape for part in (scale, covariance)]
        raise ValueError(
            f"Weights of width {width} need a scale of that length and a square covariance of "
            f"that size, got shapes {shapes[0]} and {shapes[1]}."
        )
    for part in (weights, scale, covariance):
        if part is not None:
            require_finite(part, "Weights, scale and covariance")
    if scale is not None and not (scale > 0).all():
        raise ValueError(f"A scale must be positive, the smallest is {scale.min()}.")
    raw = weights.astype(np.float64) / (1.0 if scale is None else scale)
    if len(raw) > 1:
        raw = raw - raw.mean(axis=0)
    return _leading(raw if covariance is None else raw @ covariance, "full")


def augment_subspace(
    base: Subspace, *others: Subspace, threshold: float = 0.85, max_rank: int | None = None
) -> Subspace:
    """Append the directions of other subspaces that the subspace does not yet hold.

    A unit direction ``u`` is held where ``||V^T u|| >= threshold``, its cosine to the subspace;
    otherwise its normalised residual ``u - V V^T u`` is appended, with the strength of ``u`` times
    the length of the residual. Causal state variables, section 3.2, ``tau_cos = 0.85``.

    Args:
        base: comes first and stays as it is.
        others: in order of preference.
        threshold: cosine from which a direction counts as held.
        max_rank: where to stop; None for twice the rank of ``base``, 2(C-1) for a full one.

    Raises:
        ValueError: widths differ, or an impossible threshold or ``max_rank``.
    """
    limit = 2 * base.rank if max_rank is None else max_rank
    if not 0 < threshold <= 1 or limit < base.rank:
        raise ValueError(
            f"threshold must lie in (0, 1] and max_rank be at least {base.rank}, the rank of the "
            f"base, got {threshold} and {max_rank}."
        )
    if any(other.width != base.width for other in others):
        widths = [part.width for part in (base, *others)]
        raise ValueError(f"Subspaces of one space have one width, got {widths}.")
    basis, strengths = base.basis, base.strengths
    for other in others:
        for unit, strength in zip(other.basis.T, other.strengths, strict=True):
            residual = unit - basis @ (basis.T @ unit)
            length = float(np.linalg.norm(residual))
            held = float(np.linalg.norm(basis.T @ unit)) >= threshold
            if not held and basis.shape[1] < limit:
                basis = np.column_stack([basis, residual / length])
                strengths = np.append(strengths, strength * length)
    return Subspace(_with_fixed_signs(basis), strengths)


def require_finite(values: Float[np.ndarray, ...], what: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        ValueError: there is one.
    """
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise ValueError(f"{what} must be finite, {bad} of {values.size} values are not.")


def _leading(rows: Float[np.ndarray, "m d"], rank: Rank) -> Subspace:
    """The strongest right singular directions of a matrix."""
    _, strengths, directions = np.linalg.svd(rows, full_matrices=False)
    spanned = int((strengths > RANK_TOLERANCE * max(strengths.max(initial=0), 1e-300)).sum())
    if not spanned:
        raise ValueError("Class means or weights do not differ at all: they span no subspace.")
    if rank == "full":
        kept = spanned
    elif rank == "var95":
        share = np.cumsum(strengths**2) / (strengths**2).sum()
        kept = int(np.searchsorted(share, VARIANCE_SHARE)) + 1
    else:
        kept = rank
    if not 1 <= kept <= spanned:
        raise ValueError(
            f"rank must be 1 to {spanned}, the number of directions that classes span (C classes "
            f"span at most C-1), got {rank}."
        )
    return Subspace(_with_fixed_signs(directions[:kept].T), strengths[:kept])


def _whitening(residuals: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "d d"]:
    """``S^-1/2`` of the Ledoit-Wolf covariance of deviations from the class mean."""
    if not np.abs(residuals).max() > 0:
        raise ValueError("Clips of a class do not differ, so there is nothing to whiten by.")
    values, axes = np.linalg.eigh(LedoitWolf(assume_centered=True).fit(residuals).covariance_)
    # No shrinkage was needed where this floor is reached, but rank was missing all the same.
    floored = np.maximum(values, RANK_TOLERANCE * values[-1])
    return (axes / np.sqrt(floored)) @ axes.T


def _with_fixed_signs(basis: Float[np.ndarray, "d r"]) -> Float[np.ndarray, "d r"]:
    largest = np.take_along_axis(basis, np.abs(basis).argmax(axis=0)[None], axis=0)
    return basis * np.where(largest < 0, -1.0, 1.0)
