"""Recipes, time left, cells, pictures, and items of probes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_table import make, write_repository

from jepakit.evals.probes.linear_probe import Prediction
from jepakit.evals.probes.probe_items import mean_over_labels, probe_items
from jepakit.evals.scores import balanced_accuracy, r2
from jepakit.evals.statistics import Interval
from jepakit.evals.tables.comparison import ComparisonSettings
from jepakit.evals.tables.definition import read_table
from jepakit.evals.tables.figure import difference_figure
from jepakit.evals.tables.progress import TimeLeft, clock
from jepakit.evals.tables.recipe import laid_over, nested
from jepakit.evals.tables.report import signed, to_json, to_markdown
from jepakit.evals.tables.result import table_result
from jepakit.evals.tables.runs import Planner, TablePlan
from jepakit.evals.tables.scale import read_scale

REPOSITORY = Path(__file__).resolve().parents[4]
FILES = REPOSITORY / "configs" / "tables"
SCALES = ("tiny", "small", "paper")


def planner(table: str, scale: str) -> Planner:
    definition = read_table(FILES / f"{table}.yaml")
    size = read_scale(FILES / "scales" / f"{scale}.yaml")
    return Planner(definition, size, root=REPOSITORY, out="out")


def plan(table: str, scale: str) -> TablePlan:
    made = planner(table, scale)
    return made.plan(dict.fromkeys(made.needed(), "digest"), 3)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("table", "rows"), [("ablations", 18), ("main", 4)])
def test_shipped_tables_plan_every_row(table: str, rows: int, scale: str) -> None:
    found = plan(table, scale)
    runs = found.distinct({row for row, _ in found.runs})
    assert len(runs) == 3 * rows
    commands = [" ".join(stage.command) for run in runs for stage in run.stages]
    assert not any("{" in command for command in commands)
    assert len(set(commands)) == len(commands)


def test_a_width_is_scaled_with_the_model() -> None:
    found = plan("ablations", "tiny")
    command = found.runs["predictor_768", 0].stages[0].command
    assert "--model.init_args.predictor.init_args.width=192" in command
    assert command.index("--model.init_args.predictor.init_args.width=192") > command.index(
        "configs/cjepa/demo.yaml"
    )
    assert found.runs["source_resimulated", 2] is found.runs["full", 2]


@pytest.mark.parametrize("scale", ["tiny", "small"])
def test_pairs_have_the_rate_of_the_training_clips(scale: str) -> None:
    size = read_scale(FILES / "scales" / f"{scale}.yaml")
    made = {data.name: data.make.split() for data in size.data}
    rates = [made[name][made[name].index("--rate") + 1] for name in ("scenes", "cophy")]
    assert rates[0] == rates[1]  # evaluate.py cophy refuses anything else


def test_the_papers_differences_are_its_own() -> None:
    table = read_table(FILES / "ablations.yaml")
    full = table.row("full").paper["auccess"]
    stated = {"random_patches": -6.8, "superpixels": -2.4, "no_causal": -2.3, "no_sigreg": -2.7}
    stated |= {"predictor_768": -2.7, "predictor_192": -1.4, "fixed_tau": -1.2}
    stated |= {"single_object": -1.3, "five_objects": -0.9, "joint_segmentation": -3.1}
    for row, points in stated.items():
        assert 100 * (table.row(row).paper["auccess"] - full) == pytest.approx(points)


def test_laid_over() -> None:
    below = {"a": {"b": 1, "c": 2}, "d": 3}
    assert laid_over(below, nested("a.b", 5)) == {"a": {"b": 5, "c": 2}, "d": 3}
    assert laid_over(below, {"a": None}) == {"a": None, "d": 3}
    assert below == {"a": {"b": 1, "c": 2}, "d": 3}


def test_time_left() -> None:
    left = TimeLeft(Counter({"train": 3, "probe": 3}), 2, {"train": 50.0})
    assert left.seconds() is None
    left.finished("train", 100.0)
    left.finished("probe", 10.0)
    assert left.seconds() == (2 * 100 + 2 * 10) / 2
    left.dropped("probe")
    assert left.seconds() == (2 * 100 + 10) / 2
    assert [clock(7.2), clock(190.0), clock(7500.0)] == ["7 s", "3 min 10 s", "2 h 05 min"]


def test_signs() -> None:
    assert signed(Interval(-0.0312, -0.05, 0.0)) == "-0.031 [-0.050, +0.000]"
    assert signed(Interval(0.0, 0.0, 0.0)) == "0"
    assert signed(Interval(-3.0, -3.0, -3.0)) == "-3.000"


def test_markdown_json_and_figure(tmp_path: Path) -> None:
    result, _ = make(write_repository(tmp_path), seeds=1)
    settings = ComparisonSettings()
    text = to_markdown(result, settings)
    assert "| row | paper: Paper's score | Score ↑ |" in text
    assert "| Quoted | 1.000 |  |" in text
    assert "| Less skill | 2.000 | 4.000 [3." in text
    assert "| Less skill | -1.000 | -3.000 |" in text  # one training of each gives no verdict
    assert "(1 of 3 seeds)" in to_markdown(replace(result, seeds=3), settings)
    assert "seeds)" not in text
    assert "- Quoted: not trained by us." in text
    assert "- Nothing changed: the same recipe as The whole at this scale" in text
    cells = json.loads(to_json(result, settings))["cells"]
    assert [cell["row"] for cell in cells] == ["quoted", "less", "full", "same"]
    figure = difference_figure(result)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Score"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["Quoted", "Less skill", "Nothing changed"]


def test_nothing_to_compare_is_no_figure(tmp_path: Path) -> None:
    definition = read_table(write_repository(tmp_path) / "configs" / "tables" / "toy.yaml")
    result = table_result(definition, TablePlan({}, frozenset()), {})
    assert result.missing == ("full", "less", "same")
    with pytest.raises(ValueError, match="No differences to draw"):
        difference_figure(result)
    assert "| The whole | 3.000 | – |" in to_markdown(result, ComparisonSettings())


class TestProbeItems:
    def items(self, kind: str, truth: np.ndarray, *scores: np.ndarray) -> float:
        names = [str(i) for i in range(len(truth))]
        predictions = [Prediction(score, 0.1, at_edge=False) for score in scores]
        return probe_items(kind, truth, predictions, names, names).mean

    def test_the_mean_is_the_metric(self) -> None:
        rng, ones = np.random.default_rng(0), np.ones((1, 50))
        truth, guess, other = rng.normal(size=(3, 50))
        expected = (r2(truth, guess)(ones)[0] + r2(truth, other)(ones)[0]) / 2
        assert self.items("regression", truth, guess, other) == pytest.approx(expected)
        seen = (truth > 0.8).astype(float)
        share = rng.random(50)
        expected = balanced_accuracy(seen == 1, share >= 0.5)(ones)[0]
        assert self.items("binary", seen, share) == pytest.approx(expected)
        assert self.items("binary", seen, seen) == pytest.approx(1.0)
        assert self.items("binary", seen, np.ones(50)) == pytest.approx(0.5)

    def test_labels_weigh_alike(self) -> None:
        names = list("abcdef")
        right = Prediction(np.array([0.0, 1.0]), 0.1, at_edge=False)
        mean = Prediction(np.full(6, 0.5), 0.1, at_edge=False)
        truth = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
        parts = {
            "x": probe_items("regression", truth[:2], [right], names[:2], names[:2]),
            "y": probe_items("regression", truth, [mean], names, names),
        }
        joined = mean_over_labels(parts)
        assert joined.mean == pytest.approx(0.5)  # R² of 1 and 0
        assert joined.items[:3] == ("x/a", "x/b", "y/a")

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="All 3 test rows have the value"):
            self.items("regression", np.ones(3), np.ones(3))
        with pytest.raises(ValueError, match="Only labels of one metric"):
            mean_over_labels({})
