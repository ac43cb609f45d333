"""Aimed draws: they find solutions, repeat, extend, and say what they start from."""

import dataclasses

import numpy as np
import pytest
from toy_tasks import box, near, ruled_bank, toy_task

from jepakit.evals.phyre import aimed as aimed_module
from jepakit.evals.phyre.action_bank import ActionBank
from jepakit.evals.phyre.actions import TaskActions, Tries
from jepakit.evals.phyre.aimed import AIM, NEAR, draw_aimed
from worlds.phyre import Status, place


@pytest.fixture(autouse=True)
def _ruled(monkeypatch):
    monkeypatch.setattr(aimed_module, "attempt", near)


def nothing(task):
    return TaskActions(task, np.zeros((0, 3)), np.zeros(0, bool))


def test_valid_with_their_outcomes_and_mostly_solved():
    task = toy_task()
    found = draw_aimed(Tries.none(task), 60, start=nothing(task), seed=0)
    assert found.tried(60)
    for action, outcome in zip(found.actions, found.outcomes, strict=True):
        assert place(task, action) is not None
        assert outcome == near(task, action)
    uniform = ruled_bank(task, 200)
    assert (found.outcomes == Status.SOLVED).mean() > 2 * uniform.solved.mean()


def test_longer_draws_start_with_shorter_ones(monkeypatch):
    task = toy_task()
    whole = draw_aimed(Tries.none(task), 30, start=nothing(task), seed=0)
    part = draw_aimed(Tries.none(task), 12, start=nothing(task), seed=0)
    simulated = []
    monkeypatch.setattr(aimed_module, "attempt", lambda t, a: simulated.append(a) or near(t, a))
    longer = draw_aimed(part, 30, start=nothing(task), seed=0)
    assert len(simulated) == 18
    np.testing.assert_array_equal(longer.actions, whole.actions)
    np.testing.assert_array_equal(longer.outcomes, whole.outcomes)
    other = draw_aimed(Tries.none(task), 30, start=nothing(task), seed=1)
    assert not np.isin(other.actions, whole.actions).any()


def test_aim_at_moving_bodies_until_a_solution_is_known(monkeypatch):
    task = toy_task(bodies=(box(200.0, 30.0, 8.0, 8.0, "gray"),))
    monkeypatch.setattr(aimed_module, "attempt", lambda t, a: Status.NOT_SOLVED)
    found = draw_aimed(Tries.none(task), 400, start=nothing(task), seed=0)
    away = found.actions[:, 0] * 255 - 100.0  # the ball; bars and boxes stand still
    assert abs(away.mean()) < 3.0
    assert away.std() == pytest.approx(AIM, rel=0.15)
    assert found.actions[:, 2].std() > 0.2


def test_draw_near_what_is_known_to_solve():
    task = toy_task(x=60.0)
    solution = np.array([0.7, 0.6, 0.3])
    start = TaskActions(task, solution[None], np.array([True]))
    found = draw_aimed(Tries.none(task), 300, start=start, seed=0)
    own = (np.abs(found.actions - solution) < 4 * NEAR).all(axis=1)
    # Nothing near it solves by the rule: solutions found on the way take their share.
    assert 0.02 < own.mean() < 0.8
    only = dataclasses.replace(start, solved=np.array([False]))
    none = draw_aimed(Tries.none(task), 300, start=only, seed=0)
    assert (np.abs(none.actions - solution) < 4 * NEAR).all(axis=1).mean() < own.mean()


def test_two_balls_aim_both():
    task = toy_task(tier="TWO_BALLS")
    start = TaskActions(task, np.zeros((0, 6)), np.zeros(0, bool))
    found = draw_aimed(Tries.none(task), 20, start=start, seed=0)
    assert found.actions.shape == (20, 6)


def test_kept_by_what_they_start_from(tmp_path, monkeypatch):
    task, bank = toy_task(), ActionBank(tmp_path)
    first = bank.aimed_of([ruled_bank(task, 10)], 5)[task.identity]
    bank.aimed_of([ruled_bank(task, 11)], 5)
    kinds = sorted(path.name for path in (tmp_path / "seed0").iterdir())
    assert kinds == ["aimed_after_10", "aimed_after_11"]
    monkeypatch.setattr(aimed_module, "attempt", None)  # nothing is simulated again
    again = bank.aimed_of([ruled_bank(task, 10)], 5)[task.identity]
    np.testing.assert_array_equal(first.actions, again.actions)
    np.testing.assert_array_equal(first.solved, again.solved)


def test_refusals(tmp_path, monkeypatch):
    bank = ActionBank(tmp_path)
    with pytest.raises(ValueError, match="at least 1 action per task, got 0"):
        bank.aimed_of([ruled_bank(toy_task(), 3)], 0)
    uneven = [ruled_bank(toy_task("00000:000"), 3), ruled_bank(toy_task("00000:001"), 4)]
    with pytest.raises(ValueError, match="start from as many actions of every task"):
        bank.aimed_of(uneven, 5)
    monkeypatch.setattr(aimed_module, "MAX_DRAWS", 20)
    full = toy_task(bodies=(box(128.0, 128.0, 250.0, 250.0),))
    with pytest.raises(ValueError, match="no room: fewer than 2 valid actions"):
        draw_aimed(Tries.none(full), 2, start=nothing(full), seed=0)
