"""The sweep trains each probe as if alone, chooses on the selection part only, and repeats."""

import math

import numpy as np
import pytest
import torch
from needle_clips import CLASSES, PatchColours, needle_clips
from torch.nn import functional as F

from jepakit.evals.classification import attentive_probe
from jepakit.evals.classification.attentive_probe import (
    LEARNING_RATES,
    WEIGHT_DECAYS,
    Sweep,
    Trial,
    fit_attentive_probe,
    probabilities,
    train_probes,
)
from jepakit.evals.classification.frozen_clips import FrozenClips
from jepakit.evals.probes.controls import random_init
from jepakit.nn.attentive_pooler import AttentiveClassifier

FIT = {f"group-{i}" for i in range(12)}
SELECTION = {f"group-{i}" for i in range(12, 16)}
TINY = Sweep(
    lrs=(1e-2, 1e-4), weight_decays=(0.01,), steps=20, batch_size=16, blocks=0, heads=2, seed=3
)


@pytest.fixture(scope="module")
def clips():
    return FrozenClips(needle_clips(64), {"encoder": PatchColours()})


def change(sweep, **values):
    return Sweep(**({f: getattr(sweep, f) for f in sweep.__dataclass_fields__} | values))


def fitted(clips, sweep=TINY, **parts):
    parts = {"fit": FIT, "selection": SELECTION} | parts
    return fit_attentive_probe(clips, "encoder", classes=CLASSES, sweep=sweep, **parts)


def same(first, second):
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_grid_is_the_published_one():
    trials = Sweep().trials
    assert len(trials) == len(set(trials)) == len(LEARNING_RATES) * len(WEIGHT_DECAYS) == 20
    assert trials[0] == Trial(5e-3, 0.01)
    assert trials[-1] == Trial(1e-4, 0.8)


