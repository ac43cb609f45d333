"""Recipes under several seeds: means, paired differences, and whether seeds lie apart."""

import dataclasses

import numpy as np
import pytest
from made_errors import made
from synthetic_repair import TRAINED, study

from jepakit.evals.repair.advantage import mean_interval
from jepakit.evals.repair.repair_measures import RegionDrift
from jepakit.evals.repair.seed_twins import DRIFT, LEAK, quantity, seed_twins, twins_table


@pytest.fixture(scope="module")
def runs():
    """``full`` with three seeds, ``other`` with two of a larger advantage, and a stray run."""
    one = study(lean=True, depth=4).found[TRAINED, "8x3"]
    scale = {"full-s0": 1.0, "full-s1": 1.1, "full-s2": 0.9, "other-s0": 1.5, "other-s3": 1.3}
    found = {}
    for name, factor in (scale | {"demo": 9.0}).items():
        drift = {
            region: RegionDrift(d.masked, d.context * factor, d.everywhere)
            for region, d in one.drift.items()
        }
        found[name] = dataclasses.replace(one, model=name, drift=drift)
    return found


def test_means_gaps_and_seeds_apart(runs):
    recipes = seed_twins(runs, DRIFT)
    assert list(recipes) == ["full", "other"]
    own = quantity(runs["full-s0"], DRIFT)
    groups = np.array([item.group for item in runs["full-s0"].images.items])
    assert recipes["full"].seeds == pytest.approx(
        {"0": own.mean(), "1": 1.1 * own.mean(), "2": 0.9 * own.mean()}
    )
    assert recipes["full"].mean.low == pytest.approx(mean_interval(own, groups).low)
    gap = recipes["other"].gap
    assert gap is not None
    assert gap.estimate == pytest.approx(0.4 * own.mean())
    assert gap.low == pytest.approx(0.4 * mean_interval(own, groups).low)
    assert recipes["other"].apart
    closer = dict(runs)
    closer["other-s3"] = runs["full-s1"]
    assert not seed_twins(closer, DRIFT)["other"].apart


def test_only_recipes_of_the_same_images(runs):
    assert seed_twins({"demo": runs["demo"]}, DRIFT) == {}
    assert seed_twins({"full-s0": runs["full-s0"]}, DRIFT) == {}
    other = study(lean=False, depth=4).found[TRAINED, "4x3"]
    assert seed_twins(runs | {"third-s0": other}, DRIFT) == {}
    assert seed_twins(runs, LEAK) == {}  # no predictor was measured


def test_leaks_of_twins(runs):
    images = runs["full-s0"].images
    with_errors = {
        name: dataclasses.replace(one, predictor=made(bound=0.4 if "full" in name else 0.1))
        for name, one in runs.items()
    }
    recipes = seed_twins(with_errors, LEAK)
    assert len(images) == 24
    assert recipes["full"].mean.estimate == pytest.approx(0.4, abs=0.02)
    assert recipes["other"].gap is not None
    assert recipes["other"].gap.estimate == pytest.approx(-0.3, abs=0.02)


def test_table(runs):
    table = twins_table(seed_twins(runs, DRIFT), DRIFT)
    assert [row[0] for row in table.rows] == ["full", "other"]
    assert table.rows[0][3:] == ["", ""]
    assert table.rows[1][4] == "yes"
    assert table.rows[0][1].count("s") == 3
