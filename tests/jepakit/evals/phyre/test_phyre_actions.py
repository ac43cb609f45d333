"""The bank: valid actions with true outcomes, kept, extended, tried in order and checked."""

import numpy as np
import pytest
from toy_tasks import box, hopeless_task, near, toy_task

from jepakit.evals.phyre import actions as actions_module
from jepakit.evals.phyre.action_bank import ActionBank, digest_of
from jepakit.evals.phyre.actions import TaskActions, Tries, draw, judge, try_in_order
from worlds.phyre import Status, attempt, place, random_actions
from worlds.phyre.auccess import MAX_ATTEMPTS


@pytest.fixture
def _ruled(monkeypatch):
    monkeypatch.setattr(actions_module, "attempt", near)


def test_outcomes_are_the_simulators(tmp_path):
    tasks = [toy_task("00000:000"), hopeless_task("00001:000")]
    found = ActionBank(tmp_path).actions_of(tasks, 4)
    assert list(found) == ["00000:000", "00001:000"]
    for task in tasks:
        bank = found[task.identity]
        valid = [a for _, a in zip(range(40), random_actions(task, 0), strict=False)]
        valid = [a for a in valid if place(task, a) is not None][:4]
        np.testing.assert_array_equal(bank.actions, valid)
        assert bank.solved.tolist() == [attempt(task, a) is Status.SOLVED for a in valid]
    assert found["00000:000"].solved.any()
    assert not found["00001:000"].solved.any()


@pytest.mark.usefixtures("_ruled")
def test_kept_and_extended(tmp_path, monkeypatch):
    task = toy_task()
    short = ActionBank(tmp_path).actions_of([task], 5)[task.identity]
    simulated = []
    monkeypatch.setattr(actions_module, "attempt", lambda t, a: simulated.append(a) or near(t, a))
    again = ActionBank(tmp_path).actions_of([task], 5)[task.identity]
    pool = ActionBank(tmp_path).candidates_of([task], 20)[task.identity]
    assert not simulated
    longer = ActionBank(tmp_path).actions_of([task], 12)[task.identity]
    assert len(simulated) == 7
    fresh = ActionBank(tmp_path / "other").actions_of([task], 12)[task.identity]
    for part, rows in ((short, 5), (again, 5), (longer, 12)):
        np.testing.assert_array_equal(part.actions, fresh.actions[:rows])
        np.testing.assert_array_equal(part.solved, fresh.solved[:rows])
    np.testing.assert_array_equal(pool.actions[:12], fresh.actions)
    assert len(pool) == 20
    assert len(ActionBank(tmp_path).actions_of([task], 3)[task.identity]) == 3


@pytest.mark.usefixtures("_ruled")
def test_attempts_in_the_order_asked_for(tmp_path, monkeypatch):
    task, store = toy_task(), ActionBank(tmp_path)
    pool = store.candidates_of([task], 150)[task.identity]
    solved = np.array([near(task, action) is Status.SOLVED for action in pool.actions])
    hits, misses = np.flatnonzero(solved), np.flatnonzero(~solved)
    assert len(misses) >= 100
    simulated = []
    monkeypatch.setattr(actions_module, "attempt", lambda t, a: simulated.append(a) or near(t, a))
    orders = [
        np.array([misses[0], misses[1], hits[0], misses[2]]),
        np.array([misses[0], hits[0], misses[3]]),
        np.concatenate([misses[:100], hits]),
    ]
    assert store.attempts_of([task], {task.identity: orders}) == {task.identity: [3, 2, 0]}
    # Two misses and a hit, nothing new, 98 further misses.
    assert len(simulated) == 3 + 98
    assert store.attempts_of([task], {task.identity: orders}) == {task.identity: [3, 2, 0]}
    assert len(simulated) == 3 + 98


@pytest.mark.usefixtures("_ruled")
def test_another_run_may_write_fewer_candidates_meanwhile(tmp_path):
    task, store = toy_task(), ActionBank(tmp_path)
    orders = {task.identity: [np.array([30, 2])]}
    store.candidates_of([task], 40)
    expected = store.attempts_of([task], orders)
    store.path(task).unlink()
    store.candidates_of([task], 5)
    assert store.attempts_of([task], orders) == expected


@pytest.mark.usefixtures("_ruled")
def test_trying_changes_outcomes_alone():
    drawn = draw(Tries.none(toy_task()), 10, seed=0)
    assert not drawn.outcomes.any()
    tried = try_in_order(drawn, [np.arange(10)])
    np.testing.assert_array_equal(tried.actions, drawn.actions)
    first = next(i for i, a in enumerate(drawn.actions) if near(drawn.task, a) is Status.SOLVED)
    assert tried.outcomes.tolist() == [-1] * first + [1] + [0] * (9 - first)
    assert not drawn.outcomes.any()
    assert judge(drawn, range(10)).tried(10)
    assert not tried.tried(10)


