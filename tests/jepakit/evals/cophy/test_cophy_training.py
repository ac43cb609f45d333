"""Training of CoPhy heads: what they learn from, what chooses, and which losses act when."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from jepakit.evals.cophy import training
from jepakit.evals.cophy.baselines import position_errors
from jepakit.evals.cophy.head import CounterfactualHead, Layout, PositionScale, Reading
from jepakit.evals.cophy.pairs import Pairs
from jepakit.evals.cophy.training import (
    Recipe,
    Targets,
    position_loss,
    predict_positions,
    readout_loss,
    split_rows,
    total_loss,
    train_head,
)

ROWS, FRAMES, SIDE = 2, 4, 4
GRID = (2, SIDE, SIDE)
CPU = torch.device("cpu")
SHORT = Recipe(steps=8, batch_size=4, checks=4)


def drifting(count, seed):
    """Objects drift in ab, and with the same velocities from other places in cd; tokens tell it.

    The token at an object's place holds a mark of its row and its velocity.
    """
    rng = np.random.default_rng(seed)
    begin = rng.uniform(-1, 1, (2, count, 1, ROWS, 2))
    velocity = rng.uniform(-0.5, 0.5, (count, 1, ROWS, 2))
    past, future = begin + velocity * np.arange(FRAMES)[:, None, None]
    present = np.ones((count, ROWS), bool)
    pairs = Pairs(
        names=tuple(f"p{n}" for n in range(count)),
        past_clips=tuple(range(count)),
        future_clips=tuple(range(count)),
        past=past,
        future=future,
        before=present,
        present=present,
        details=({},) * count,
        fps=4.0,
    )
    tokens = np.zeros((count, 3, SIDE * SIDE, 3 * ROWS), np.float32)
    for pair in range(count):
        for row in range(ROWS):
            for tubelet, where in enumerate((past[pair, 0], past[pair, 2], future[pair, 0])):
                place = np.clip(((where[row] + 2) / 4 * SIDE).astype(int), 0, SIDE - 1)
                told = tokens[pair, tubelet, place[0] * SIDE + place[1], 3 * row : 3 * row + 3]
                told[:] = [1.0, *velocity[pair, 0, row]]
    return pairs, torch.from_numpy(tokens).flatten(1, 2)


@pytest.fixture(scope="module")
def seen():
    """Pairs, their tokens, the scale and the targets."""
    pairs, tokens = drifting(64, 0)
    scale = PositionScale.of(pairs)
    return pairs, tokens, scale, Targets.of(pairs, scale, CPU)


def new_head(width):
    torch.manual_seed(0)
    return CounterfactualHead(Layout(width, GRID, 2, ROWS, 2), width=32, blocks=1, dropout=0.0)


def mean_error(learnt, judged, test):
    """In m^2, of a head that has learnt from pairs and is judged on others."""
    _, tokens, scale, targets = learnt
    head = new_head(0 if judged is None else tokens.shape[-1])
    if judged is not None:
        head.readout.standardise(tokens)

    def rows_of(kept):
        return lambda rows: None if judged is None else kept[rows]

    train_head(head, rows_of(tokens), targets, Recipe(steps=250))
    found = predict_positions(head, rows_of(judged), test, scale, batch_size=10, device=CPU)
    np.testing.assert_allclose(found[:, 0], test.future[:, 0], atol=1e-6)
    return position_errors(found, test.future, test.present).mean()


def test_a_head_learns_motion_from_tokens_that_no_start_tells(seen):
    test, tokens = drifting(48, 1)
    blind = mean_error(seen, None, test)
    assert mean_error(seen, tokens, test) < 0.3 * blind
    held = np.broadcast_to(test.future[:, :1], test.future.shape)
    assert blind > 0.7 * position_errors(held, test.future, test.present).mean()


def test_losses_are_the_metric_in_units_of_the_scale(seen):
    pairs, _, scale, targets = seen
    rng = np.random.default_rng(2)
    guess = pairs.future + rng.normal(size=pairs.future.shape)
    guess[:, 0] = pairs.future[:, 0]
    present = rng.random((len(pairs), ROWS)) < 0.7
    present[:, 0] = True
    units = position_loss(scale.to_units(guess), targets.future, torch.from_numpy(present))
    metric = position_errors(guess, pairs.future, present)
    spread = (pairs.future[:, 0].max((0, 1)) - pairs.future[:, 0].min((0, 1))).max()
    wanted = metric * (FRAMES - 1) / FRAMES / (spread / 2) ** 2
    np.testing.assert_allclose(units.numpy(), wanted, rtol=1e-4)


def test_the_readout_is_told_where_objects_were_and_where_their_pixels_are(seen):
    pairs, _, _, targets = seen
    rows = np.array([3, 1])
    generator = torch.Generator().manual_seed(0)
    past = torch.randn(2, FRAMES, ROWS, 2, generator=generator)
    logits = torch.randn(2, 3, SIDE * SIDE, ROWS, generator=generator).log_softmax(dim=2)
    reading = Reading(torch.zeros(2, ROWS, 3, 1), past, logits)
    before = pairs.before.copy()
    before[1, 0] = False
    told = replace(targets, before=torch.from_numpy(before))
    errors = []
    for place, pair in enumerate(rows):
        square = (past[place] - targets.past[pair]) ** 2
        there = [row for row in range(ROWS) if before[pair, row]]
        errors.append(np.mean([square[:, row].mean().item() for row in there]))
    assert readout_loss(reading, told, rows).item() == pytest.approx(np.mean(errors), rel=1e-5)

    shares = torch.zeros(len(pairs), 3, SIDE * SIDE, ROWS)
    shares[3, 0, 5, 0] = 1.0
    shares[1, 2, 7:9, 1] = 0.5
    missed = -(logits[0, 0, 5, 0] + logits[1, 2, 7:9, 1].mean()) / 2  # of two that are seen
    both = readout_loss(reading, replace(told, shares=shares), rows).item()
    assert both == pytest.approx(np.mean(errors) + 0.3 * missed.item(), rel=1e-5)


def test_a_head_first_learns_to_see(seen):
    _, tokens, _, targets = seen
    rows, given = np.arange(8), lambda rows: tokens[rows]
    head = new_head(tokens.shape[-1])
    recipe = Recipe(readout_weight=2.0)
    seeing = total_loss(head, given, targets, rows, recipe, seeing=True)
    both = total_loss(head, given, targets, rows, recipe, seeing=False)
    start, there = targets.future[rows, 0], targets.present[rows]
    outcome = head(given(rows), start, there, targets.before[rows])
    seen_alone = readout_loss(outcome.reading, targets, rows)
    later = position_loss(outcome.future, targets.future[rows], there).mean()
    torch.testing.assert_close(seeing, 2 * seen_alone)
    torch.testing.assert_close(both, 2 * seen_alone + later)
    seeing.backward()
    assert not head.path.weight.grad.any()
    # Without tokens there is nothing to see, and the prediction counts from the start.
    blind = new_head(0)
    total_loss(blind, lambda _: None, targets, rows, recipe, seeing=True).backward()
    assert blind.path.weight.grad.any()


def test_the_first_part_of_the_steps_is_for_seeing(seen, monkeypatch):
    _, tokens, _, targets = seen
    told = []

    def note(*given, seeing):
        told.append(seeing)
        return total_loss(*given, seeing=seeing)

    monkeypatch.setattr(training, "total_loss", note)
    recipe = replace(SHORT, first_readout=0.25)
    train_head(new_head(tokens.shape[-1]), lambda rows: tokens[rows], targets, recipe)
    assert told == [True] * 2 + [False] * 6


def test_pairs_that_choose_are_never_learnt_from(seen, monkeypatch):
    pairs, tokens, _, targets = seen
    fit, chosen = split_rows(len(pairs), SHORT)
    assert len(chosen) == round(0.2 * len(pairs))
    assert sorted([*fit, *chosen]) == list(range(len(pairs)))
    assert split_rows(len(pairs), replace(SHORT, seed=1))[1].tolist() != chosen.tolist()
    learnt, asked, judge = [], [], training.evaluate

    def check(head, given, targets, rows, **more):
        asked.append(rows.tolist())
        return judge(head, lambda rows: tokens[rows], targets, rows, **more)

    def given(rows):
        learnt.append(rows.tolist())
        return tokens[rows]

    monkeypatch.setattr(training, "evaluate", check)
    train_head(new_head(tokens.shape[-1]), given, targets, SHORT)
    assert asked == [chosen.tolist()] * 5  # before the first step, and after every second one
    assert all(len(set(rows)) == SHORT.batch_size for rows in learnt)
    assert len(learnt) == SHORT.steps
    assert not {row for rows in learnt for row in rows} & set(chosen.tolist())
    assert len({tuple(rows) for rows in learnt}) == SHORT.steps


def test_the_seed_draws_the_batches(seen, monkeypatch):
    _, tokens, _, targets = seen
    monkeypatch.setattr(training, "split_rows", lambda *_: (np.arange(8, 64), np.arange(8)))
    drawn = []
    for seed in (0, 0, 1):
        shown = []

        def given(rows, shown=shown):
            shown.append(rows.tolist())
            return tokens[rows]

        recipe = replace(SHORT, seed=seed)
        train_head(new_head(tokens.shape[-1]), given, targets, recipe)
        drawn.append(shown)
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(("losses", "kept"), [([9, 5, 2, 3, 4], 2), ([1, 5, 2, 3, 4], 0)])
def test_the_best_moment_is_kept_be_it_the_start(seen, monkeypatch, losses, kept):
    _, tokens, _, targets = seen
    head, states, given = new_head(tokens.shape[-1]), [], iter(losses)

    def check(head, *_, **__):
        states.append({name: value.clone() for name, value in head.state_dict().items()})
        return float(next(given))

    monkeypatch.setattr(training, "evaluate", check)
    best = train_head(head, lambda rows: tokens[rows], targets, SHORT)
    assert best == min(losses)
    for name, value in head.state_dict().items():
        assert torch.equal(value, states[kept][name])
    assert not torch.equal(states[2]["row.weight"], states[-1]["row.weight"])


@pytest.mark.parametrize("improves", [True, False])
def test_an_encoder_learns_at_its_own_rate_and_is_kept_with_its_head(seen, monkeypatch, improves):
    _, tokens, _, targets = seen
    rates, step = [], torch.optim.AdamW.step

    def note(self, *given):
        rates.append([group["lr"] for group in self.param_groups])
        return step(self, *given)

    losses = iter(range(9, 0, -1) if improves else range(9))
    monkeypatch.setattr(torch.optim.AdamW, "step", note)
    monkeypatch.setattr(training, "evaluate", lambda *_, **__: float(next(losses)))
    torch.manual_seed(3)
    encoder = nn.Linear(tokens.shape[-1], 5)
    before = encoder.weight.detach().clone()
    train_head(
        new_head(5),
        lambda rows: encoder(tokens[rows]),
        targets,
        replace(SHORT, first_readout=0.0, lr=1e-2),
        encoder=encoder,
        encoder_lr=1e-3,
    )
    np.testing.assert_allclose([own for _, own in rates], [0.1 * head for head, _ in rates])
    assert (len(rates), max(head for head, _ in rates)) == (SHORT.steps, pytest.approx(1e-2))
    assert torch.equal(encoder.weight, before) is not improves


def test_a_loss_that_is_not_finite_ends_the_training(seen):
    _, tokens, _, targets = seen
    with pytest.raises(ValueError, match="not finite; lower its learning rate"):
        train_head(new_head(tokens.shape[-1]), lambda rows: tokens[rows] * np.nan, targets, SHORT)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [({"lr": 0.0}, "must be positive"), ({"selection": 1.0}, "a share between 0 and 1, got 1.0")],
)
def test_recipes_without_a_meaning_are_refused(recipe, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**recipe)


def test_too_few_pairs_are_refused():
    with pytest.raises(ValueError, match="2 training pairs are too few: at least 4"):
        split_rows(2, Recipe())
