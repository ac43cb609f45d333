"""Logistic regression on few labels, against scikit-learn."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jepakit.evals.images.label_draws import balanced_folds
from jepakit.evals.images.low_shot import ALONE, fit_logistic, fit_low_shot

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(4, 10))
LABELS = np.arange(80) % 4
FEATURES = (CENTRES[LABELS] + 1.5 * RNG.normal(size=(80, 10))).astype(np.float32)


def test_the_solution_is_that_of_scikit_learn():
    strengths = [1.0, 1e-2, 1e-3]
    scaled = StandardScaler().fit_transform(FEATURES.astype(np.float64))
    models = fit_logistic(FEATURES, LABELS, classes=4, falling=strengths)
    for strength, model in zip(strengths, models, strict=True):
        theirs = LogisticRegression(C=1 / (strength * 80), max_iter=10_000, tol=1e-8)
        expected = theirs.fit(scaled, LABELS).predict_proba(scaled)
        np.testing.assert_allclose(model.probabilities(FEATURES), expected, atol=2e-4)


def test_constant_features_and_scale_change_nothing():
    wide = np.concatenate([FEATURES * 1000, np.full((80, 1), 7, np.float32)], axis=1)
    (plain,), (other,) = (
        fit_logistic(f, LABELS, classes=4, falling=[0.1]) for f in (FEATURES, wide)
    )
    np.testing.assert_allclose(plain.probabilities(FEATURES), other.probabilities(wide), atol=1e-4)


def test_of_equal_strengths_the_strongest_is_chosen():
    easy = (CENTRES[LABELS] * 50 + RNG.normal(size=(80, 10))).astype(np.float32)
    rng = np.random.default_rng(0)
    sure = fit_low_shot(easy, LABELS, classes=4, rng=rng, strengths=(0.1, 10.0, 1.0))
    assert (sure.model.probabilities(easy).argmax(axis=1) == LABELS).all()
    assert sure.strength == 10.0  # of equals the strongest
    assert sure.at_edge


def test_noise_wants_strong_regularisation():
    noise = RNG.normal(size=(80, 60)).astype(np.float32)
    noise[:, 0] = LABELS
    rng = np.random.default_rng(1)
    found = fit_low_shot(noise, LABELS, classes=4, rng=rng, strengths=(1e-4, 1e-2, 1.0))
    assert found.strength >= 1e-2
    (alone,) = fit_logistic(noise, LABELS, classes=4, falling=[found.strength])
    own = found.model.probabilities(noise)
    np.testing.assert_allclose(own, alone.probabilities(noise), atol=2e-4)


def test_the_strength_is_chosen_on_pictures_left_out_of_the_fit():
    """By the same folds and scikit-learn; on what it was fitted to, the weakest would win."""
    rng = np.random.default_rng(4)
    few = (0.7 * CENTRES[LABELS] + 1.5 * rng.normal(size=(80, 10))).astype(np.float32)
    few = np.concatenate([few, rng.normal(size=(80, 50)).astype(np.float32)], axis=1)
    strengths = (10.0, 1.0, 0.1, 1e-3)
    fold = balanced_folds(LABELS, 3, np.random.default_rng(2))
    hits = {strength: 0 for strength in strengths}
    fitted = dict(hits)
    for strength in strengths:
        for number in range(3):
            there, here = fold != number, fold == number
            C = 1 / (strength * there.sum())
            model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=10_000))
            model.fit(few[there], LABELS[there])
            hits[strength] += (model.predict(few[here]) == LABELS[here]).sum()
            fitted[strength] += model.score(few[there], LABELS[there])
    best = max(hits, key=lambda strength: (hits[strength], strength))
    assert max(fitted, key=fitted.__getitem__) < best < max(strengths)
    found = fit_low_shot(few, LABELS, classes=4, rng=np.random.default_rng(2), strengths=strengths)
    assert (found.strength, found.at_edge) == (best, False)


def test_a_single_picture_per_class():
    found = fit_low_shot(FEATURES[:4], LABELS[:4], classes=4, rng=np.random.default_rng(0))
    assert (found.strength, found.at_edge) == (ALONE, False)
    assert (found.model.probabilities(FEATURES[:4]).argmax(axis=1) == LABELS[:4]).all()
