"""Whether several videos agree on their first dimensions, against chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import hypergeom


@dataclass(frozen=True)
class TopOverlap:
    """Dimensions that several videos have among their first ``k``.

    Attributes:
        pairs: shared by each two videos; ``k`` on the diagonal.
        pair_chance: expected of two unrelated videos, ``k^2 / d``.
        pair_p: chance of at least so many, hypergeometric; 1 on the diagonal.
        common: shared by all videos.
        common_chance: expected of unrelated videos, ``d (k / d)^v``.
        common_p: chance of at least so many.
    """

    pairs: Int[np.ndarray, "v v"]
    pair_chance: float
    pair_p: Float[np.ndarray, "v v"]
    common: int
    common_chance: float
    common_p: float

    @classmethod
    def of(cls, tops: Bool[np.ndarray, "v d"]) -> TopOverlap:
        """Compare the sets of first dimensions, all of one size.

        Raises:
            ValueError: fewer than two videos, or sets of different sizes.
        """
        sizes = set(tops.sum(axis=1).tolist())
        if len(tops) < 2 or len(sizes) != 1:
            raise ValueError(
                f"An overlap is of at least 2 sets of one size, came {len(tops)} of sizes {sizes}."
            )
        (k,), (videos, width) = sizes, tops.shape
        pairs = tops.astype(np.int64) @ tops.T.astype(np.int64)
        pair_p = hypergeom.sf(pairs - 1, width, k, k)
        np.fill_diagonal(pair_p, 1.0)
        common = int(tops.all(axis=0).sum())
        law = common_law(width, top=k, sets=videos)
        return cls(
            pairs=pairs,
            pair_chance=k * k / width,
            pair_p=pair_p,
            common=common,
            common_chance=width * (k / width) ** videos,
            common_p=min(1.0, float(law[common:].sum())),
        )


def common_law(width: int, *, top: int, sets: int) -> Float[np.ndarray, " k1"]:
    """Law of how many of ``width`` dimensions lie in all of ``sets`` random sets of ``top``.

    A further set keeps ``y`` of the ``x`` that were common so far with the hypergeometric chance.
    """
    sizes = np.arange(top + 1)
    keep = hypergeom.pmf(sizes[None], width, sizes[:, None], top)
    law = np.zeros(top + 1)
    law[top] = 1.0
    for _ in range(sets - 1):
        law = law @ keep
    return law
