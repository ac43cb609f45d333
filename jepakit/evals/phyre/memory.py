"""Memoisation: actions are judged by what like actions did to the training tasks.

MEM of the benchmark's paper (Bakhtin et al. 2019, section 5) tries one pool of actions on all tasks
and ranks by how many training tasks each solved. Differs: here every task has actions of its own,
so that an action is judged by its neighbours. Neither agent looks at the scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from sklearn.neighbors import NearestNeighbors

from jepakit.evals.phyre.actions import Candidates, TaskActions
from jepakit.evals.phyre.ranking import Learned, need_both_outcomes
from worlds.phyre import Task

Pool = tuple[Float[np.ndarray, "s a"], Bool[np.ndarray, " s"]]
"""Actions and whether each solved its task."""


class Memory:
    """What was tried, by template: a task's own template where it was seen, else all of them."""

    def __init__(self, banks: Sequence[TaskActions]) -> None:
        templates: dict[str, list[TaskActions]] = {}
        for bank in banks:
            templates.setdefault(bank.task.template, []).append(bank)
        self._all = _joined(banks)
        self._by_template = {name: _joined(members) for name, members in templates.items()}

    def for_task(self, task: Task) -> Pool:
        """What is remembered for a task; all templates if nothing solved its own."""
        own = self._by_template.get(task.template)
        return own if own is not None and own[1].any() else self._all


@dataclass(frozen=True)
class NearestSuccess:
    """Ranks actions by their distance to the nearest one that solved a training or dev task.

    Distances are Euclidean in the action space [0, 1]^3 or [0, 1]^6.
    """

    def learn(self, train: Sequence[TaskActions], dev: Sequence[TaskActions]) -> Learned:
        """Remember.

        Raises:
            ValueError: no action solves its task.
        """
        need_both_outcomes(train, "training")
        memory = Memory([*train, *dev])

        def scores(candidates: Candidates) -> Float[np.ndarray, " s"]:
            actions, solved = memory.for_task(candidates.task)
            nearest = NearestNeighbors(n_neighbors=1).fit(actions[solved])
            distance, _ = nearest.kneighbors(candidates.actions)
            return -distance[:, 0]

        return Learned(scores)


@dataclass(frozen=True)
class NeighbourRate:
    """Ranks actions by the share of their nearest training and dev attempts that succeeded.

    Args:
        neighbours: attempts looked at, fewer where fewer are remembered.
    """

    neighbours: int = 100

    def learn(self, train: Sequence[TaskActions], dev: Sequence[TaskActions]) -> Learned:
        """Remember.

        Raises:
            ValueError: no action solves its task.
        """
        need_both_outcomes(train, "training")
        memory = Memory([*train, *dev])

        def scores(candidates: Candidates) -> Float[np.ndarray, " s"]:
            actions, solved = memory.for_task(candidates.task)
            count = min(self.neighbours, len(actions))
            nearest = NearestNeighbors(n_neighbors=count).fit(actions)
            rows = nearest.kneighbors(candidates.actions, return_distance=False)
            return solved[rows].mean(axis=1)

        return Learned(scores)


def _joined(banks: Sequence[TaskActions]) -> Pool:
    return (
        np.concatenate([bank.actions for bank in banks]),
        np.concatenate([bank.solved for bank in banks]),
    )
