"""Orders of attempts, chance against its exact expectation, and memory against plain loops."""

import numpy as np
import pytest
from toy_tasks import ruled_bank, toy_task, toy_tasks

from jepakit.evals.phyre.actions import TaskActions
from jepakit.evals.phyre.auccess import task_auccess
from jepakit.evals.phyre.memory import NearestSuccess, NeighbourRate
from jepakit.evals.phyre.ranking import RandomAgent, attempts_of, need_both_outcomes, order_of


def bank_of(solved, identity="00000:000", actions=None):
    actions = np.random.default_rng(0).random((len(solved), 3)) if actions is None else actions
    return TaskActions(toy_task(identity), actions, np.array(solved, bool))


def test_attempts_go_by_falling_score():
    bank = bank_of([False, True, False, True])
    assert attempts_of(bank, np.array([0.4, 0.3, 0.2, 0.1])) == 2
    assert attempts_of(bank, np.array([0.1, 0.2, 0.3, 0.4])) == 1
    assert attempts_of(bank, np.zeros(4)) == 2  # ties in the order of the bank
    assert attempts_of(bank_of([False] * 4), np.zeros(4)) == 0
    late = bank_of([False] * 120 + [True])
    assert attempts_of(late, -np.arange(121.0)) == 0
    assert attempts_of(late, np.arange(121.0)) == 1


def test_refuses_bad_scores():
    bank = bank_of([True, False])
    with pytest.raises(ValueError, match=r"its 2 actions, got shape \(2,\) with 1 finite"):
        attempts_of(bank, np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match=r"got shape \(3,\)"):
        attempts_of(bank, np.zeros(3))


def test_random_orders_meet_their_expectation():
    """Of 12 actions 3 solve: attempt k is the first with probability C(12-k, 2) / C(12, 3)."""
    n = 12
    ways = [(n - k) * (n - k - 1) / 2 for k in range(1, n + 1)]
    expected = np.dot(np.array(ways) / 220, task_auccess(np.arange(1, n + 1)))
    bank = bank_of([i in (1, 5, 9) for i in range(n)])
    found = [
        attempts_of(bank, RandomAgent(seed).learn([], []).scores(bank.candidates))
        for seed in range(400)
    ]
    assert task_auccess(np.array(found)).mean() == pytest.approx(expected, abs=0.03)


def test_random_orders_repeat_and_depend_on_task_and_seed():
    first, second = bank_of([True] * 8), bank_of([True] * 8, "00000:001")
    scores = RandomAgent(0).learn([], []).scores
    first, second = first.candidates, second.candidates
    np.testing.assert_array_equal(scores(first), RandomAgent(0).learn([], []).scores(first))
    assert not np.isin(scores(first), scores(second)).any()
    assert not np.isin(scores(first), RandomAgent(1).learn([], []).scores(first)).any()


def test_random_tries_the_first_hundred():
    many = bank_of([False] * 130).candidates
    orders = [order_of(many, RandomAgent(s).learn([], []).scores(many)) for s in range(3)]
    for order in orders:
        assert sorted(order[:100]) == list(range(100))
        assert order[100:].tolist() == list(range(100, 130))
    assert orders[0].tolist() != orders[1].tolist()


def test_memory_equals_loops():
    banks = [ruled_bank(task, 30) for task in toy_tasks(4, 1).values()]
    train, dev, test = banks[:2], banks[2:3], banks[3]
    nearest = NearestSuccess().learn(train, dev).scores(test.candidates)
    rate = NeighbourRate(7).learn(train, dev).scores(test.candidates)
    actions = np.concatenate([bank.actions for bank in banks[:3]])
    solved = np.concatenate([bank.solved for bank in banks[:3]])
    for row, action in enumerate(test.actions):
        distance = np.sqrt(((actions - action) ** 2).sum(axis=1))
        assert nearest[row] == pytest.approx(-distance[solved].min())
        assert rate[row] == pytest.approx(solved[np.argsort(distance)[:7]].mean())


def test_memory_of_the_own_template_comes_first():
    near_, far = np.full((1, 3), 0.5), np.full((1, 3), 0.9)
    own = bank_of([True], "00003:000", far)
    other = bank_of([True, False], "00004:000", np.concatenate([near_, near_]))
    asked = bank_of([False, False], "00003:001", np.concatenate([near_, far]))
    for agent in (NearestSuccess(), NeighbourRate(1)):
        assert agent.learn([own, other], []).scores(asked.candidates)[1] >= 0
    scores = NearestSuccess().learn([own, other], []).scores(asked.candidates)
    np.testing.assert_allclose(scores, [-np.sqrt(3 * 0.16), 0.0])
    unsolved = bank_of([False], "00003:000", far)
    scores = NearestSuccess().learn([unsolved, other], []).scores(asked.candidates)
    np.testing.assert_allclose(scores, [0.0, -np.sqrt(3 * 0.16)])


@pytest.mark.parametrize("outcome", [True, False])
def test_refuses_one_outcome(outcome):
    banks = [bank_of([outcome] * 3)]
    with pytest.raises(ValueError, match="of the 3 actions on the 1 training tasks"):
        need_both_outcomes(banks, "training")
    with pytest.raises(ValueError, match="Raise actions or tasks_per_template"):
        NearestSuccess().learn(banks, banks)
    with pytest.raises(ValueError, match="needs solved and unsolved"):
        NeighbourRate().learn(banks, banks)
