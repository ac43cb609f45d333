import itertools
import math

import numpy as np
import pytest
from task_bytes import ball, bar, make_task

from worlds.phyre import Status, auccess, guess, random_actions


def slow_auccess(attempts):
    """The formula term by term."""
    total = 0.0
    for k in range(1, 101):
        solved = sum(1 in [s for s in row if s != 0][:k] for row in attempts.values())
        total += (math.log(k + 1) - math.log(k)) * solved / len(attempts)
    return total / math.log(101)


def test_the_formula():
    generator = np.random.default_rng(0)
    for share in (0.0, 0.02, 0.3):
        attempts = {
            str(i): generator.choice([-1, 0, 1], 100, p=[0.7 - share, 0.3, share]).tolist()
            for i in range(20)
        }
        assert auccess(attempts) == pytest.approx(slow_auccess(attempts))


def test_limits():
    assert auccess({"a": [1], "b": [0, 0, 1]}) == pytest.approx(1.0)
    assert auccess({"a": [-1] * 100, "b": []}) == 0.0
    assert auccess({"a": [-1] * 99 + [1]}) == pytest.approx(math.log(101 / 100) / math.log(101))
    assert auccess({"a": [1], "b": []}) == pytest.approx(0.5)


def test_refusals():
    with pytest.raises(ValueError, match="at least one task"):
        auccess({})
    with pytest.raises(ValueError, match="a has 101 valid attempts"):
        auccess({"a": [-1] * 101 + [0]})
    with pytest.raises(ValueError, match="7 is not a valid Status"):
        auccess({"a": [7]})


def test_guesses_repeat_and_end():
    task = make_task(ball(100.0, 60.0), bar(100.0, 50.0, 80.0))  # solved whatever is done
    hopeless = make_task(ball(100.0, 60.0), bar(200.0, 200.0, 20.0), bar(100.0, 50.0, 80.0))
    statuses = guess(task, 0)
    assert statuses[-1] is Status.SOLVED
    assert set(statuses[:-1]) <= {Status.INVALID}
    statuses = guess(hopeless, 0, attempts=4)
    assert statuses.count(Status.NOT_SOLVED) == 4
    assert statuses == guess(hopeless, 0, attempts=4)


def test_random_actions_depend_on_task_and_seed():
    first = make_task(ball(100.0, 60.0), bar(100.0, 50.0, 80.0))
    second = make_task(
        ball(100.0, 60.0), bar(100.0, 50.0, 80.0), name="00000:001", tier="TWO_BALLS"
    )

    def draw(task, seed):
        return np.concatenate(list(itertools.islice(random_actions(task, seed), 2)))

    np.testing.assert_array_equal(draw(first, 0), draw(first, 0))
    assert draw(second, 0).shape == (12,)
    assert not np.isin(draw(first, 0), np.r_[draw(first, 1), draw(second, 0)]).any()
