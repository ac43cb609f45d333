"""What a PHYRE evaluation measured: a table with intervals, as JSON and Markdown."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jepakit.evals.item_scores import ItemScores
from jepakit.evals.phyre.published import Published
from jepakit.evals.statistics import Interval

INTERVENTION = "intervention"
"""The agent that lets a model's predictor say what is where an object is hidden."""

LIMITS = (1, 10, 100)
"""Numbers of attempts that the table tells the share of solved tasks for."""


@dataclass(frozen=True)
class PhyreSettings:
    """What is evaluated, and how.

    Attributes:
        setup: one of :data:`worlds.phyre.SETUPS`.
        folds: official folds, 0 to 9.
        tasks_per_template: tasks of each template in each part of a fold; 0 takes all.
        test_tasks_per_template: the same for the test part; None is ``tasks_per_template``.
        actions: valid uniform actions per train and dev task that agents learn from.
        aimed: further actions per train task, drawn near solutions.
        candidates: valid uniform actions per test task that agents rank. With fewer than 100,
            AUCCESS is a lower bound: attempts beyond them count as failed.
        draws: bootstrap draws.
        confidence: of the intervals.
        seed: of the actions, of the bootstrap and of the agents.
    """

    setup: str = "ball_cross_template"
    folds: tuple[int, ...] = (0,)
    tasks_per_template: int = 10
    test_tasks_per_template: int | None = None
    actions: int = 200
    aimed: int = 0
    candidates: int = 200
    draws: int = 2000
    confidence: float = 0.95
    seed: int = 0

    def per_template(self, part: str) -> int:
        """Tasks of each template in ``train``, ``dev`` or ``test``; 0 for all."""
        test = self.test_tasks_per_template
        return test if part == "test" and test is not None else self.tasks_per_template


@dataclass(frozen=True)
class AgentScore:
    """An agent's scores: means over repetitions, then over tasks, then over folds.

    Attributes:
        agent: its name.
        auccess: with the interval over test tasks.
        over_folds: the same with the interval over folds; None of a single fold.
        by_fold: AUCCESS of each fold, in ascending order.
        by_repetition: AUCCESS of each repetition.
        solved_within: shares of tasks solved within 1, 10 and 100 attempts.
        first_minus_this: AUCCESS of the first agent minus this one's on the same drawn tasks.
        by_item: AUCCESS of each test task of each fold, mean over repetitions.
        facts: what each repetition chose on each fold.
    """

    agent: str
    auccess: Interval
    over_folds: Interval | None
    by_fold: tuple[float, ...]
    by_repetition: tuple[float, ...]
    solved_within: tuple[float, ...]
    first_minus_this: Interval | None
    by_item: tuple[float, ...]
    facts: tuple[Mapping[str, float], ...] = ()


