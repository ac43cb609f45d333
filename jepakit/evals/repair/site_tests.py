"""Which sites take drift back beyond chance, when every one of a sweep is tested."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from jepakit.evals.permutation_tests import holm, sign_flip_p
from jepakit.evals.repair.advantage import FLIPS
from jepakit.evals.repair.site_sweep import SiteSweep


@dataclass(frozen=True)
class SiteTests:
    """Tests of all sites of a sweep.

    Attributes:
        p: two-sided sign-flip p of the images' rescue; 1 where no image has any.
        adjusted: the same after Holm over all sites, blocks and modes.
        floor: smallest adjusted p that so many images and flips can give.
    """

    p: Float[np.ndarray, "L parts modes"]
    adjusted: Float[np.ndarray, "L parts modes"]
    floor: float


def sites_tested(sweep: SiteSweep, *, seed: int = 0) -> SiteTests:
    """Sign-flip tests of every block, part and mode, and Holm's adjustment over all of them."""
    shape, images = sweep.rescue.shape[:-1], sweep.rescue.shape[-1]
    rows = sweep.rescue.reshape(-1, images)
    p = np.array([sign_flip_p(row, rng=np.random.default_rng(seed), draws=FLIPS) for row in rows])
    least = 2.0 ** -(images - 1) if 2**images <= FLIPS else 1 / (1 + FLIPS)
    return SiteTests(p.reshape(shape), holm(p).reshape(shape), min(1.0, len(p) * least))
