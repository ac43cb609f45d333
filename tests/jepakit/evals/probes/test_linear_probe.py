"""Planted signals are found, noise is not, and nothing leaks between the three parts."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from jepakit.evals.probes.linear_probe import (
    STRENGTHS,
    Split,
    constant_prediction,
    draw_groups,
    fit_classifier,
    fit_probe,
    split_by_group,
    undefined_reason,
)

GROUPS = np.repeat(np.arange(60), 10)
TEST = GROUPS >= 40


def rng(seed=0):
    return np.random.default_rng(seed)


def split():
    return split_by_group(GROUPS, TEST, selection=0.25, rng=rng())


def planted(kind, noise=0.3):
    features = rng(1).normal(size=(600, 20)).astype(np.float32) * np.linspace(0.01, 30, 20)
    signal = (features / features.std(axis=0))[:, :3].sum(axis=1) + noise * rng(2).normal(size=600)
    return features, (signal > 0.5).astype(float) if kind == "binary" else signal * 7 + 100


def score(kind, target, guess):
    return roc_auc_score(target, guess) if kind == "binary" else r2_score(target, guess)


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_planted_signal_is_recovered(kind):
    features, target = planted(kind)
    found = fit_probe(kind, features, target, split())
    assert score(kind, target[TEST], found.score) > 0.93


@pytest.mark.parametrize(("kind", "chance"), [("binary", 0.5), ("regression", 0.0)])
def test_noise_scores_at_chance(kind, chance):
    _, target = planted(kind)
    noise = rng(5).normal(size=(600, 20)).astype(np.float32)
    found = fit_probe(kind, noise, target, split())
    assert score(kind, target[TEST], found.score) == pytest.approx(chance, abs=0.1)


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_test_rows_reach_neither_choice_nor_fit(kind):
    features, target = planted(kind)
    parts = split()
    clean = fit_probe(kind, features, target, parts)
    poisoned, lies = features.copy(), target.copy()
    lies[TEST] = rng(9).permutation(target[TEST])[::-1]
    again = fit_probe(kind, poisoned, lies, parts)
    np.testing.assert_array_equal(again.score, clean.score)
    poisoned[parts.test[1:]] = 1e6
    other = fit_probe(kind, poisoned, lies, parts)
    assert other.strength == clean.strength
    assert other.score[0] == pytest.approx(clean.score[0], rel=1e-9)


def test_selection_chooses_and_fit_rows_alone_are_candidates():
    features, target = planted("regression", noise=0.7)
    features = np.concatenate([features, rng(3).normal(size=(600, 300))], axis=1)
    parts = split()
    found = fit_probe("regression", features, target, parts)
    mean, std = features[parts.fit].mean(axis=0), features[parts.fit].std(axis=0)
    scores = {}
    for strength in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0):
        ridge = Ridge(alpha=strength * len(parts.fit))
        ridge.fit((features[parts.fit] - mean) / std, target[parts.fit])
        guess = ridge.predict((features[parts.selection] - mean) / std)
        scores[strength] = r2_score(target[parts.selection], guess)
    assert found.strength == max(scores, key=scores.get)
    assert found.strength not in (1e-5, 10.0)
    assert not found.at_edge


def test_scale_of_a_feature_does_not_matter():
    features, target = planted("regression")
    first = fit_probe("regression", features, target, split())
    second = fit_probe("regression", features * 1000 + 5, target, split())
    np.testing.assert_allclose(first.score, second.score, rtol=1e-3)


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_ties_take_the_strongest_regularisation(kind):
    _, target = planted(kind)
    found = fit_probe(kind, np.zeros((600, 3), np.float32), target, split())
    assert found.strength == 10.0
    assert found.at_edge


def test_constant_prediction_knows_training_labels_only():
    _, target = planted("regression")
    found = constant_prediction(target, split())
    np.testing.assert_allclose(found.score, target[~TEST].mean())
    assert len(found.score) == TEST.sum()


def test_parts_are_disjoint_by_group_and_complete():
    parts = split()
    sets = [set(GROUPS[rows]) for rows in (parts.fit, parts.selection, parts.test)]
    assert len(sets[0] | sets[1] | sets[2]) == sum(map(len, sets)) == 60
    assert sum(len(rows) for rows in (parts.fit, parts.selection, parts.test)) == 600
    assert len(parts.selection) == 100
    np.testing.assert_array_equal(parts.train, np.flatnonzero(~TEST))


def test_only_keeps_the_parts():
    keep = np.arange(600) % 2 == 0
    parts = split().only(keep)
    assert not (parts.test % 2).any()
    assert len(parts.train) == 200


def test_one_huge_group_leaves_another_for_training():
    groups = np.array(["huge"] * 50 + ["tiny"])
    marked = draw_groups(groups, 0.9, rng())
    assert 0 < marked.sum() < 51


def test_refuses_groups_on_both_sides():
    with pytest.raises(ValueError, match="must not share groups; 60 are on both sides"):
        split_by_group(GROUPS, np.arange(600) % 2 == 0, selection=0.2, rng=rng())


def test_refuses_a_strange_share():
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.5"):
        draw_groups(GROUPS, 1.5, rng())


def test_refuses_a_single_group():
    with pytest.raises(ValueError, match="at least 2 groups, got 1"):
        draw_groups(np.zeros(5), 0.5, rng())


def reason(target, kind="binary", at_least=10, groups=GROUPS):
    return undefined_reason(kind, np.asarray(target, float), groups, split(), at_least=at_least)


def test_defined_labels_have_no_reason():
    assert reason(planted("binary")[1]) is None
    assert reason(planted("regression")[1], "regression") is None


def test_single_class_is_undefined():
    assert "have the value 1" in reason(np.ones(600))
    assert "have the value 3" in reason(np.full(600, 3.0), "regression")


def test_too_few_positives_are_undefined():
    target = np.zeros(600)
    target[::97] = 1
    assert "positive clips in the fit part, 10 needed" in reason(target)


def test_positives_from_too_few_groups_are_undefined():
    target = planted("binary")[1]
    target[TEST] = GROUPS[TEST] < 43
    assert "positive clips of the test part come from 3 groups" in reason(target)


def test_too_few_clips_are_undefined():
    parts = Split(np.arange(20), np.arange(20, 25), np.arange(400, 450))
    found = undefined_reason("regression", rng().normal(size=600), GROUPS, parts, at_least=10)
    assert found == "5 clips with this label in the selection part, 10 needed"


def many_classes(noise=0.3):
    centres = rng(3).normal(size=(5, 20))
    target = rng(4).integers(0, 5, 600)
    return (centres[target] + noise * rng(5).normal(size=(600, 20))).astype(np.float32), target


def test_classes_are_recovered_with_probabilities():
    features, target = many_classes()
    names = np.array([0, 1, 3, 4, 6])  # no clip is of class 2 or 5
    found = fit_classifier(features, names[target], split(), classes=7)
    np.testing.assert_allclose(found.score.sum(axis=1), 1)
    assert (found.score[:, [2, 5]] == 0).all()
    assert (found.score.argmax(axis=1) == names[target][TEST]).mean() > 0.98


def test_two_classes_are_columns_too():
    features, target = planted("binary")
    found = fit_classifier(features, target.astype(int), split(), classes=2)
    assert found.score.shape == (200, 2)
    assert (found.score.argmax(axis=1) == target[TEST]).mean() > 0.9


def test_test_rows_reach_neither_choice_nor_fit_of_a_classifier():
    features, target = many_classes(noise=3.0)
    clean = fit_classifier(features, target, split(), classes=5)
    lies = target.copy()
    lies[TEST] = (target[TEST] + 1) % 5
    np.testing.assert_array_equal(
        fit_classifier(features, lies, split(), classes=5).score, clean.score
    )
    poisoned = features.copy()
    poisoned[split().test[1:]] = 1e6
    other = fit_classifier(poisoned, lies, split(), classes=5)
    assert other.strength == clean.strength
    np.testing.assert_allclose(other.score[0], clean.score[0], rtol=1e-9)


def test_the_best_strength_on_the_selection_part_is_taken():
    features, target = many_classes(noise=3.0)
    parts, accuracy = split(), {}
    for strength in STRENGTHS:
        scaler = StandardScaler().fit(features[parts.fit].astype(float))
        model = LogisticRegression(C=1 / (strength * len(parts.fit)), max_iter=5000)
        model.fit(scaler.transform(features[parts.fit].astype(float)), target[parts.fit])
        chosen = scaler.transform(features[parts.selection].astype(float))
        accuracy[strength] = model.score(chosen, target[parts.selection])
    found = fit_classifier(features, target, parts, classes=5)
    best = max(accuracy.values())
    assert found.strength == max(s for s, a in accuracy.items() if a == pytest.approx(best))


def test_refuses_a_fit_part_of_one_class():
    features, target = many_classes()
    target[split().fit] = 3
    with pytest.raises(ValueError, match="All 300 clips to fit are of one class"):
        fit_classifier(features, target, split(), classes=5)