@pytest.mark.usefixtures("_ruled")
def test_what_is_done_survives_a_stop(tmp_path, monkeypatch):
    tasks = [toy_task(f"00000:{i:03d}", x=60.0 + i) for i in range(3)]

    def stop(task, action):
        if task is tasks[2]:
            raise KeyboardInterrupt
        return near(task, action)

    monkeypatch.setattr(actions_module, "attempt", stop)
    with pytest.raises(KeyboardInterrupt):
        ActionBank(tmp_path).actions_of(tasks, 4)
    assert sorted(path.name for path in tmp_path.glob("seed0/uniform/*")) == [
        "00000_000.npz",
        "00000_001.npz",
    ]


@pytest.mark.usefixtures("_ruled")
def test_seeds_and_two_balls_have_actions_of_their_own(tmp_path):
    task, double = toy_task(), toy_task("00001:000", tier="TWO_BALLS")
    one = ActionBank(tmp_path).actions_of([task, double], 3)
    other = ActionBank(tmp_path, seed=1).actions_of([task], 3)
    assert one[double.identity].actions.shape == (3, 6)
    assert not np.isin(one[task.identity].actions, other[task.identity].actions).any()


@pytest.mark.usefixtures("_ruled")
def test_damaged_and_foreign_files_are_refused(tmp_path):
    task, store = toy_task(), ActionBank(tmp_path)
    store.actions_of([task], 3)
    with pytest.raises(ValueError, match="made of another task file"):
        store.actions_of([toy_task(x=101.0)], 3)
    path = store.path(task)
    with np.load(path) as stored:
        kept = Tries(task, stored["actions"], stored["outcomes"])
    digest = np.array(digest_of(kept, 0))
    np.savez(path, actions=kept.actions, outcomes=-kept.outcomes, digest=digest)
    with pytest.raises(ValueError, match=r"00000_000\.npz is damaged"):
        store.actions_of([task], 3)
    path.write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(ValueError, match=r"damaged .*; delete it"):
        store.actions_of([task], 3)


def test_refuses_no_actions_and_no_room(tmp_path, monkeypatch):
    store = ActionBank(tmp_path)
    for refuse in (store.actions_of, store.candidates_of):
        with pytest.raises(ValueError, match="at least 1 action per task, got 0"):
            refuse([toy_task()], 0)
    full = toy_task(bodies=(box(128.0, 128.0, 250.0, 250.0),))
    monkeypatch.setattr(actions_module, "MAX_DRAWS", 20)
    with pytest.raises(ValueError, match="no room: fewer than 2 valid actions among 40"):
        store.actions_of([full], 2)


def test_no_agent_tries_more_than_a_hundred_actions(monkeypatch):
    """The 101st would solve the task."""
    last = MAX_ATTEMPTS
    tries = Tries(toy_task(), np.zeros((last + 5, 3)), np.zeros(last + 5, np.int8))
    tries.actions[:, 0] = np.arange(last + 5) / 255
    monkeypatch.setattr(
        actions_module,
        "attempt",
        lambda _, action: Status.SOLVED if action[0] * 255 > last - 0.5 else Status.NOT_SOLVED,
    )
    found = try_in_order(tries, [np.arange(last + 5)])
    assert (found.outcomes[:last] == Status.NOT_SOLVED).all()
    assert not found.outcomes[last:].any()
    first = try_in_order(tries, [np.arange(last + 5)[::-1]])
    assert (first.outcomes != 0).sum() == 1  # solved at once, and nothing more is tried


@pytest.mark.slow
def test_processes_make_the_same_bank(tmp_path):
    tasks = [toy_task(f"00000:{i:03d}", x=60.0 + i) for i in range(3)]
    here, there = ActionBank(tmp_path / "a"), ActionBank(tmp_path / "b", workers=2)
    first, second = here.actions_of(tasks, 3), there.actions_of(tasks, 3)
    assert list(first) == list(second)
    for name, bank in first.items():
        np.testing.assert_array_equal(bank.actions, second[name].actions)
        np.testing.assert_array_equal(bank.solved, second[name].solved)
    orders = {task.identity: [np.arange(3)] for task in tasks}
    assert here.attempts_of(tasks, orders) == there.attempts_of(tasks, orders)


def test_digest_knows_task_seed_kind_and_content():
    tries = draw(Tries.none(toy_task()), 2, seed=0)
    other = Tries(toy_task(x=99.0), tries.actions, tries.outcomes)
    changed = Tries(tries.task, tries.actions, np.ones(2, np.int8))
    digests = {
        digest_of(tries, 0),
        digest_of(tries, 1),
        digest_of(tries, 0, "aimed_after_2"),
        digest_of(other, 0),
        digest_of(changed, 0),
    }
    assert len(digests) == 5


def test_joined():
    one = TaskActions(toy_task(), np.zeros((1, 3)), np.array([True]))
    two = TaskActions(toy_task(), np.ones((2, 3)), np.array([False, True]))
    both = one.joined(two)
    np.testing.assert_array_equal(both.actions[:, 0], [0, 1, 1])
    assert both.solved.tolist() == [True, False, True]
