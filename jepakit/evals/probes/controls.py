"""What a trained encoder has to beat: the same network untrained, and the pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int, UInt8
from sklearn.decomposition import PCA
from torch import Tensor
from torch.nn import functional

from jepakit.evals.probes.features import Featuriser
from jepakit.seeds import derive_seed

Model = TypeVar("Model")


def random_init(build: Callable[[], Model], seed: int) -> Model:
    """A freshly built model whose weights depend on ``seed`` only.

    ``build`` must construct it without loading weights. The global generators are left as found.
    """
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed("random-init", seed))
        return build()


def pixel_featuriser(side: int = 16) -> Featuriser:
    """Clips shrunk to ``side`` x ``side`` pixels by averaging areas, all frames, flattened.

    The averages are rounded back to uint8, so that a large data set stays small in memory.
    """

    def featurise(frames: UInt8[Tensor, "b t h w 3"]) -> UInt8[Tensor, "b pixels"]:
        clips = frames.shape[0]
        images = rearrange(frames, "b t h w c -> (b t) c h w").float()
        small = functional.adaptive_avg_pool2d(images, (side, side))
        return rearrange(small.round().to(torch.uint8), "(b t) c h w -> b (t h w c)", b=clips)

    return featurise


def reduce_pixels(
    pixels: np.ndarray, fit_on: Int[np.ndarray, " fitted"], *, width: int, seed: int
) -> Float[np.ndarray, "n kept"]:
    """The first ``width`` principal components of the pixels.

    The components are fitted on the rows ``fit_on`` (the training part) only; where there are
    fewer of those or fewer pixels than ``width``, as many components as exist are kept.
    """
    scaled = pixels.astype(np.float32) / 255
    kept = min(width, len(fit_on) - 1, scaled.shape[1])
    solver = "full" if max(len(fit_on), scaled.shape[1]) <= 500 else "randomized"
    pca = PCA(kept, svd_solver=solver, random_state=seed).fit(scaled[fit_on])
    return pca.transform(scaled).astype(np.float32)
