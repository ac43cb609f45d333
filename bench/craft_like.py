"""CRAFT-like questions: what their words give away, and whether a second simulation agrees.

``python -m bench.craft_like``. Scenes of all layouts in turn, 5 s each, in blocks of 32 over which
questions are balanced, until there are 15,000 questions (5,000 leave intervals of 5 points). Then:

- the words alone: logistic regression on words and pairs of words, cross-validated over blocks of
  scenes, against the majority of each family, with 95 % intervals over scenes;
- what happens alone: for causal questions, the best guess from whether the outcome happens and
  whether the object moves at the start, which the clip shows; only the rest needs to be imagined;
- a new process makes every scene again from its seed, simulates it again and answers each question
  by ``bench.craft_answers``, which reads it from its text and the events from the raw contact log.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections import Counter
from dataclasses import dataclass

from bench.craft_answers import Answerer
from bench.harness import emit, show
from jepakit.evals.probes.text_baseline import AskedQuestion, TextBaseline, text_baselines
from worlds.craft import LAYOUTS, Question, ask, sample
from worlds.craft.semantics import RELATIONS

BLOCK = 32  # scenes
GOAL_GAIN = 0.03


@dataclass(frozen=True)
class Asked:
    """A scene and the questions about it."""

    layout: str
    seed: int
    steps: int
    questions: tuple[Question, ...]


def make(wanted: int, steps: int, seed: int) -> list[Asked]:
    """Scenes with at least ``wanted`` questions in all."""
    names = list(LAYOUTS)
    made: list[Asked] = []
    while sum(len(scene.questions) for scene in made) < wanted:
        numbers = range(len(made), len(made) + BLOCK)
        block = [(names[n % len(names)], (seed << 28) + n // len(names)) for n in numbers]
        asked = ask([sample(*scene) for scene in block], steps, block[0][1])
        made += [
            Asked(*scene, steps, tuple(questions))
            for scene, questions in zip(block, asked, strict=True)
        ]
    return made


@dataclass(frozen=True)
class Again:
    """A question with the answer that was given, the one found anew, and what the clip shows."""

    question: Question
    answer: str
    shown: tuple[bool, bool]


def answered_again(scene: Asked) -> list[Again]:
    """All questions about a scene, answered by simulations of its own."""
    answerer = Answerer(sample(scene.layout, scene.seed), scene.steps)
    return [Again(q, answerer.answer(q.text), answerer.shown(q.text)) for q in scene.questions]


def answered_elsewhere(made: list[Asked]) -> list[Again]:
    """All questions, answered in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return [row for rows in pool.map(answered_again, made) for row in rows]


def from_what_happens(rows: list[Again]) -> float:
    """Accuracy of the most frequent answer given what the clip shows."""
    seen = Counter((row.shown, row.question.answer) for row in rows)
    best = {shown: max(seen[shown, "True"], seen[shown, "False"]) for shown, _ in seen}
    return sum(best.values()) / len(rows)


def main(questions: int = 15_000, steps: int = 300, seed: int = 0) -> None:
    """Print the table and the figures."""
    start = time.perf_counter()
    made = make(questions, steps, seed)
    asked = [
        AskedQuestion(q.text, q.answer, q.family, str(number), str(number // BLOCK))
        for number, scene in enumerate(made)
        for q in scene.questions
    ]
    seconds = time.perf_counter() - start
    baselines = text_baselines(asked, seed=seed)
    start = time.perf_counter()
    again = answered_elsewhere(made)
    seconds_again = time.perf_counter() - start
    wrong = [row for row in again if row.answer != row.question.answer]
    for row in wrong[:10]:
        print("disagreement:", row.question.text, row.question.answer, row.answer)
    happens = {
        name: from_what_happens([row for row in again if row.question.family == name])
        for name in RELATIONS
    }
    show_baselines(asked, baselines, happens, f"{len(made)} scenes of {steps} steps")
    emit(
        "craft_like",
        {
            "questions": len(asked),
            "scenes": len(made),
            "steps": steps,
            "agree_percent": 100 * (1 - len(wrong) / len(asked)),
            "within_goal": all(b.gain.estimate <= GOAL_GAIN for b in baselines.values()),
            "families": {
                name: figures(b, [q.answer for q in asked if q.family == name])
                for name, b in baselines.items()
            },
            "from_what_happens": {name: round(value, 3) for name, value in happens.items()},
            "seconds_to_make": round(seconds, 1),
            "seconds_to_answer_again": round(seconds_again, 1),
        },
    )


def show_baselines(
    asked: list[AskedQuestion],
    baselines: dict[str, TextBaseline],
    happens: dict[str, float],
    about: str,
) -> None:
    """The table."""
    columns = ("family", "questions", "majority", "words", "gain (goal <= 0.03)", "happens")
    rows = [
        (name, b.questions, b.majority.estimate, b.text.estimate, b.gain, happens.get(name, ""))
        for name, b in baselines.items()
    ]
    show(f"{len(asked)} CRAFT-like questions about {about}", columns, rows)


def figures(baseline: TextBaseline, answers: list[str]) -> dict[str, object]:
    """What is kept of a family."""
    text, gain = baseline.text, baseline.gain
    return {
        "questions": baseline.questions,
        "majority": round(baseline.majority.estimate, 4),
        "text": [round(value, 4) for value in (text.estimate, text.low, text.high)],
        "gain": [round(value, 4) for value in (gain.estimate, gain.low, gain.high)],
        "answers": dict(sorted(Counter(answers).items())),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=15_000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
