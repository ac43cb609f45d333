"""Means, ratios and sign flips where whole scenes are drawn, on the same draws throughout."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from jepakit.evals.permutation_tests import sign_flip_p
from jepakit.evals.repair.advantage import DRAWS, FLIPS
from jepakit.evals.statistics import Interval, Resampling, bootstrap_interval


class SceneStatistics:
    """Statistics of images of which some share a scene.

    The same as drawing groups of images, but on sums per scene, which is faster where many
    quantities of the same images are wanted, and pairs all of them.

    Args:
        groups: scene of each image.
        seed: of draws and flips.

    Raises:
        ValueError: images of one scene.
    """

    def __init__(self, groups: np.ndarray, *, seed: int = 0) -> None:
        names, self._group = np.unique(groups, return_inverse=True)
        self.scenes, self.seed = len(names), seed
        self._sizes = np.bincount(self._group, minlength=self.scenes).astype(np.float64)
        self._resampling = Resampling.of_items(
            self.scenes, draws=DRAWS, rng=np.random.default_rng(seed)
        )

    def mean(self, values: Float[np.ndarray, " n"]) -> Interval:
        """Mean over images with its 95 % interval over scenes."""
        sums = self._sums(values)
        return bootstrap_interval(lambda c: (c @ sums) / (c @ self._sizes), self._resampling)

    def ratio(
        self, part: Float[np.ndarray, " n"], whole: Float[np.ndarray, " n"]
    ) -> Interval | None:
        """Ratio of means; None where the interval of ``whole`` is not above 0.

        A share of nothing says nothing, and a share of a loss means the opposite of what it says.
        """
        if self.mean(whole).low <= 0:
            return None
        above, below = self._sums(part), self._sums(whole)
        return bootstrap_interval(lambda c: (c @ above) / (c @ below), self._resampling)

    def flip_p(self, values: Float[np.ndarray, " n"]) -> float:
        """Two-sided sign-flip p of the mean, with one sign for all images of a scene."""
        rng = np.random.default_rng(self.seed)
        return sign_flip_p(self._sums(values), rng=rng, draws=FLIPS)

    @property
    def least_p(self) -> float:
        """The smallest p that so many scenes and flips can give."""
        return 2.0 ** -(self.scenes - 1) if 2**self.scenes <= FLIPS else 1 / (1 + FLIPS)

    def _sums(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " scenes"]:
        return np.bincount(self._group, values, minlength=self.scenes)
