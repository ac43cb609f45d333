"""UMAP of tokens: neighbours in many dimensions stay neighbours in few."""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Float

from explorer.extra import extra_module
from explorer.reductions.principal import pca


def umap_points(
    values: Float[np.ndarray, "n d"],
    *,
    components: int = 3,
    neighbours: int = 15,
    min_distance: float = 0.1,
    seed: int = 42,
    pca_first: int | None = 50,
) -> Float[np.ndarray, "n k"]:
    """Tokens laid out by who their neighbours are (McInnes et al. 2018).

    Distances between groups and the size of a group mean little; who is beside whom does. The
    principal components come first, which is nine times as fast as UMAP of 768 numbers. With a
    seed it runs on one thread and repeats itself, on the same machine and versions only: keep the
    points rather than the seed.

    Args:
        values: tokens in rows.
        components: of the layout, 2, 3 or 7.
        neighbours: of every token; more shows coarser structure.
        min_distance: between points in the layout; less packs groups tighter.
        seed: of the layout.
        pca_first: principal components that are laid out; all numbers with None.

    Raises:
        MissingExtra: umap-learn is not installed.
        ValueError: too few tokens, or numbers that are not finite.
    """
    least = max(neighbours, components + 1) + 1
    if neighbours < 2 or components < 1 or len(values) < least:
        raise ValueError(
            f"UMAP with {neighbours} neighbours in {components} dimensions needs at least 2 "
            f"neighbours, 1 dimension and {max(least, 3)} tokens, came {len(values)} tokens."
        )
    if not np.isfinite(values).all():
        raise ValueError("UMAP of tokens with NaN or infinite numbers.")
    if pca_first is not None:
        kept = min(pca_first, values.shape[1], len(values) - 1)
        values = pca(values, components=kept).points
    umap = extra_module("umap")
    layout = umap.UMAP(
        n_components=components,
        n_neighbors=neighbours,
        min_dist=min_distance,
        random_state=seed,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        # Said of clips with parts that nothing connects: they are laid out apart, which is right.
        warnings.filterwarnings("ignore", message=".*not fully connected")
        points = layout.fit_transform(values.astype(np.float32))
    return np.asarray(points, dtype=np.float64)
