"""Agents on the same test tasks of official folds: they learn, rank, and are scored by AUCCESS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int
from rich.progress import Progress

from jepakit.evals.phyre.action_bank import ActionBank
from jepakit.evals.phyre.actions import Candidates, Orders, TaskActions
from jepakit.evals.phyre.auccess import TaskDraws, solved_within, task_auccess
from jepakit.evals.phyre.published import published_for
from jepakit.evals.phyre.ranking import Agent, Learned, order_of
from jepakit.evals.phyre.result import LIMITS, AgentScore, PhyreResult, PhyreSettings
from jepakit.evals.statistics import Distribution
from worlds.phyre import SETUPS, Fold, Task, find_tasks, fold, load_tasks
from worlds.phyre.auccess import MAX_ATTEMPTS

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
    """The actions of one fold's tasks.

    Attributes:
        train: uniform draws, then aimed ones, with outcomes.
        dev: uniform draws with outcomes.
        test: what agents rank.
    """

    train: tuple[TaskActions, ...]
    dev: tuple[TaskActions, ...]
    test: tuple[Candidates, ...]


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
    per_part = settings.per_template("train"), settings.per_template("test")
    others = (settings.aimed, settings.actions, settings.candidates)
    if min(*per_part, settings.aimed) < 0 or min(others[1:]) < 1:
        raise ValueError(
            "Need tasks per template of 0 (all) or more, aimed of 0 or more, and actions and "
            f"candidates of 1 or more; got {', '.join(map(str, per_part + others))}."
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
    """The chosen tasks of every fold with their actions, by the fold's number."""
    chosen = {
        number: Fold(
            *(
                spread(ids, settings.per_template(part))
                for part, ids in fold(settings.setup, number, tasks)._asdict().items()
            )
        )
        for number in settings.folds
    }

    def of(*parts: str) -> list[Task]:
        ids = {i for f in chosen.values() for part in parts for i in getattr(f, part)}
        return [tasks[identity] for identity in sorted(ids)]

    learnt = bank.actions_of(of("train", "dev"), settings.actions, progress)
    train = {task.identity: learnt[task.identity] for task in of("train")}
    if settings.aimed:
        aimed = bank.aimed_of(list(train.values()), settings.aimed, progress)
        train = {identity: own.joined(aimed[identity]) for identity, own in train.items()}
    test = bank.candidates_of(of("test"), settings.candidates, progress)
    return {
        number: FoldBanks(
            tuple(train[identity] for identity in parts.train),
            tuple(learnt[identity] for identity in parts.dev),
            tuple(test[identity] for identity in parts.test),
        )
        for number, parts in chosen.items()
    }


def evaluate(
    entrants: Mapping[str, Entrant],
    folds: Mapping[int, FoldBanks],
    bank: ActionBank,
    settings: PhyreSettings,
    *,
    source: Mapping[str, str],
    progress: Progress | None = None,
) -> PhyreResult:
    """Let every agent learn from the tasks of each fold, and score its attempts on the test tasks.

    Args:
        entrants: agents by name; the others are compared with the first.
        folds: from :func:`fold_banks`.
        bank: simulates what agents try, or knows it.
        settings: how they are scored.
        source: where the model and the tasks came from, for the record.
        progress: a running progress display to draw on.

    Raises:
        ValueError: fewer than two test tasks, or tasks that an agent cannot learn from.
    """
    items = [(number, own.task) for number, parts in folds.items() for own in parts.test]
    draws = TaskDraws.of(
        [task.identity for _, task in items],
        [number for number, _ in items],
        draws=settings.draws,
        seed=settings.seed,
    )
    rows: dict[str, list[Int[np.ndarray, "r n"]]] = {name: [] for name in entrants}
    facts: dict[str, list[dict[str, float]]] = {name: [] for name in entrants}
    for number, parts in folds.items():
        learned = _learn(entrants, parts, progress)
        attempts = _try(learned, parts.test, bank, progress)
        for name, agents in learned.items():
            rows[name].append(attempts[name])
            facts[name] += [{"fold": float(number), **agent.facts} for agent in agents]
    scores: list[AgentScore] = []
    first: Distribution | None = None
    every = {name: np.concatenate(found, axis=1) for name, found in rows.items()}
    for name, attempts_at in every.items():
        score, own = _score(name, attempts_at, draws, settings, first)
        scores.append(replace(score, facts=tuple(facts[name])))
        first = first or own
    solved = np.any([(found > 0).any(axis=0) for found in every.values()], axis=0)
    return PhyreResult(
        scores=tuple(scores),
        items=tuple(f"{number}/{task.identity}" for number, task in items),
        published=published_for(settings.setup),
        notes={name: entrant.note for name, entrant in entrants.items()},
        source=dict(source) | _sizes(folds, float(solved.mean())),
        settings=settings,
    )


def _learn(
    entrants: Mapping[str, Entrant], parts: FoldBanks, progress: Progress | None
) -> dict[str, list[Learned]]:
    total = sum(len(entrant.repetitions) for entrant in entrants.values())
    bar = progress.add_task("learning", total=total) if progress else None
    learned: dict[str, list[Learned]] = {}
    for name, entrant in entrants.items():
        learned[name] = []
        for agent in entrant.repetitions:
            learned[name].append(agent.learn(parts.train, parts.dev))
            if progress and bar is not None:
                progress.advance(bar)
    return learned


def _try(
    learned: Mapping[str, Sequence[Learned]],
    test: Sequence[Candidates],
    bank: ActionBank,
    progress: Progress | None,
) -> dict[str, Int[np.ndarray, "r n"]]:
    """Attempts by agent; a task's candidates are looked at by all agents before the next one's."""
    agents = [agent for repetitions in learned.values() for agent in repetitions]
    bar = progress.add_task("ranking", total=len(test)) if progress else None
    orders: dict[str, Orders] = {}
    for own in test:
        ranked = [order_of(own, agent.scores(own)) for agent in agents]
        orders[own.task.identity] = [order[:MAX_ATTEMPTS] for order in ranked]
        if progress and bar is not None:
            progress.advance(bar)
    found = bank.attempts_of([own.task for own in test], orders, progress)
    table = np.array([found[own.task.identity] for own in test], np.int64).T
    ends = np.cumsum([len(repetitions) for repetitions in learned.values()])[:-1]
    return dict(zip(learned, np.split(table, ends), strict=True))


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
        by_item=tuple(values.tolist()),
    )
    return score, own


def _sizes(folds: Mapping[int, FoldBanks], solved: float) -> dict[str, str]:
    counts = {
        part: sorted({len(getattr(parts, part)) for parts in folds.values()})
        for part in ("train", "dev", "test")
    }
    told = ", ".join(f"{'-'.join(map(str, sizes))} {part}" for part, sizes in counts.items())
    train = [bank.solved for parts in folds.values() for bank in parts.train]
    return {
        "tasks per fold": told,
        "train actions that solve their task": f"{np.concatenate(train).mean():.2%}",
        "train tasks with a solved action": f"{np.mean([own.any() for own in train]):.1%}",
        "test tasks that any agent solved": f"{solved:.1%}",
    }
