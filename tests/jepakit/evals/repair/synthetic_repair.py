"""A repair study with numbers made up, at the paper's scale, on noise with a box in it."""

from __future__ import annotations

import numpy as np
from masked_trees import masked

from jepakit.evals.repair.advantage import advantage
from jepakit.evals.repair.geometry import GeometryCell
from jepakit.evals.repair.images.masked_images import UnusableImage
from jepakit.evals.repair.images.occluded_images import (
    BACKGROUND,
    OBJECT,
    OccludedImages,
    OcclusionRule,
)
from jepakit.evals.repair.images.occlusion import rectangle_sweep
from jepakit.evals.repair.predictor_proxy import ProxyErrors
from jepakit.evals.repair.repair_measures import RegionDrift, RescueMeasure
from jepakit.evals.repair.repair_result import ModelRepair, RepairResult
from jepakit.evals.repair.site_groups import SWEPT_PARTS, paper_groups
from jepakit.evals.repair.site_sweep import MODES, SiteSweep
from jepakit.interp.drift import late_blocks
from jepakit.interp.rescue import rescue

GRID = (1, 12, 16)
TRAINED, FRESH = "ijepa_vith14_1k", "ijepa_vith14_1k, random init"
LEVEL = {TRAINED: 0.24, FRESH: 4e-4}
SHARES = {"context": 0.5, "masked": 0.02, "full": 0.52}
CONTROLS = {"other image": -3.0, "same norm": -0.5, "whole stream": 0.9, "random sites": 0.1}


def study(
    *, kind: str = "pets", depth: int = 32, note: str = "", lean: bool = False, fresh: bool = True
) -> RepairResult:
    """Two models on slices of 4x3 and 8x3; ``lean`` has one of each and drift alone."""
    rng = np.random.default_rng(0)
    models = [TRAINED, FRESH] if fresh else [TRAINED]
    slices = {"8x3": 24} if lean else {"8x3": 24, "4x3": 12}
    found = {
        (model, name): _model(model, name, count, depth, rng, lean=lean)
        for model in models
        for name, count in slices.items()
    }
    facts = {"data": f"some/folder ({kind})", "models": ", ".join(models), "note": note}
    return RepairResult(facts, found, {"object too small": 5, "no mask": 1})


def images(count: int, *, prefix: str = "") -> OccludedImages:
    """Boxes that move and grow, three of every class."""
    items = []
    for number in range(count):
        mask = np.zeros((48, 64), bool)
        mask[8 : 16 + number % 12, 8 : 24 + number % 16] = True
        label = f"breed {number // 3}"
        items.append(masked(mask, label=label, key=f"{prefix}image {number}"))
    made = OccludedImages.make(items, GRID, OcclusionRule())
    skipped = {"full": UnusableImage("no room for background", "full: compact, 200 tokens.")}
    return OccludedImages(made.items, made.pairs, made.rule, skipped)


def _model(
    model: str, name: str, count: int, depth: int, rng: np.random.Generator, *, lean: bool
) -> ModelRepair:
    level, late = LEVEL[model], late_blocks(depth)
    rise = (np.arange(1, depth + 1) / depth)[:, None] ** 3
    drift = {}
    for region, share in ((OBJECT, 1.0), (BACKGROUND, 0.42)):
        each = rng.uniform(0.6, 1.4, count) * level * share
        context = rise * each
        masked_ = np.clip(0.6 + 0.2 * rng.random((depth, count)), 0, 1)
        drift[region] = RegionDrift(masked_, context, 0.8 * context + 0.2 * masked_)
    seen = images(count, prefix=name)
    shown = {region: one.late(late) for region, one in drift.items()}
    above = {r: np.flatnonzero(d.context.mean(axis=1) > 0.05) for r, d in drift.items()}
    return ModelRepair(
        model=model,
        depth=depth,
        late=late,
        images=seen,
        drift=drift,
        advantage=advantage(shown[OBJECT], shown[BACKGROUND], seen.labels),
        onset={region: int(blocks[0]) if len(blocks) else None for region, blocks in above.items()},
        rescues=() if lean else tuple(_rescues(shown, depth, rng)),
        sweep=None if lean else _sweep(shown[OBJECT], depth, rng),
        geometry=() if lean else tuple(_cells(level, depth, count, rng)),
        proxy=None if lean else _proxy(level, count, rng),
    )


def _rescues(
    shown: dict[str, np.ndarray], depth: int, rng: np.random.Generator
) -> list[RescueMeasure]:
    found = []
    for region, base in shown.items():
        for number, (group, sites) in enumerate(paper_groups(depth).items()):
            plans = [(mode, "", share * (1 + 0.2 * number)) for mode, share in SHARES.items()]
            plans += [("context", control, share) for control, share in CONTROLS.items()]
            for mode, control, share in plans:
                left = base * (1 - share * rng.uniform(0.8, 1.2, len(base)))
                measure = RescueMeasure(group, sites, region, mode, control, rescue(base, left))
                found.append(measure)
    return found


def _sweep(base: np.ndarray, depth: int, rng: np.random.Generator) -> SiteSweep:
    late = (np.arange(depth) / depth)[:, None, None, None] ** 4
    strength = np.array([0.5, -0.1, 0.2])[:, None, None] * np.array([1, 0.05, 1.02])[:, None]
    values = late * strength * base * rng.uniform(0.5, 1.5, (depth, 3, 3, len(base)))
    values[-1, :2, MODES.index("masked")] = 0
    return SiteSweep(SWEPT_PARTS, MODES, base, values)


def _cells(level: float, depth: int, count: int, rng: np.random.Generator) -> list[GeometryCell]:
    cells = []
    for one in rectangle_sweep(GRID):
        late = level * 2 * one.area * rng.uniform(0.8, 1.2, count)
        context = (np.arange(1, depth + 1) / depth) ** 3 * late.mean()
        above = np.flatnonzero(context > 0.05)
        onset = int(above[0]) if len(above) else None
        cells.append(GeometryCell(one, late, context, np.full(depth, 0.7), onset))
    return cells


def _proxy(level: float, count: int, rng: np.random.Generator) -> ProxyErrors:
    unpatched = level * 1.2 * rng.uniform(0.7, 1.3, count)
    context = {"unpatched": unpatched}
    for number, group in enumerate(paper_groups(32)):
        context[group] = unpatched * (0.65 - 0.1 * number)
    clean, copied = (level * share * rng.uniform(0.8, 1.2, count) for share in (0.07, 0.2))
    return ProxyErrors(clean, copied, context)