def test_each_probe_trains_as_if_it_were_alone(clips):
    """Against AdamW written out: the schedule, the decay of every parameter, no crosstalk."""
    sweep = change(TINY, steps=6, warmup_steps=2, weight_decays=(0.5, 0.0))
    batches = list(zip(range(6), clips.endless("encoder", FIT, batch_size=8, seed=0), strict=False))
    trained = train_probes(8, CLASSES, sweep.trials, (b for _, b in batches), sweep=sweep)
    for probe, trial in zip(trained, sweep.trials, strict=True):
        alone = random_init(lambda: AttentiveClassifier(8, CLASSES, heads=2, blocks=0), sweep.seed)
        moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in alone.parameters()]
        for step, batch in batches:
            rate = (step + 1) / 2 if step < 2 else (1 + math.cos(math.pi * (step - 1) / 4)) / 2
            loss = F.cross_entropy(alone(batch.tokens), batch.labels)
            slopes = torch.autograd.grad(loss, list(alone.parameters()))
            with torch.no_grad():
                for p, slope, (m, v) in zip(alone.parameters(), slopes, moments, strict=True):
                    p.mul_(1 - trial.lr * rate * trial.weight_decay)
                    m.lerp_(slope, 0.1)
                    v.lerp_(slope.square(), 0.001)
                    scale = (v / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8
                    p.sub_(trial.lr * rate * m / (1 - 0.9 ** (step + 1)) / scale)
        for ours, theirs in zip(probe.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=0)


def test_the_last_step_has_no_rate_left(clips):
    batches = list(zip(range(5), clips.endless("encoder", FIT, batch_size=8, seed=0), strict=False))
    other = clips.once("encoder", SELECTION, batch_size=8)
    changed = [b for _, b in batches[:4]] + [next(other)]
    sweep = change(TINY, steps=5)
    first = train_probes(8, CLASSES, sweep.trials, (b for _, b in batches), sweep=sweep)
    second = train_probes(8, CLASSES, sweep.trials, changed, sweep=sweep)
    assert same(first[0], second[0])


def test_the_best_on_the_selection_part_is_chosen(clips):
    found = fitted(clips, change(TINY, lrs=(1e-2, 1e-3, 1e-5), steps=40, refit=False))
    scores = found.scores
    best = max(scores, key=lambda s: (s.accuracy, -s.loss))
    assert found.trial == best.trial
    batches = list(clips.once("encoder", SELECTION))
    guess = np.concatenate([probabilities(found.probe, b.tokens) for b in batches])
    truth = torch.cat([b.labels for b in batches]).numpy()
    assert best.accuracy == (guess.argmax(axis=1) == truth).mean()
    assert best.loss == pytest.approx(-np.log(guess[np.arange(16), truth]).mean())


def test_of_equal_accuracies_the_lower_loss_wins(clips, monkeypatch):
    monkeypatch.setattr(attentive_probe, "top_k", lambda *_: lambda counts: np.array([0.5]))
    found = fitted(clips, change(TINY, lrs=(1e-5, 1e-2, 1e-4)))
    losses = {score.trial: score.loss for score in found.scores}
    assert found.trial == min(losses, key=losses.get)


def test_selection_labels_do_not_reach_the_fit(clips):
    """Only the choice may use them."""
    mixed = FrozenClips(needle_clips(64), {"encoder": PatchColours()})
    chosen = np.isin(mixed.table.groups, list(SELECTION))
    mixed.table.labels[chosen] = (mixed.table.labels[chosen] + 1) % CLASSES
    one = change(TINY, lrs=(1e-2,), refit=False)
    assert same(fitted(clips, one).probe, fitted(mixed, one).probe)


def test_the_chosen_probe_is_fitted_again_on_both_parts(clips):
    once, twice = (fitted(clips, change(TINY, refit=refit)) for refit in (False, True))
    assert once.trial == twice.trial
    assert not same(once.probe, twice.probe)
    batches = clips.endless("encoder", FIT | SELECTION, batch_size=16, seed=TINY.seed)
    alone = train_probes(8, CLASSES, (twice.trial,), batches, sweep=TINY)[0]
    assert same(twice.probe, alone)


def test_a_seed_repeats_and_another_differs(clips):
    first, second, third = (fitted(clips, change(TINY, seed=seed)) for seed in (1, 1, 2))
    assert first.scores == second.scores
    assert same(first.probe, second.probe)
    assert not same(first.probe, third.probe)


def test_a_diverged_probe_is_passed_over(clips):
    found = fitted(clips, change(TINY, lrs=(1e30, 1e-3)))
    assert found.trial.lr == 1e-3
    assert [score.loss is None for score in found.scores] == [True, False]


def test_refuses_when_all_diverged(clips):
    with pytest.raises(ValueError, match=r"All 1 probes diverged; .* 1e\+30"):
        fitted(clips, change(TINY, lrs=(1e30,)))


@pytest.mark.parametrize(("lrs", "edge"), [((1e-2,), False), ((1e-2, 1e-5), True)])
def test_tells_an_end_of_the_grid(clips, lrs, edge):
    assert fitted(clips, change(TINY, lrs=lrs)).at_edge == edge


def test_the_middle_of_the_grid_is_no_edge(clips, monkeypatch):
    monkeypatch.setattr(attentive_probe, "_merit", lambda score: float(score.trial.lr == 1e-3))
    assert not fitted(clips, change(TINY, lrs=(1e-2, 1e-3, 1e-5))).at_edge


def test_every_step_is_told(clips):
    steps = []
    fitted(clips, advance=lambda: steps.append(1))
    assert len(steps) == 40  # the sweep, and the chosen one again


def test_half_precision_stays_close(clips):
    tokens = next(clips.once("encoder", SELECTION)).tokens
    probe = random_init(lambda: AttentiveClassifier(8, CLASSES, heads=2, blocks=1), 0)
    full, half = (probabilities(probe, tokens, precision=p) for p in ("float32", "bfloat16"))
    assert 0 < np.abs(full - half).max() < 1e-2


def test_refuses_shared_groups(clips):
    with pytest.raises(ValueError, match=r"must not share groups: \['group-12'\]"):
        fitted(clips, fit=FIT | {"group-12"})


def test_refuses_batches_that_end(clips):
    with pytest.raises(ValueError, match="ended after 1 of 20 steps"):
        train_probes(8, CLASSES, TINY.trials, [next(clips.once("encoder", FIT))], sweep=TINY)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lrs": ()}, "at least one learning rate"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"warmup_steps": 20}, r"warmup_steps \(20\) must be from 0 to below steps \(20\)"),
    ],
)
def test_refuses_a_sweep_without_sense(values, message):
    with pytest.raises(ValueError, match=message):
        change(TINY, **values)