@dataclass(frozen=True)
class PhyreResult:
    """A whole evaluation.

    Attributes:
        scores: one per agent, the model's first.
        items: ``fold/task`` of every number in ``by_item``.
        published: values from papers, for reference; not measured by us.
        notes: what each agent is.
        source: where the model and the tasks came from.
        settings: how it was measured.
    """

    scores: tuple[AgentScore, ...]
    items: tuple[str, ...]
    published: tuple[Published, ...]
    notes: dict[str, str]
    source: dict[str, str]
    settings: PhyreSettings

    def score(self, agent: str) -> AgentScore:
        """The score of an agent."""
        return next(score for score in self.scores if score.agent == agent)

    def title(self) -> str:
        """What was evaluated, in a line."""
        folds = ", ".join(map(str, self.settings.folds))
        return f"PHYRE {self.settings.setup}, official folds: {folds}"

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows: measured agents, then published ones.

        A star marks agents that the first one beats on the same tasks: the whole interval of the
        difference is above zero.
        """
        first = self.scores[0].agent
        header = ["agent", "AUCCESS", "over folds", *(f"@{k}" for k in LIMITS)]
        rows = []
        for score in self.scores:
            gap = score.first_minus_this
            beaten = gap is not None and gap.low > 0
            rows.append(
                [
                    score.agent,
                    str(score.auccess),
                    str(score.over_folds or "one fold"),
                    *(f"{share:.3f}" for share in score.solved_within),
                    "" if gap is None else f"{gap}{' *' if beaten else ''}",
                ]
            )
        empty = [""] * (len(LIMITS) + 2)
        rows += [[f"{p.agent} (paper)", f"{p.auccess:.3f}", *empty] for p in self.published]
        return [*header, f"{first} minus this"], rows

    def method_text(self) -> str:
        """One paragraph on actions, splits and intervals."""
        s = self.settings
        learnt, judged = (s.per_template(part) or "all" for part in ("train", "test"))
        short = " (fewer than 100: AUCCESS is a lower bound)" if s.candidates < 100 else ""
        aimed = f", and of {s.aimed} more near solutions of train tasks" if s.aimed else ""
        return (
            f"Agents rank {s.candidates} valid actions drawn uniformly for every test task{short}; "
            "the first 100 are tried, until one solves; @k is the share of tasks solved within k. "
            f"Agents learn from the train and dev tasks of a fold ({learnt} per template in each, "
            f"{judged} in the test part) with the outcomes of {s.actions} uniform actions each"
            f"{aimed}; probes choose their regularisation on the dev tasks and are fitted again on "
            "both. "
            f"Intervals of {s.confidence:.0%}: percentile bootstrap, {s.draws} draws, of test "
            "tasks, the same for all agents, and of folds. Tasks of one template are alike, so "
            "that with a cross-template setup few folds say less than intervals over tasks "
            "suggest. A star: the first agent is better on the same drawn tasks. Rows marked paper "
            "are quoted from publications; models and actions differ from ours."
        )

    def to_json(self) -> str:
        """Every number, with names."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

    def to_markdown(self) -> str:
        """The table for people, and how it was measured."""
        header, rows = self.table()
        lines = [f"# {self.title()}", ""]
        lines += [f"- {name}: {value}" for name, value in self.source.items()] + [""]
        lines += [f"| {' | '.join(header)} |", "|---|" + "---:|" * (len(header) - 1)]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        lines += ["", "## How it was measured", "", self.method_text(), ""]
        lines += [f"- **{name}**: {note}" for name, note in self.notes.items()]
        lines += [f"- **{p.agent} (paper)**: {p.source}" for p in self.published]
        return "\n".join(lines) + "\n"

    def item_scores(self, agent: str) -> ItemScores:
        """AUCCESS of an agent on every test task; their mean where folds are of equal size.

        Items are named ``fold/task`` where there are several folds. Tasks of one template are alike
        and, where templates are new in the test part, come and go together.
        """
        several, across = len(self.settings.folds) > 1, "cross" in self.settings.setup
        tasks = [item.partition("/")[2] for item in self.items]
        return ItemScores.of(
            "auccess",
            self.items if several else tasks,
            [task.partition(":")[0] if across else task for task in tasks],
            self.score(agent).by_item,
        )

    def write(self, folder: Path) -> list[Path]:
        """Write ``phyre_SETUP.json`` and ``phyre_SETUP.md``, and scores of each test task.

        These are :meth:`item_scores` of the first agent, ``scores/phyre_SETUP.json``, and where it
        entered of the interventional one, ``scores/phyre_SETUP_intervention.json``.
        """
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for suffix, text in {"json": self.to_json(), "md": self.to_markdown()}.items():
            paths.append(folder / f"phyre_{self.settings.setup}.{suffix}")
            paths[-1].write_text(text, encoding="utf-8")
        endings = {self.scores[0].agent: "", INTERVENTION: f"_{INTERVENTION}"}
        for score in self.scores:
            if score.agent in endings:
                name = f"phyre_{self.settings.setup}{endings[score.agent]}.json"
                paths.append(self.item_scores(score.agent).write(folder / "scores" / name))
        return paths
