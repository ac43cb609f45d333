"""Runs of one recipe under several seeds side by side, and how recipes differ from the first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from jepakit.evals.pages.report import Table
from jepakit.evals.repair.images.occluded_images import BACKGROUND, OBJECT
from jepakit.evals.repair.predictor.carried_errors import bound_of
from jepakit.evals.repair.repair_result import ModelRepair
from jepakit.evals.repair.scene_statistics import SceneStatistics
from jepakit.evals.repair.value_text import drift_text, interval_text
from jepakit.evals.statistics import Interval

NAME = re.compile(r"(?P<recipe>.+?)[-_]s(?:eed)?(?P<seed>\d+)")
DRIFT, LEAK = "late context drift", "error that leaks"
MEANS = {
    DRIFT: "late context drift, object minus background hidden",
    LEAK: "error with hidden tokens dropped minus that of seen, object minus background",
}


@dataclass(frozen=True)
class Recipe:
    """One quantity of a recipe.

    Attributes:
        seeds: mean over images of each seed's run.
        mean: over seeds and images, with its interval over scenes.
        gap: paired difference from the first recipe; None of the first.
        apart: whether every seed lies on one side of all seeds of the first recipe.
    """

    seeds: dict[str, float]
    mean: Interval
    gap: Interval | None
    apart: bool


def seed_twins(found: Mapping[str, ModelRepair], what: str) -> dict[str, Recipe]:
    """Recipes of runs named ``RECIPE-sSEED`` on the same images; empty without several of them.

    Args:
        found: by model, of one slice.
        what: ``late context drift`` or ``error that leaks``.
    """
    values: dict[str, dict[str, Float[np.ndarray, " n"]]] = defaultdict(dict)
    images: set[tuple[str, ...]] = set()
    groups = np.array([])
    for model, one in found.items():
        named, own = NAME.fullmatch(model), quantity(one, what)
        if named is None or own is None:
            continue
        values[named["recipe"]][named["seed"]] = own
        images.add(tuple(item.key for item in one.images.items))
        groups = np.array([item.group for item in one.images.items])
    several = len(values) > 1 or any(len(runs) > 1 for runs in values.values())
    if not several or len(images) != 1 or len(np.unique(groups)) < 2:
        return {}
    scenes = SceneStatistics(groups)
    first = next(iter(values.values()))
    return {
        name: _recipe(runs, None if runs is first else first, scenes)
        for name, runs in values.items()
    }


def quantity(one: ModelRepair, what: str) -> Float[np.ndarray, " n"] | None:
    """The quantity image by image; None where it was not measured."""
    if what == DRIFT:
        return one.drift[OBJECT].late(one.late) - one.drift[BACKGROUND].late(one.late)
    if one.predictor is None:
        return None
    return bound_of(one.predictor, "dropped", OBJECT) - bound_of(
        one.predictor, "dropped", BACKGROUND
    )


def twins_table(recipes: Mapping[str, Recipe], what: str) -> Table:
    """A row per recipe: its seeds, their mean, and the difference from the first."""
    first = next(iter(recipes))
    rows = []
    for name, one in recipes.items():
        seeds = ", ".join(f"s{s} {drift_text(v, signed=True)}" for s, v in one.seeds.items())
        gap = "" if one.gap is None else interval_text(one.gap, signed=True)
        apart = "" if one.gap is None else ("yes" if one.apart else "no")
        rows.append([name, seeds, interval_text(one.mean, signed=True), gap, apart])
    caption = (
        f"Runs named RECIPE-sSEED: {MEANS[what]}. Intervals draw scenes, not seeds: they say how "
        "sure the mean of these runs is, not that of the recipe. Apart: all seeds lie on one side "
        f"of all seeds of {first}, which by chance happens to 3 against 3 in 1 of 10 cases."
    )
    header = ["recipe", what, "mean", f"minus {first}", "apart"]
    return Table(header, rows, caption, strong=(2,))


def _recipe(
    runs: Mapping[str, Float[np.ndarray, " n"]],
    first: Mapping[str, Float[np.ndarray, " n"]] | None,
    scenes: SceneStatistics,
) -> Recipe:
    mean = np.mean(list(runs.values()), axis=0)
    seeds = {seed: float(values.mean()) for seed, values in runs.items()}
    if first is None:
        return Recipe(seeds, scenes.mean(mean), None, apart=False)
    theirs = [float(values.mean()) for values in first.values()]
    ours = list(seeds.values())
    apart = max(ours) < min(theirs) or min(ours) > max(theirs)
    gap = scenes.mean(mean - np.mean(list(first.values()), axis=0))
    return Recipe(seeds, scenes.mean(mean), gap, apart=apart)
