"""Agents on the same test tasks of official folds: they learn, rank, and are scored by AUCCESS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int
from rich.progress import Progress

from jepakit.evals.phyre.actions import ActionBank, TaskActions
from jepakit.evals.phyre.auccess import TaskDraws, solved_within, task_auccess
from jepakit.evals.phyre.published import published_for
from jepakit.evals.phyre.ranking import Agent, attempts_of
from jepakit.evals.phyre.result import LIMITS, AgentScore, PhyreResult, PhyreSettings
from jepakit.evals.statistics import Distribution
from worlds.phyre import SETUPS, Fold, Task, find_tasks, fold, load_tasks

FOLDS = 10
TASKS_HINT = "Get it with: python -m worlds.phyre.fetch"


@dataclass(frozen=True)
class Entrant:
    """An agent as it enters an evaluation.

    Attributes:
        repetitions: the same agent with other seeds; scores are means over them.
        note: what it is, in a sentence.
    """

    repetitions: Sequence[Agent]
    note: str


@dataclass(frozen=True)
class FoldBanks:
    """The actions of one fold's tasks."""

    train: tuple[TaskActions, ...]
    dev: tuple[TaskActions, ...]
    test: tuple[TaskActions, ...]


def official_tasks(path: str | None = None) -> dict[str, Task]:
    """The official tasks by identity.

    Raises:
        ValueError: there is no task file; the message says how to get it.
    """
    try:
        found = find_tasks(path)
    except ValueError as error:
        raise ValueError(f"{error} {TASKS_HINT}") from error
    if found is None:
        raise ValueError(f"No PHYRE task file (tasks.bin.lzma). {TASKS_HINT}")
    return load_tasks(found)


def check(settings: PhyreSettings) -> None:
    """Refuse settings that no evaluation can be made of.

    Raises:
        ValueError: an unknown setup or fold, a fold given twice, or counts below 1.
    """
    if settings.setup not in SETUPS:
        raise ValueError(f"Unknown setup {settings.setup!r}; choose one of {', '.join(SETUPS)}.")
    folds = settings.folds
    if not folds or len(set(folds)) < len(folds) or not all(0 <= f < FOLDS for f in folds):
        raise ValueError(
            f"Need official folds, each once, from 0 to {FOLDS - 1}; got {list(folds)}."
        )
    if settings.tasks_per_template < 0 or settings.actions < 1:
        raise ValueError(
            "Need tasks_per_template of 0 (all) or more and actions of 1 or more; got "
            f"{settings.tasks_per_template} and {settings.actions}."
        )


def spread(identities: Sequence[str], per_template: int) -> tuple[str, ...]:
    """At most ``per_template`` of each template's tasks, evenly spread; all if it is 0."""
    if not per_template:
        return tuple(identities)
    templates: dict[str, list[str]] = {}
    for identity in identities:
        templates.setdefault(identity.partition(":")[0], []).append(identity)
    chosen = []
    for members in templates.values():
        count = min(per_template, len(members))
        chosen += [members[i * len(members) // count] for i in range(count)]
    return tuple(chosen)


def fold_banks(
    tasks: Mapping[str, Task],
    bank: ActionBank,
    settings: PhyreSettings,
    progress: Progress | None = None,
) -> dict[int, FoldBanks]:
    """The chosen tasks of every fold with their simulated actions, by the fold's number."""
    chosen = {
        number: Fold(
            *(
                spread(ids, settings.tasks_per_template)
                for ids in fold(settings.setup, number, tasks)
            )
        )
        for number in settings.folds
    }
    needed = sorted({identity for parts in chosen.values() for ids in parts for identity in ids})
    banks = bank.actions_of([tasks[identity] for identity in needed], settings.actions, progress)
    return {
        number: FoldBanks(*(tuple(banks[identity] for identity in ids) for ids in parts))
        for number, parts in chosen.items()
    }


def evaluate(
    entrants: Mapping[str, Entrant],
    folds: Mapping[int, FoldBanks],
    settings: PhyreSettings,
    *,
    source: Mapping[str, str],
    progress: Progress | None = None,
) -> PhyreResult:
    """Let every agent learn from the tasks of each fold, and score its attempts on the test tasks.

    Args:
        entrants: agents by name; the others are compared with the first.
        folds: from :func:`fold_banks`.
        settings: how they are scored.
        source: where the model and the tasks came from, for the record.
        progress: a running progress display to draw on.

    Raises:
        ValueError: fewer than two test tasks, or tasks that an agent cannot learn from.
    """
    items = [(number, bank) for number, parts in folds.items() for bank in parts.test]
    draws = TaskDraws.of(
        [bank.task.identity for _, bank in items],
        [number for number, _ in items],
        draws=settings.draws,
        seed=settings.seed,
    )
    total = sum(len(entrant.repetitions) for entrant in entrants.values()) * len(folds)
    bar = progress.add_task("ranking", total=total) if progress else None
    scores: list[AgentScore] = []
    first: Distribution | None = None
    for name, entrant in entrants.items():
        rows, facts = [], []
        for agent in entrant.repetitions:
            attempts: list[int] = []
            for number, parts in folds.items():
                learned = agent.learn(parts.train, parts.dev)
                attempts += [attempts_of(bank, learned.scores(bank)) for bank in parts.test]
                facts.append({"fold": float(number), **learned.facts})
                if progress and bar is not None:
                    progress.advance(bar)
            rows.append(attempts)
        score, own = _score(name, np.array(rows), draws, settings, first)
        scores.append(replace(score, facts=tuple(facts)))
        first = first or own
    return PhyreResult(
        scores=tuple(scores),
        published=published_for(settings.setup),
        notes={name: entrant.note for name, entrant in entrants.items()},
        source=dict(source) | _sizes(folds),
        settings=settings,
    )


def _score(
    name: str,
    attempts: Int[np.ndarray, "r n"],
    draws: TaskDraws,
    settings: PhyreSettings,
    first: Distribution | None,
) -> tuple[AgentScore, Distribution]:
    values = task_auccess(attempts).mean(axis=0)
    own = draws.over_tasks(values)
    gap = None if first is None else (first - own).interval(settings.confidence)
    score = AgentScore(
        agent=name,
        auccess=own.interval(settings.confidence),
        over_folds=draws.over_folds(values, confidence=settings.confidence, seed=settings.seed),
        by_fold=tuple(draws.by_fold(values).tolist()),
        by_repetition=tuple(float(draws.by_fold(row).mean()) for row in task_auccess(attempts)),
        solved_within=tuple(
            float(draws.by_fold(solved_within(attempts, limit)).mean()) for limit in LIMITS
        ),
        first_minus_this=gap,
    )
    return score, own


def _sizes(folds: Mapping[int, FoldBanks]) -> dict[str, str]:
    counts = {
        part: sorted({len(getattr(parts, part)) for parts in folds.values()})
        for part in ("train", "dev", "test")
    }
    told = ", ".join(f"{'-'.join(map(str, sizes))} {part}" for part, sizes in counts.items())
    solved = [bank.solved.mean() for parts in folds.values() for bank in parts.test]
    solvable = [bank.solved.any() for parts in folds.values() for bank in parts.test]
    return {
        "tasks per fold": told,
        "test actions that solve their task": f"{np.mean(solved):.2%}",
        "test tasks that an action of the bank solves": f"{np.mean(solvable):.1%}, the most that "
        "any agent can reach",
    }
