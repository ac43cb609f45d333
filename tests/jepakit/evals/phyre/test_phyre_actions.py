"""The bank: valid actions with true outcomes, kept, extended and checked."""

import numpy as np
import pytest
from toy_tasks import box, hopeless_task, near, toy_task

from jepakit.evals.phyre import actions as bank_module
from jepakit.evals.phyre.actions import ActionBank, digest_of, extend
from worlds.phyre import Status, attempt, place, random_actions


@pytest.fixture
def _ruled(monkeypatch):
    monkeypatch.setattr(bank_module, "attempt", near)


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
    monkeypatch.setattr(bank_module, "attempt", lambda t, a: simulated.append(a) or near(t, a))
    again = ActionBank(tmp_path).actions_of([task], 5)[task.identity]
    assert not simulated
    longer = ActionBank(tmp_path).actions_of([task], 12)[task.identity]
    assert len(simulated) == 7
    fresh = ActionBank(tmp_path / "other").actions_of([task], 12)[task.identity]
    for part, rows in ((short, 5), (again, 5), (longer, 12)):
        np.testing.assert_array_equal(part.actions, fresh.actions[:rows])
        np.testing.assert_array_equal(part.solved, fresh.solved[:rows])
    assert len(ActionBank(tmp_path).actions_of([task], 3)[task.identity]) == 3


@pytest.mark.usefixtures("_ruled")
def test_what_is_done_survives_a_stop(tmp_path, monkeypatch):
    tasks = [toy_task(f"00000:{i:03d}", x=60.0 + i) for i in range(3)]

    def stop(task, action):
        if task is tasks[2]:
            raise KeyboardInterrupt
        return near(task, action)

    monkeypatch.setattr(bank_module, "attempt", stop)
    with pytest.raises(KeyboardInterrupt):
        ActionBank(tmp_path).actions_of(tasks, 4)
    assert sorted(path.name for path in tmp_path.glob("seed0/*")) == [
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
    bank = store.actions_of([task], 3)[task.identity]
    with pytest.raises(ValueError, match="made of another task file"):
        store.actions_of([toy_task(x=101.0)], 3)
    path = store.path(task)
    np.savez(path, actions=bank.actions, solved=~bank.solved, digest=np.array(digest_of(bank, 0)))
    with pytest.raises(ValueError, match=r"00000_000\.npz is damaged"):
        store.actions_of([task], 3)
    path.write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(ValueError, match=r"damaged .*; delete it"):
        store.actions_of([task], 3)


def test_refuses_no_actions_and_no_room(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="at least 1 action per task, got 0"):
        ActionBank(tmp_path).actions_of([toy_task()], 0)
    full = toy_task(bodies=(box(128.0, 128.0, 250.0, 250.0),))
    monkeypatch.setattr(bank_module, "MAX_DRAWS", 20)
    with pytest.raises(ValueError, match="no room: fewer than 2 valid actions among 40"):
        ActionBank(tmp_path).actions_of([full], 2)


@pytest.mark.slow
def test_processes_make_the_same_bank(tmp_path):
    tasks = [toy_task(f"00000:{i:03d}", x=60.0 + i) for i in range(3)]
    here = ActionBank(tmp_path / "a").actions_of(tasks, 3)
    there = ActionBank(tmp_path / "b", workers=2).actions_of(tasks, 3)
    assert list(here) == list(there)
    for name, bank in here.items():
        np.testing.assert_array_equal(bank.actions, there[name].actions)
        np.testing.assert_array_equal(bank.solved, there[name].solved)


def test_digest_knows_task_seed_and_content():
    bank = extend(bank_module.TaskActions(toy_task(), np.zeros((0, 3)), np.zeros(0, bool)), 1, 0)
    other = bank_module.TaskActions(toy_task(x=99.0), bank.actions, bank.solved)
    changed = bank_module.TaskActions(bank.task, bank.actions, ~bank.solved)
    digests = {digest_of(bank, 0), digest_of(bank, 1), digest_of(other, 0), digest_of(changed, 0)}
    assert len(digests) == 4
