"""A study in one row: best layer, onset, fewest dimensions, means over layers."""

import dataclasses

import numpy as np
import pytest
from synthetic_study import LAYERS, study

from jepakit.evals.states.page.ratio_text import readable_ratio
from jepakit.evals.states.page.study_summary import carried, summary_of


def with_curve(values):
    layers = LAYERS[1 : 1 + len(values)]
    accuracy = np.repeat(np.array(values, dtype=np.float64)[:, None], 5, axis=1)
    return dataclasses.replace(study(lean=True), layers=layers, accuracy=accuracy)


def test_best_layers_and_onset():
    found = summary_of(with_curve([0.1, 0.84, 0.86, 1.0, 0.9, 1.0]))
    assert found.best_accuracy == 1.0
    assert found.best_layers == "L3 to L5, 2 layers"
    assert found.onset == "L2 (86.0%)"


def test_best_layers_without_a_gap():
    assert summary_of(with_curve([0.1, 1.0, 1.0, 0.9])).best_layers == "L1 to L2"


def test_one_best_layer_and_no_onset():
    found = summary_of(with_curve([0.1, 0.5, 0.3]))
    assert found.best_layers == "L1"
    assert found.onset == "not reached (0.85)"


def test_effects_are_those_of_the_rows():
    result = study()
    found, rows = summary_of(result), {row.name: row for row in result.rows}
    assert found.effect is rows["causal"].effect
    assert found.random is rows["random"].effect
    assert found.early is rows["early"].effect
    assert found.success is result.success["causal"]
    assert found.ratio == "67.5x\n[40, 110]"


def test_fewest_dimensions_among_the_best():
    result = study()
    assert summary_of(result).used.used == min(s.used for s in result.sparse if s.accuracy > 0.98)


def test_means_over_layers_skip_what_is_undefined():
    result = study()
    rows = [row.found for row in result.portable if row.method == "sparse"]
    found = carried(result, "sparse")
    assert found.alignment == pytest.approx(np.mean([row.alignment.mean() for row in rows]))
    assert found.retained == pytest.approx(0.98)
    assert found.retained_text() == "0.980 (2 of 3)"
    assert carried(result, "pca").retained_text() == "0.980"
    assert carried(study(lean=True), "pca") is None


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        ("43x [30, 61]", "43x\n[30, 61]"),
        ("1.17e+04x [8.4e+03, 2e+04]", "11700x\n[8400, 20000]"),
        (">= 12x", "≥ 12x"),
        ("undefined", "undefined"),
        ("", ""),
    ],
)
def test_ratios(ratio, shown):
    assert readable_ratio(ratio) == shown
