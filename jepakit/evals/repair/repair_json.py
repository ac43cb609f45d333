"""A repair study as plain values, image by image, with the masks by number of token."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from jepakit.evals.repair.geometry import GeometryCell
from jepakit.evals.repair.images.occluded_images import REGIONS, OccludedImages
from jepakit.evals.repair.repair_measures import RescueMeasure
from jepakit.evals.repair.repair_result import ModelRepair, RepairResult
from jepakit.evals.repair.site_sweep import SiteSweep
from jepakit.evals.repair.site_tests import SiteTests
from jepakit.evals.statistics import Interval

FORMAT = "jepakit.repair/1"
Tests = dict[tuple[str, str], SiteTests]


def repair_content(result: RepairResult, tests: Tests) -> dict[str, Any]:
    """Everything but the pictures.

    Args:
        result: the study.
        tests: of its sweeps, by model and slice.
    """
    return {
        "facts": result.facts,
        "skipped": result.skipped,
        "without_predictor": result.without_predictor,
        "found": [
            {"model": model, "slice": name} | _model(one, tests.get((model, name)))
            for (model, name), one in result.found.items()
        ],
    }


def _model(one: ModelRepair, tests: SiteTests | None) -> dict[str, Any]:
    return {
        "depth": one.depth,
        "late_blocks": one.late,
        "images": _images(one.images),
        "drift": {region: asdict(drift) for region, drift in one.drift.items()},
        "advantage": asdict(one.advantage),
        "onset": one.onset,
        "rescues": [_rescue(measure) for measure in one.rescues],
        "sweep": _sweep(one.sweep, tests) if one.sweep is not None else None,
        "geometry": [_cell(cell) for cell in one.geometry],
        "proxy": asdict(one.proxy) if one.proxy is not None else None,
        "budgets": [asdict(measure) for measure in one.budgets],
        "predictor": _predictor(one) if one.predictor is not None else None,
    }


def _images(images: OccludedImages) -> dict[str, Any]:
    return {
        "rule": asdict(images.rule),
        "grid": images.pairs[0].object.shape,
        "items": [
            {"key": item.key, "class": item.label, "group": item.group}
            | {region: np.flatnonzero(getattr(pair, region)) for region in REGIONS}
            for item, pair in zip(images.items, images.pairs, strict=True)
        ],
        "skipped": {key: error.reason for key, error in images.skipped.items()},
    }


def _rescue(measure: RescueMeasure) -> dict[str, Any]:
    names = ("group", "sites", "region", "mode", "control")
    return {name: getattr(measure, name) for name in names} | asdict(measure.found)


def _sweep(sweep: SiteSweep, tests: SiteTests | None) -> dict[str, Any]:
    return asdict(sweep) | {"tests": asdict(tests) if tests else None}


def _predictor(one: ModelRepair) -> dict[str, Any]:
    assert one.predictor is not None
    assert one.carried is not None
    carried = {
        "sites": [_plain(site) for site in one.carried.sites],
        "bounds": {run: _plain(bound) for run, bound in one.carried.bounds.items()},
        "floor": one.carried.floor,
    }
    return asdict(one.predictor) | {"carried": carried}


def _plain(row: Any) -> dict[str, Any]:
    """A named tuple by its names, intervals by theirs."""
    return {
        name: asdict(value) if isinstance(value, Interval) else value
        for name, value in row._asdict().items()
    }


def _cell(cell: GeometryCell) -> dict[str, Any]:
    rectangle = cell.rectangle
    place = {"area": rectangle.area, "aspect": rectangle.aspect}
    measured = {name: getattr(cell, name) for name in ("late", "context", "masked", "onset")}
    return place | {"hidden": np.flatnonzero(rectangle.hidden)} | measured
