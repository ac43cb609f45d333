"""Linear probes side by side: each is what torch's SGD makes of it alone."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from jepakit.evals.classification.attentive_probe import Trial
from jepakit.evals.images.linear_sweep import LinearSweep, fit_linear, train_heads
from jepakit.seeds import generator

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(3, 6))
LABELS = np.arange(60) % 3
FEATURES = (CENTRES[LABELS] * 5 + RNG.normal(size=(60, 6)) * 4 + 3).astype(np.float32)
ROWS = np.arange(0, 60, 2)


def test_each_probe_is_what_sgd_makes_of_it_alone():
    trials = (Trial(0.1, 0.0), Trial(1.0, 0.05), Trial(0.3, 0.01))
    sweep = LinearSweep(steps=7, batch_size=8, seed=4)
    heads = train_heads(FEATURES, LABELS, ROWS, trials, classes=3, sweep=sweep)
    x = torch.from_numpy(FEATURES).double()
    x = (x - x[ROWS].mean(dim=0)) / x[ROWS].std(dim=0, correction=0)
    y = torch.from_numpy(LABELS)
    for number, trial in enumerate(trials):
        draws = generator("linear sweep", 4)
        weight = torch.zeros(6, 3, dtype=torch.float64, requires_grad=True)
        bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        groups = [
            {"params": [weight], "weight_decay": trial.weight_decay},
            {"params": [bias], "weight_decay": 0.0},
        ]
        solver = torch.optim.SGD(groups, lr=1.0, momentum=0.9)
        order = torch.empty(0, dtype=torch.int64)
        for step in range(7):
            if len(order) < 8:  # what remains of a round is dropped
                order = torch.from_numpy(ROWS)[torch.randperm(len(ROWS), generator=draws)]
            batch, order = order[:8], order[8:]
            for group in solver.param_groups:
                group["lr"] = trial.lr * 8 / 256 * 0.5 * (1 + math.cos(math.pi * step / 7))
            solver.zero_grad()
            F.cross_entropy(x[batch] @ weight + bias, y[batch]).backward()
            solver.step()
        torch.testing.assert_close(heads.weight[number].double(), weight, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(heads.bias[number].double(), bias, rtol=1e-4, atol=1e-6)


def test_probabilities_are_the_softmax_of_the_logits():
    sweep = LinearSweep(steps=5)
    trials = (Trial(0.1, 0.0), Trial(1.0, 0.0))
    heads = train_heads(FEATURES, LABELS, ROWS, trials, classes=3, sweep=sweep)
    found = heads.probabilities(FEATURES, 1)
    logits = heads.logits(torch.from_numpy(FEATURES))[1].double().softmax(dim=1)
    np.testing.assert_allclose(found, logits.numpy(), rtol=1e-6)


def test_scale_and_offset_of_features_change_nothing():
    sweep = LinearSweep(steps=40)
    found = [
        train_heads(f, LABELS, ROWS, (Trial(0.3, 0.01),), classes=3, sweep=sweep).probabilities(f)
        for f in (FEATURES, (FEATURES * 100 - 7).astype(np.float32))
    ]
    np.testing.assert_allclose(*found, atol=1e-4)


def test_separable_classes_are_all_found_and_the_selection_chooses():
    features = (CENTRES[LABELS] + RNG.normal(size=(60, 6)) * 0.01).astype(np.float32)
    fit, selection = np.arange(40), np.arange(40, 60)
    steps = []
    sweep = LinearSweep(lrs=(1e-9, 0.3), weight_decays=(0.0,), steps=60)
    found = fit_linear(
        features, LABELS, fit, selection, classes=3, sweep=sweep, advance=lambda: steps.append(1)
    )
    assert (found.heads.probabilities(features).argmax(axis=1) == LABELS).all()
    assert found.trial == Trial(0.3, 0.0)  # both are right everywhere; the surer one is taken
    assert found.at_edge
    assert len(steps) == 120


def test_the_chosen_probe_is_fitted_again_on_all_training_pictures():
    fit, selection = np.arange(40), np.arange(40, 60)
    sweep = LinearSweep(lrs=(0.1, 0.5), weight_decays=(0.0,), steps=20)
    found = fit_linear(FEATURES, LABELS, fit, selection, classes=3, sweep=sweep)
    again = train_heads(FEATURES, LABELS, np.arange(60), (found.trial,), classes=3, sweep=sweep)
    torch.testing.assert_close(found.heads.weight, again.weight)


def test_a_diverged_probe_does_not_disturb_the_others():
    sweep = LinearSweep(lrs=(0.1, 1e39), weight_decays=(0.0,), steps=30)
    fit, selection = np.arange(40), np.arange(40, 60)
    found = fit_linear(FEATURES, LABELS, fit, selection, classes=3, sweep=sweep)
    assert found.trial.lr == 0.1
    assert found.scores[1].loss is None
    alone = train_heads(FEATURES, LABELS, fit, (Trial(0.1, 0.0),), classes=3, sweep=sweep)
    both = train_heads(FEATURES, LABELS, fit, sweep.trials, classes=3, sweep=sweep)
    torch.testing.assert_close(both.weight[0], alone.weight[0])
    broken = LinearSweep(lrs=(1e39,), weight_decays=(0.0,), steps=30)
    with pytest.raises(ValueError, match="All 1 linear probes diverged"):
        fit_linear(FEATURES, LABELS, fit, selection, classes=3, sweep=broken)


def test_steps_and_refusals():
    assert LinearSweep().steps_for(1_281_167) == 50_046  # 10 epochs
    assert LinearSweep().steps_for(1000) == 500
    assert LinearSweep(steps=3).steps_for(1000) == 3
    with pytest.raises(ValueError, match="at least one learning rate"):
        LinearSweep(lrs=())
    with pytest.raises(ValueError, match="at least 1, got 0 and 256"):
        LinearSweep(steps=0)
