"""How much of a predictor's error each site carries: intervals, shares, tests of all sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jepakit.evals.permutation_tests import holm
from jepakit.evals.repair.images.occluded_images import BACKGROUND, OBJECT, REGIONS
from jepakit.evals.repair.predictor.hidden_errors import HiddenErrors
from jepakit.evals.repair.predictor.visible_runs import RUNS
from jepakit.evals.repair.scene_statistics import SceneStatistics
from jepakit.evals.statistics import Interval

ROUNDING = 2.0**-20  # of an error, eight steps of float32


class CarriedSite(NamedTuple):
    """One site in one run.

    Attributes:
        run: how the region was kept from the encoder.
        block: 0-based.
        part: of the block.
        carried: error that the patch takes back while the object is hidden.
        share: of the error before the patch.
        of_bound: of what the bound takes back; None where that is not resolved.
        background: taken back while as much background is hidden.
        gap: object minus background, paired.
        p: two-sided sign flip of whole scenes, of ``carried``.
        adjusted: the same after Holm over all sites of both runs.
        gap_adjusted: of ``gap``, after Holm over all sites of both runs.
    """

    run: str
    block: int
    part: str
    carried: Interval
    share: float
    of_bound: Interval | None
    background: Interval
    gap: Interval
    p: float
    adjusted: float
    gap_adjusted: float


class Bound(NamedTuple):
    """Error that visible tokens take back which saw the whole picture; negative where they add.

    Attributes:
        object: while the object is hidden.
        background: while as much background is.
        gap: their paired difference.
        share: ``object`` over the error without it.
        gap_p: two-sided sign flip of whole scenes, of ``gap``.
    """

    object: Interval
    background: Interval
    gap: Interval
    share: float
    gap_p: float


@dataclass(frozen=True)
class CarriedErrors:
    """All sites of a model.

    Attributes:
        sites: by run, block and part, in this order.
        bounds: by run.
        floor: smallest p after Holm that so many scenes can give.
    """

    sites: tuple[CarriedSite, ...]
    bounds: dict[str, Bound]
    floor: float


def carried_errors(found: HiddenErrors, *, seed: int = 0) -> CarriedErrors:
    """Test every site of both runs.

    Source: the tests of the paper's sweeps, section 2.6. Differs: whole scenes are drawn and
    flipped, since objects of one scene share its picture.

    Raises:
        ValueError: images of one scene.
    """
    scenes = SceneStatistics(found.groups, seed=seed)
    gains = {(run, region): taken_back(found, run, region) for run in RUNS for region in REGIONS}
    cells = [(run, *place) for run in RUNS for place in np.ndindex(gains[run, OBJECT].shape[:2])]
    own = [gains[run, OBJECT][block, part] for run, block, part in cells]
    other = [gains[run, BACKGROUND][block, part] for run, block, part in cells]
    p = np.array([scenes.flip_p(values) for values in own])
    gap_p = np.array([scenes.flip_p(a - b) for a, b in zip(own, other, strict=True)])
    adjusted, gap_adjusted = holm(p), holm(gap_p)
    sites = tuple(
        CarriedSite(
            run,
            block,
            found.parts[part],
            scenes.mean(own[i]),
            float(own[i].mean() / found.regions[OBJECT].contexts[run].error.mean()),
            scenes.ratio(own[i], bound_of(found, run, OBJECT)),
            scenes.mean(other[i]),
            scenes.mean(own[i] - other[i]),
            float(p[i]),
            float(adjusted[i]),
            float(gap_adjusted[i]),
        )
        for i, (run, block, part) in enumerate(cells)
    )
    bounds: dict[str, Bound] = {run: _bound(found, run, scenes) for run in RUNS}
    return CarriedErrors(sites, bounds, min(1.0, len(cells) * scenes.least_p))


def taken_back(found: HiddenErrors, run: str, region: str) -> Float[np.ndarray, "L parts n"]:
    """Error without a patch minus error with it; 0 where float32 cannot tell them apart."""
    one = found.regions[region]
    return _beyond_rounding(one.contexts[run].error, one.patched[run].error)


def bound_of(found: HiddenErrors, run: str, region: str) -> Float[np.ndarray, " n"]:
    """Error of a run minus that where visible tokens saw the whole picture; may be negative."""
    contexts = found.regions[region].contexts
    return _beyond_rounding(contexts[run].error, contexts["seen"].error)


def _beyond_rounding(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The difference; passes over other numbers of tokens round otherwise, alike in all images."""
    gain = before - after
    return np.where(np.abs(gain) <= ROUNDING * np.abs(before), 0.0, gain)


def _bound(found: HiddenErrors, run: str, scenes: SceneStatistics) -> Bound:
    own, other = (bound_of(found, run, region) for region in (OBJECT, BACKGROUND))
    share = float(own.mean() / found.regions[OBJECT].contexts[run].error.mean())
    means = (scenes.mean(own), scenes.mean(other), scenes.mean(own - other))
    return Bound(*means, share, scenes.flip_p(own - other))
