"""Errors of a predictor whose bound, and what carries it, are known because they were made so."""

from __future__ import annotations

import numpy as np

from jepakit.evals.repair.images.occluded_images import BACKGROUND, OBJECT
from jepakit.evals.repair.predictor.hidden_errors import CONTEXTS, HiddenErrors, RegionErrors
from jepakit.evals.repair.predictor.hidden_predictor import ImageErrors

IMAGES, DEPTH, PARTS = 24, 4, ("attn", "mlp", "resid")
GROUPS = np.repeat([f"scene {n:02d}" for n in range(12)], 2)
LEVEL = {"dropped": 1.0, "filled": 0.9, "seen": 0.6, "another scene": 1.3, "no context": 1.5}


def made(*, bound: float = 0.4, seed: int = 0) -> HiddenErrors:
    """Errors with a known bound on objects, of which 1.attn carries half; nothing on background."""
    rng = np.random.default_rng(seed)
    regions = {}
    for region in (OBJECT, BACKGROUND):
        own = rng.normal(scale=0.02, size=IMAGES)
        level = LEVEL | {"seen": 1.0 - bound} if region == OBJECT else dict.fromkeys(CONTEXTS, 1.0)
        contexts = {name: level[name] + own + noise(rng) for name in CONTEXTS}
        patched = {}
        for run in ("dropped", "filled"):
            errors = contexts[run] + rng.normal(scale=0.01, size=(DEPTH, 3, IMAGES))
            errors[1, 0] -= bound / 2 if region == OBJECT else 0.0
            errors[-1, 2] = contexts["seen"]
            errors[0, 2] = contexts[run] * (1 + 1e-7)  # rounding
            patched[run] = ImageErrors(errors, errors)
        regions[region] = RegionErrors(
            {name: ImageErrors(values, values / 10) for name, values in contexts.items()}, patched
        )
    return HiddenErrors(PARTS, GROUPS, regions)


def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(scale=0.01, size=IMAGES)
