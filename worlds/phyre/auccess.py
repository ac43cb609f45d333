"""AUCCESS, the benchmark's score of an agent, and the agent that guesses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from worlds.phyre.action import dimensions
from worlds.phyre.simulation import Status
from worlds.phyre.task import Task
from worlds.phyre.trial import attempt

MAX_ATTEMPTS = 100


def auccess(attempts: Mapping[str, Sequence[int]]) -> float:
    """Area under the curve of tasks solved by attempts, with weight on the first attempts.

    ``sum_k w_k s_k / ln 101`` over k = 1..100, with ``w_k = ln(k + 1) - ln(k)`` and ``s_k`` the
    share of tasks solved within k valid attempts (Bakhtin et al. 2019, section 4.2). Invalid
    actions are no attempts; attempts after the first solution change nothing.

    Args:
        attempts: for every task of the test set the statuses of its attempts, in order.

    Raises:
        ValueError: no tasks, a value that is no status, or more than 100 valid attempts.
    """
    if not attempts:
        raise ValueError("AUCCESS needs the attempts of at least one task; got none.")
    total = 0.0
    for identity, statuses in attempts.items():
        valid = [status for status in map(Status, statuses) if status != Status.INVALID]
        if len(valid) > MAX_ATTEMPTS:
            raise ValueError(
                f"Task {identity} has {len(valid)} valid attempts; at most {MAX_ATTEMPTS} count."
            )
        if Status.SOLVED in valid:
            # The weights from the first solution k on add up to ln 101 - ln k.
            total += math.log(MAX_ATTEMPTS + 1) - math.log(valid.index(Status.SOLVED) + 1)
    return total / (len(attempts) * math.log(MAX_ATTEMPTS + 1))


def random_actions(task: Task, seed: int) -> Iterator[NDArray[np.float64]]:
    """Uniform actions without end, the same for the same task and seed."""
    template, instance = map(int, task.identity.split(":"))
    generator = np.random.default_rng([seed, template, instance])
    while True:
        yield generator.random(dimensions(task))


def guess(task: Task, seed: int, *, attempts: int = MAX_ATTEMPTS) -> list[Status]:
    """Statuses of the agent that guesses, until the task is solved or the valid attempts used up.

    The agent to beat; RAND in the benchmark's paper.
    """
    statuses: list[Status] = []
    valid = 0
    for action in random_actions(task, seed):
        if valid == attempts:
            break
        statuses.append(attempt(task, action))
        valid += statuses[-1] != Status.INVALID
        if statuses[-1] == Status.SOLVED:
            break
    return statuses
