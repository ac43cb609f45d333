"""What a study of late semantic repair found, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from jepakit.evals.repair.advantage import Advantage
from jepakit.evals.repair.budgets.token_budgets import BudgetMeasure
from jepakit.evals.repair.geometry import GeometryCell
from jepakit.evals.repair.images.occluded_images import OccludedImages
from jepakit.evals.repair.predictor.carried_errors import CarriedErrors, carried_errors
from jepakit.evals.repair.predictor.hidden_errors import HiddenErrors
from jepakit.evals.repair.predictor_proxy import ProxyErrors
from jepakit.evals.repair.repair_measures import RegionDrift, RescueMeasure
from jepakit.evals.repair.site_sweep import SiteSweep


@dataclass(frozen=True)
class ModelRepair:
    """One model on one slice of images.

    Attributes:
        model: name.
        depth: blocks.
        late: late blocks, 0-based.
        images: with their masks.
        drift: by region.
        advantage: of late context drift, object over background.
        onset: first block whose mean context drift exceeds 0.05, by region.
        rescues: by group, mode, region and control; empty where not asked for.
        sweep: single sites.
        geometry: rectangles.
        proxy: the linear predictor.
        budgets: by share of the tokens and shape.
        predictor: errors of the model's own predictor.
    """

    model: str
    depth: int
    late: tuple[int, ...]
    images: OccludedImages
    drift: dict[str, RegionDrift]
    advantage: Advantage
    onset: dict[str, int | None]
    rescues: tuple[RescueMeasure, ...] = ()
    sweep: SiteSweep | None = None
    geometry: tuple[GeometryCell, ...] = ()
    proxy: ProxyErrors | None = None
    budgets: tuple[BudgetMeasure, ...] = ()
    predictor: HiddenErrors | None = None

    @cached_property
    def carried(self) -> CarriedErrors | None:
        """What each site carries of the predictor's error, tested once for page and terminal."""
        return None if self.predictor is None else carried_errors(self.predictor)

    @property
    def classes(self) -> np.ndarray:
        """Class of each image."""
        return self.images.labels


@dataclass(frozen=True)
class RepairResult:
    """Everything that was found; what was not asked for is empty.

    Attributes:
        facts: data, masks, models and the like, by name.
        found: by model and slice, the first model first.
        skipped: why images were left out, by reason.
        without_predictor: why models have no errors of a predictor, by name, where some have.
    """

    facts: dict[str, str]
    found: dict[tuple[str, str], ModelRepair]
    skipped: dict[str, int] = field(default_factory=dict)
    without_predictor: dict[str, str] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(dict.fromkeys(model for model, _ in self.found))

    @property
    def slices(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(dict.fromkeys(name for _, name in self.found))

    @property
    def predictors(self) -> tuple[str, ...]:
        """Names of the models whose predictor was measured."""
        names = (model for (model, _), one in self.found.items() if one.predictor is not None)
        return tuple(dict.fromkeys(names))
