"""The subspace that is taken for a variable, by one of the paper's three ways or all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from jepakit.evals.states.probes.sparse_probe import SparseProbe
from jepakit.interp.subspaces import (
    VARIANCE_SHARE,
    Subspace,
    augment_subspace,
    class_mean_pca,
    difference_in_means,
    sparse_directions,
)

Method = Literal["pca", "dim", "sparse"]
METHODS: tuple[Method, ...] = ("pca", "dim", "sparse")
WEAKEST = 1e3  # sparsity that leaves weights in anything that varies


@dataclass(frozen=True)
class Recipe:
    """How a subspace is found (paper, section 3.2).

    Attributes:
        method: class-conditional PCA, difference in means, or directions of the sparse probe.
        rank: dimensions; ``full`` is one less than there are classes, or all that the sparse
            probe finds; ``var95`` the fewest that hold 95 % of the squared strengths.
        shrinkage: whiten by the within-class covariance first (PCA only).
        pattern: of the sparse probe, what its weights respond to instead of the weights.
        augment: add the other ways' directions where they are not captured.
        sparsity: ``C`` of the sparse probe; smaller is sparser. Where it leaves no weight at all
            (labels that mean nothing), ten times as much, as often as needed.
    """

    method: Method = "pca"
    rank: int | Literal["full", "var95"] = "full"
    shrinkage: bool = False
    pattern: bool = False
    augment: bool = False
    sparsity: float = 0.1


def state_subspace(
    x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"], recipe: Recipe, *, seed: int = 0
) -> Subspace:
    """The subspace of these clips.

    Raises:
        ValueError: more directions than the classes allow, or a class without clips.
    """
    base = _one(recipe.method, x, y, recipe, seed)
    if not recipe.augment:
        return base
    others = [_one(m, x, y, recipe, seed) for m in METHODS if m != recipe.method]
    return augment_subspace(base, *others, max_rank=2 * int(y.max()))


def _one(
    method: Method,
    x: Float[np.ndarray, "n d"],
    y: Int[np.ndarray, " n"],
    recipe: Recipe,
    seed: int,
) -> Subspace:
    if method == "pca":
        return class_mean_pca(x, y, rank=recipe.rank, shrinkage=recipe.shrinkage)
    if method == "dim":
        return _cut(difference_in_means(x, y), recipe.rank)
    sparsity = recipe.sparsity
    probe = SparseProbe(x, y, sparsity=sparsity, seed=seed)
    while not probe.used and sparsity < WEAKEST:
        sparsity *= 10
        probe = SparseProbe(x, y, sparsity=sparsity, seed=seed)
    covariance = np.cov(x, rowvar=False) if recipe.pattern else None
    found = sparse_directions(probe.weights, scale=probe.scale, covariance=covariance)
    return _cut(found, recipe.rank)


def _cut(found: Subspace, rank: int | Literal["full", "var95"]) -> Subspace:
    """The strongest directions."""
    kept = found.rank
    if rank == "var95":
        share = np.cumsum(found.strengths**2) / (found.strengths**2).sum()
        kept = int(np.searchsorted(share, VARIANCE_SHARE)) + 1
    elif rank != "full":
        kept = rank
    if not 1 <= kept <= found.rank:
        raise ValueError(
            f"rank must be 1 to {found.rank}, the number of directions that were found (C classes "
            f"span at most C-1), got {rank}."
        )
    return Subspace(found.basis[:, :kept], found.strengths[:kept])
