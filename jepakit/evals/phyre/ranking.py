"""Agents put the actions of a task in order of promise; attempts are made in that order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from jepakit.evals.phyre.actions import Candidates, TaskActions
from jepakit.evals.phyre.auccess import solved_at
from jepakit.seeds import derive_seed
from worlds.phyre import Status
from worlds.phyre.auccess import MAX_ATTEMPTS

Scores = Callable[[Candidates], Float[np.ndarray, " s"]]
"""Scores each action of a task, whose outcomes it is not given; the highest is tried first."""


@dataclass(frozen=True)
class Learned:
    """What an agent made of the training tasks.

    Attributes:
        scores: how it ranks actions.
        facts: what it chose while learning, for the record.
    """

    scores: Scores
    facts: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class Agent(Protocol):
    """Learns from the tasks of a fold."""

    def learn(self, train: Sequence[TaskActions], dev: Sequence[TaskActions]) -> Learned:
        """See the training and dev tasks with all outcomes; test tasks stay unseen."""


@dataclass(frozen=True)
class RandomAgent:
    """Tries the first 100 candidates in a random order: RAND of the benchmark's paper.

    Candidates are uniform draws, so that any 100 of them serve; with the same ones for every order
    few are simulated.
    """

    seed: int = 0

    def learn(self, train: Sequence[TaskActions], dev: Sequence[TaskActions]) -> Learned:
        """Learns nothing."""
        del train, dev

        def scores(candidates: Candidates) -> Float[np.ndarray, " s"]:
            seed = derive_seed("phyre-random", self.seed, candidates.task.identity)
            rows = np.arange(len(candidates))
            first = np.random.default_rng(seed).random(min(len(candidates), MAX_ATTEMPTS))
            return np.concatenate([first, -1.0 * rows[len(first) :]])

        return Learned(scores)


def order_of(
    candidates: Candidates | TaskActions, scores: Float[np.ndarray, " s"]
) -> Int[np.ndarray, " s"]:
    """Rows by falling score; equal scores in the order of the candidates, which is random.

    Raises:
        ValueError: a score is missing or not finite.
    """
    if scores.shape != (len(candidates),) or not np.isfinite(scores).all():
        raise ValueError(
            f"Task {candidates.task.identity} needs a finite score for each of its "
            f"{len(candidates)} actions, got shape {scores.shape} with "
            f"{int(np.isfinite(scores).sum())} finite ones."
        )
    return np.argsort(-scores, kind="stable")


def attempts_of(bank: TaskActions, scores: Float[np.ndarray, " s"]) -> int:
    """Number of the attempt that solves the task when actions are tried by falling score, or 0.

    Raises:
        ValueError: a score is missing or not finite.
    """
    order = order_of(bank, scores)
    return solved_at(np.where(bank.solved[order], Status.SOLVED, Status.NOT_SOLVED))


def need_both_outcomes(banks: Sequence[TaskActions], part: str) -> None:
    """Refuse a part of a fold that nothing can be learnt from.

    Raises:
        ValueError: no action of the part solves its task, or all do.
    """
    solved = sum(int(bank.solved.sum()) for bank in banks)
    total = sum(len(bank) for bank in banks)
    if not 0 < solved < total:
        raise ValueError(
            f"{solved} of the {total} actions on the {len(banks)} {part} tasks solve their task; "
            "learning needs solved and unsolved ones. Raise actions or tasks_per_template."
        )
