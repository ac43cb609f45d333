"""Valid actions of a task, and what the simulator made of those that were tried."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, Int8

from worlds.phyre import Status, Task, attempt, place, random_actions
from worlds.phyre.action import dimensions
from worlds.phyre.auccess import MAX_ATTEMPTS

MAX_DRAWS = 1000  # draws for each valid action wanted; about 2 in 3 are valid with one ball
UNTRIED = int(Status.INVALID)  # no valid action has this outcome
SOLVED = int(Status.SOLVED)

Orders = Sequence[Int[np.ndarray, "_"]]
"""Rows of a task's actions in the order in which agents try them, an array per agent."""


@dataclass(frozen=True)
class Candidates:
    """Valid actions of one task, and nothing of what they lead to: what agents rank.

    Attributes:
        task: the task.
        actions: numbers in [0, 1]; 3 for one ball, 6 for two, see :mod:`worlds.phyre.action`.
    """

    task: Task
    actions: Float[np.ndarray, "s a"]

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True)
class TaskActions:
    """Valid actions of one task and their outcomes: what agents learn from.

    Attributes:
        task: the task.
        actions: as in :class:`Candidates`.
        solved: whether the simulator says that the action solves the task.
    """

    task: Task
    actions: Float[np.ndarray, "s a"]
    solved: Bool[np.ndarray, " s"]

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def candidates(self) -> Candidates:
        """The same without outcomes."""
        return Candidates(self.task, self.actions)

    def only(self, rows: Int[np.ndarray, " kept"]) -> TaskActions:
        """Some of the actions, in the order of ``rows``."""
        return TaskActions(self.task, self.actions[rows], self.solved[rows])

    def joined(self, other: TaskActions) -> TaskActions:
        """These actions, then those of ``other``, of the same task."""
        return TaskActions(
            self.task,
            np.concatenate([self.actions, other.actions]),
            np.concatenate([self.solved, other.solved]),
        )


@dataclass(frozen=True)
class Tries:
    """Valid actions of one task, some of them tried.

    Attributes:
        task: the task.
        actions: as in :class:`Candidates`.
        outcomes: values of :class:`worlds.phyre.Status`; 0 where an action was not tried.
    """

    task: Task
    actions: Float[np.ndarray, "s a"]
    outcomes: Int8[np.ndarray, " s"]

    @classmethod
    def none(cls, task: Task) -> Tries:
        """Nothing drawn yet."""
        return cls(task, np.zeros((0, dimensions(task))), np.zeros(0, np.int8))

    def __len__(self) -> int:
        return len(self.actions)

    def tried(self, count: int) -> bool:
        """Whether there are ``count`` actions and the outcomes of the first ``count`` are known."""
        return len(self) >= count and bool((self.outcomes[:count] != UNTRIED).all())

    def candidates(self, count: int) -> Candidates:
        """The first ``count``, outcomes left out."""
        return Candidates(self.task, self.actions[:count])

    def judged(self, count: int) -> TaskActions:
        """The first ``count``, which must have been tried."""
        assert self.tried(count), (self.task.identity, count)
        return TaskActions(self.task, self.actions[:count], self.outcomes[:count] == SOLVED)


def draw(tries: Tries, count: int, *, seed: int) -> Tries:
    """With uniform valid actions added until there are ``count``; none of them is tried.

    A longer draw starts with a shorter one of the same seed.

    Raises:
        ValueError: the task has no room for the user's balls.
    """
    task = tries.task
    draws = itertools.islice(random_actions(task, seed), MAX_DRAWS * count)
    valid = (action for action in draws if place(task, action) is not None)
    fresh = list(itertools.islice(valid, len(tries), max(count, len(tries))))
    if len(tries) + len(fresh) < count:
        raise ValueError(no_room(task, count))
    actions = np.concatenate([tries.actions, np.array(fresh).reshape(-1, dimensions(task))])
    outcomes = np.concatenate([tries.outcomes, np.full(len(fresh), UNTRIED, np.int8)])
    return Tries(task, actions, outcomes)


def judge(tries: Tries, rows: Iterable[int]) -> Tries:
    """With these rows tried."""
    outcomes = tries.outcomes.copy()
    for row in rows:
        if outcomes[row] == UNTRIED:
            outcomes[row] = attempt(tries.task, tries.actions[row])
    return replace(tries, outcomes=outcomes)


def draw_and_judge(tries: Tries, count: int, *, seed: int) -> Tries:
    """With the first ``count`` uniform valid actions drawn and tried; see :func:`draw`."""
    return judge(draw(tries, count, seed=seed), range(count))


def try_in_order(tries: Tries, orders: Orders) -> Tries:
    """With what agents tried: each goes down its order to the first success or to attempt 100."""
    for order in orders:
        for row in order[:MAX_ATTEMPTS].tolist():
            tries = judge(tries, [row])
            if tries.outcomes[row] == SOLVED:
                break
    return tries


def draw_and_try(tries: Tries, orders: Orders, *, seed: int) -> Tries:
    """See :func:`try_in_order`; with the candidates drawn that the orders name, if need be."""
    count = 1 + max(int(order.max(initial=-1)) for order in orders)
    return try_in_order(draw(tries, count, seed=seed), orders)


def no_room(task: Task, count: int) -> str:
    """What to say of a task that hardly any action is valid in."""
    return (
        f"Task {task.identity} has no room: fewer than {count} valid actions among "
        f"{MAX_DRAWS * count}."
    )
