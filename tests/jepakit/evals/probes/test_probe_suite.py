"""The suite end to end on planted data: comparisons, refusals, files."""

import csv
import json

import numpy as np
import pytest

from jepakit.evals.item_scores import ItemScores
from jepakit.evals.probes import probe_suite
from jepakit.evals.probes.probe_result import ProbeSettings
from jepakit.evals.probes.probe_suite import CONSTANT, run_probe_suite

GROUPS = np.array([f"task-{i // 8:03d}" for i in range(640)])
TEST = np.arange(640) >= 400
SETTINGS = ProbeSettings(seeds=2, draws=300)
NOTES = {"encoder": "the trained one", "random init": "the untrained one", "pixels": "small clips"}


def data():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(640, 2))
    features = {
        "encoder": [hidden @ rng.normal(size=(2, 12)) + 0.1 * rng.normal(size=(640, 12))],
        "random init": [rng.normal(size=(640, 12)) + 0.3 * hidden[:, :1] for _ in range(2)],
        "pixels": [rng.normal(size=(640, 12))],
    }
    targets = {
        "solved": (hidden[:, 0] > 0).astype(float),
        "x": hidden[:, 1] * 4,
        "rare": np.r_[1.0, np.zeros(639)],
    }
    targets["x"][5:400:7] = np.nan
    return features, targets


KINDS = {"solved": "binary", "x": "regression", "rare": "binary"}


@pytest.fixture(scope="module")
def result():
    features, targets = data()
    return run_probe_suite(features, targets, KINDS, GROUPS, TEST, notes=NOTES, settings=SETTINGS)


def test_encoder_beats_the_controls(result):
    solved = next(r for r in result.labels if r.label == "solved")
    assert solved.score("encoder", "auroc").interval.low > 0.95
    assert solved.difference("pixels", "auroc").disjoint
    assert solved.difference("random init", "auroc").interval.low > 0.1
    place = next(r for r in result.labels if r.label == "x")
    assert place.score("encoder", "r2").interval.estimate > 0.9
    assert place.difference("random init", "mae").interval.high < 0
    assert place.difference("random init", "mae").better


def test_majority_is_chance(result):
    solved, place = result.labels
    interval = solved.score(CONSTANT, "auroc").interval
    assert (interval.estimate, interval.low, interval.high) == (0.5, 0.5, 0.5)
    assert place.score(CONSTANT, "r2").interval.estimate == pytest.approx(0, abs=0.05)


def test_clips_without_a_label_are_left_out(result):
    solved, place = result.labels
    assert solved.train_clips == 400
    assert place.train_clips == 400 - len(range(5, 400, 7))
    assert (solved.test_clips, solved.test_groups) == (240, 30)


def test_rare_label_is_undefined_with_its_reason(result):
    assert [u.label for u in result.undefined] == ["rare"]
    assert "positive clips" in result.undefined[0].reason


def test_scores_are_means_over_seeds(result):
    for label in result.labels:
        for score in label.scores:
            assert score.interval.estimate == pytest.approx(np.mean(score.by_seed))
    random = result.labels[0].score("random init", "auroc")
    assert random.by_seed[0] != random.by_seed[1]


def test_features_meet_the_same_draws(monkeypatch):
    seen = []
    real = probe_suite.Resampling.distribution

    def spy(self, statistic, method):
        seen.append((id(self), self.counts.copy()))
        return real(self, statistic, method)

    monkeypatch.setattr(probe_suite.Resampling, "distribution", spy)
    features, targets = data()
    one = {"solved": "binary"}
    run_probe_suite(features, targets, one, GROUPS, TEST, notes=NOTES, settings=SETTINGS)
    assert len(seen) >= 8
    assert all((counts == seen[0][1]).all() for _, counts in seen)


def test_same_features_give_a_difference_of_exactly_zero():
    features, targets = data()
    features["pixels"] = features["encoder"]
    found = run_probe_suite(features, targets, KINDS, GROUPS, TEST, notes=NOTES, settings=SETTINGS)
    for label in found.labels:
        for difference in label.differences:
            if difference.control == "pixels":
                gap = difference.interval
                assert (gap.estimate, gap.low, gap.high) == (0, 0, 0)
                assert not difference.better


def test_repeats_to_the_last_digit(result):
    features, targets = data()
    again = run_probe_suite(features, targets, KINDS, GROUPS, TEST, notes=NOTES, settings=SETTINGS)
    assert again.to_json() == result.to_json()


def test_test_labels_of_another_label_do_not_matter(result):
    features, targets = data()
    targets["x"][TEST] = 0.5
    found = run_probe_suite(features, targets, KINDS, GROUPS, TEST, notes=NOTES, settings=SETTINGS)
    assert found.labels[0] == result.labels[0]
    assert [u.label for u in found.undefined] == ["x", "rare"]


def test_files(result, tmp_path):
    paths = result.write(tmp_path / "new")
    assert [path.name for path in paths[:3]] == ["probe.json", "probe.csv", "probe.md"]
    for label in result.labels:
        metric = "balanced_accuracy" if label.kind == "binary" else "r2"
        scores = ItemScores.read(tmp_path / "new" / "scores" / f"probe_{label.label}.json")
        expected = label.score("encoder", metric).interval.estimate
        assert scores.mean == pytest.approx(expected, abs=1e-12)
    record = json.loads(paths[0].read_text())
    assert record["labels"][0]["scores"][0]["interval"]["estimate"] > 0.95
    rows = list(csv.DictReader(paths[1].read_text().splitlines()))
    assert len(rows) == 2 * 2 * 4
    assert {row["features"] for row in rows} == {*NOTES, CONSTANT}
    text = paths[2].read_text()
    assert "| solved | 240 |" in text
    assert "`rare` (binary)" in text
    assert "the untrained one" in text


def test_star_marks_clear_wins_only(result):
    header, rows = result.table("auroc")
    starred = [name for name, cell in zip(header, rows[0], strict=True) if cell.endswith("*")]
    assert header[2:] == ["encoder", "random init", "pixels", CONSTANT]
    assert starred == ["random init", "pixels", CONSTANT]


def refused(match, **changes):
    features, targets = data()
    arguments = {"features": features, "targets": targets, "kinds": KINDS, **changes}
    with pytest.raises(ValueError, match=match):
        run_probe_suite(groups=GROUPS, test=TEST, notes=NOTES, settings=SETTINGS, **arguments)


def test_refuses_missing_encoder():
    refused("must include 'encoder'", features={"pixels": data()[0]["pixels"]})


def test_refuses_a_wrong_number_of_seeds():
    features, _ = data()
    features["random init"] = features["random init"] + features["pixels"]
    refused("'random init' needs 1 or 2 arrays", features=features)


def test_refuses_an_unknown_label():
    refused("no label 'fall'", kinds={"fall": "binary"})


def test_refuses_a_binary_label_that_is_not():
    refused("'x' is called binary but has values", kinds={"x": "binary"})
