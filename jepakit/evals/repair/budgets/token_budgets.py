"""Rescue by share of the object's tokens that is hidden, and by shape of the background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from rich.progress import Progress

from jepakit.evals.repair.budgets.footprints import ASPECTS, footprint
from jepakit.evals.repair.images.masked_images import MaskedImage, UnusableImage
from jepakit.evals.repair.images.occluded_images import (
    BACKGROUND,
    OBJECT,
    OccludedImages,
    OcclusionRule,
)
from jepakit.evals.repair.images.occlusion import Grid, token_layers
from jepakit.evals.repair.site_groups import paper_groups
from jepakit.interp.drift import late_blocks, late_drift
from jepakit.interp.patch_plans import PatchPlan
from jepakit.interp.patchable import PatchableEncoder
from jepakit.interp.patching import patch, record_pair
from jepakit.seeds import derive_seed

BUDGETS = (0.25, 0.5, 1.0)


@dataclass(frozen=True)
class BudgetMeasure:
    """What is taken back where one share of the tokens is hidden in one shape.

    Attributes:
        name: ``object``, or the footprint of the background.
        budget: share of the object's tokens.
        keys: of the images.
        groups: scene of each image.
        tokens: that are hidden in each image.
        base: late context drift of each image.
        rescue: taken back by clean visible tokens, by group of sites.
        skipped: images without room for this shape.
    """

    name: str
    budget: float
    keys: tuple[str, ...]
    groups: np.ndarray
    tokens: np.ndarray
    base: Float[np.ndarray, " n"]
    rescue: dict[str, Float[np.ndarray, " n"]]
    skipped: int


def measure_budgets(
    encoder: PatchableEncoder,
    items: Sequence[MaskedImage],
    rule: OcclusionRule,
    *,
    budgets: Sequence[float] = BUDGETS,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> list[BudgetMeasure]:
    """Every budget of the object, then every budget of both footprints of the background.

    Source: paper, Figure 6 (object) and section 3.5 (footprints, whose values it does not print).

    Raises:
        ValueError: fewer than 3 blocks, or no image that can be used.
    """
    cases = [(shape, budget) for shape in (OBJECT, *ASPECTS) for budget in budgets]
    task = progress.add_task("token budgets", total=len(cases)) if progress else None
    found = []
    for shape, budget in cases:
        images = OccludedImages.make(items, encoder.grid, replace(rule, budget=budget))
        shaped = images if shape == OBJECT else with_footprint(images, encoder.grid, shape)
        if shaped is not None:
            skipped = len(items) - len(shaped)
            found.append(_measured(encoder, shaped, shape, budget, skipped, batch_size))
        if progress and task is not None:
            progress.advance(task)
    return found


def with_footprint(images: OccludedImages, grid: Grid, shape: str) -> OccludedImages | None:
    """The same objects beside background of another shape; None where no image has room."""
    kept = []
    skipped = dict(images.skipped)
    for item, pair in zip(images.items, images.pairs, strict=True):
        rng = np.random.default_rng(derive_seed("footprint", images.rule.seed, item.key, shape))
        blocked = token_layers(item, grid)[1]
        found = footprint(blocked, pair.object, shape=shape, rng=rng)
        if found is None:
            skipped[item.key] = UnusableImage("no room for background", f"{item.key}: {shape}.")
            continue
        kept.append((item, replace(pair, background=found)))
    if not kept:
        return None
    items, pairs = zip(*kept, strict=True)
    return OccludedImages(items, pairs, images.rule, skipped)


def _measured(
    encoder: PatchableEncoder,
    images: OccludedImages,
    shape: str,
    budget: float,
    skipped: int,
    batch_size: int,
) -> BudgetMeasure:
    groups = paper_groups(encoder.depth)
    plans = {name: PatchPlan(sites, "context", changes=None) for name, sites in groups.items()}
    sites = {site for plan in plans.values() for site in plan.sites}
    region, late = OBJECT if shape == OBJECT else BACKGROUND, late_blocks(encoder.depth)
    base: list[np.ndarray] = []
    left: dict[str, list[np.ndarray]] = {name: [] for name in plans}
    for batch in images.batches(batch_size):
        runs = record_pair(
            encoder, batch.clean, batch.occluded[region], hidden=batch.hidden[region], sites=sites
        )
        base.append(late_drift(runs.base.context, late).double().cpu().numpy())
        for name, curve in patch(runs, plans).items():
            left[name].append(late_drift(curve.context, late).double().cpu().numpy())
    before = np.concatenate(base)
    return BudgetMeasure(
        name=shape,
        budget=budget,
        keys=tuple(item.key for item in images.items),
        groups=np.array([item.group for item in images.items]),
        tokens=images.counts,
        base=before,
        rescue={name: before - np.concatenate(rest) for name, rest in left.items()},
        skipped=skipped,
    )
