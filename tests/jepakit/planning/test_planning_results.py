"""Success rates, their intervals and tests, against formulas written out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from jepakit.planning.closed_loop import Run
from jepakit.planning.episode import Episode, Task
from jepakit.planning.results import (
    Rate,
    paired_p,
    rate_of,
    solved_within,
    summary,
    tasks_digest,
)


def run(agent: str, *steps: int | None) -> Run:
    """A run whose episodes took so many steps; None did not reach the goal in 9."""
    episodes = tuple(
        Episode(f"t{n}", s is not None, 9 if s is None else s) for n, s in enumerate(steps)
    )
    return Run(agent, episodes, 0.002)


class TestRate:
    @pytest.mark.parametrize(("solved", "of"), [(0, 7), (3, 7), (116, 200), (200, 200)])
    def test_the_interval_is_wilsons(self, solved: int, of: int) -> None:
        z, p = 1.959963984540054, solved / of
        middle = (p + z * z / (2 * of)) / (1 + z * z / of)
        half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
        found = Rate.of(solved, of)
        assert found.low == pytest.approx(max(middle - half, 0), abs=1e-12)
        assert found.high == pytest.approx(min(middle + half, 1), abs=1e-12)
        assert found.value == p

    def test_intervals_with_nothing_in_common(self) -> None:
        low, high = Rate.of(10, 200), Rate.of(60, 200)
        assert low.disjoint(high)
        assert high.disjoint(low)
        assert not low.disjoint(low)
        assert not Rate.of(10, 200).disjoint(Rate.of(14, 200))

    def test_it_can_be_read(self) -> None:
        assert str(Rate.of(116, 200)) == "58.0 % [51.1, 64.6]"

    def test_no_episodes_have_no_rate(self) -> None:
        with pytest.raises(ValueError, match="at least 1 episode"):
            Rate.of(0, 0)


class TestPairs:
    def test_mcnemar_counts_the_tasks_that_only_one_solves(self) -> None:
        one = run("a", *[3] * 9, *[None] * 4, *[3] * 5)
        other = run("b", *[None] * 9, *[3] * 2, *[None] * 2, *[3] * 5)
        won, lost = 9, 2
        tail = sum(math.comb(11, k) for k in range(won, 12)) / 2**11
        assert paired_p(one, other) == pytest.approx(2 * tail)
        assert paired_p(other, one) == pytest.approx(paired_p(one, other))
        assert lost == 2

    def test_equals_are_not_told_apart(self) -> None:
        assert paired_p(run("a", 3, None), run("b", 4, None)) == 1.0

    def test_other_tasks_are_refused(self) -> None:
        other = run("b", 3, None)
        moved = replace(other, episodes=other.episodes[::-1])
        with pytest.raises(ValueError, match="a and b acted on different tasks"):
            paired_p(run("a", 3, None), moved)


def test_solved_within() -> None:
    given = run("a", 3, 5, None, 9)
    assert [solved_within(given, steps) for steps in (2, 3, 5, 9)] == [0, 1, 2, 3]
    assert rate_of(given).successes == 3


class TestDigest:
    def test_it_changes_with_names_starts_and_goals(self) -> None:
        task = Task("t", {"state": np.zeros(2), "goal": np.ones(2)})
        digests = {
            tasks_digest([changed])
            for changed in (
                task,
                Task("u", task.options),
                Task("t", {"state": np.zeros(2), "goal": np.array([1.0, 1.0 + 1e-12])}),
                Task("t", {"state": np.zeros(2), "place": np.ones(2)}),
            )
        }
        assert len(digests) == 4
        assert tasks_digest([task]) == tasks_digest([Task("t", dict(task.options))])


def test_summary() -> None:
    broken = Episode("t1", False, 2, error="RuntimeError: no")
    planning = run("planning", 3, 4, None)
    other = run("other", None, None, None)
    other = replace(other, episodes=(other.episodes[0], broken, other.episodes[2]))
    first, second = summary([planning, other])
    assert "mcnemar_p" not in first
    assert second["mcnemar_p"] == 0.5
    assert second["disjoint"] is False
    assert second["failed_environments"] == [{"task": "t1", "error": "RuntimeError: no"}]
    assert first["success_rate"] == 2 / 3
    assert first["wilson_95"] == [rate_of(planning).low, rate_of(planning).high]
    assert first["ms_per_step"] == 2.0
    assert first["per_episode"][2] == {"task": "t2", "success": False, "steps": 9}
