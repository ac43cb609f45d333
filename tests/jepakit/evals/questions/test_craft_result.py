"""Accuracies by kind with intervals, against hand-computed ones."""

import json

import numpy as np
import pytest

from jepakit.evals.item_scores import ItemScores
from jepakit.evals.probes.text_baseline import AskedQuestion
from jepakit.evals.questions.asked import QuestionSet
from jepakit.evals.questions.result import Answers, CraftResult, rows_by_kind
from jepakit.evals.questions.run_craft import majority_answers


def questions(clips=6):
    families = [("Cause", "cause"), ("Descriptive", "count"), ("Descriptive", "color")]
    asked = [
        AskedQuestion("?", "x", family, f"scene{clip}", "part")
        for clip in range(clips)
        for _, family in families
    ]
    types = tuple(kind for kind, _ in families) * clips
    items = tuple(map(str, range(3 * clips)))
    return QuestionSet(tuple(asked), types, items, np.repeat(np.arange(clips), 3), (0,) * clips)


RIGHT = np.tile([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]], 6)  # two seeds, six clips of three questions
NONE = np.tile([[0.0, 0.0, 1.0]], 6)


def result(**more):
    answers = {"encoder": Answers("trained", RIGHT), "text only": Answers("words", NONE)}
    return CraftResult.of(answers, questions(), {"run": "r"}, draws=100, **more)


def test_kinds_are_all_types_and_the_families_within():
    rows = rows_by_kind(questions(2))
    assert list(rows) == ["all", "Cause", "Descriptive", "color", "count"]
    assert rows["Descriptive"].tolist() == [1, 2, 4, 5]
    assert rows["color"].tolist() == [2, 5]


def test_accuracies_are_means_over_seeds():
    found = result()
    assert found.questions == {"all": 18, "Cause": 6, "Descriptive": 12, "color": 6, "count": 6}
    assert found.score("all", "encoder").interval.estimate == pytest.approx(5 / 6)
    assert found.score("count", "encoder").interval.estimate == 0.5
    assert found.score("count", "encoder").by_seed == (0.0, 1.0)
    assert found.score("Cause", "text only").interval.estimate == 0.0
    behind = found.score("all", "text only").behind
    assert behind.estimate == pytest.approx(5 / 6 - 1 / 3)
    # All clips are alike: whatever is drawn, the accuracy is the same.
    assert (behind.low, behind.high) == pytest.approx((0.5, 0.5))
    assert found.score("all", "encoder").behind is None
    with pytest.raises(KeyError):
        found.score("all", "nobody")


def test_intervals_are_over_clips_and_differences_are_paired():
    luck = np.repeat([[1.0, 0.0]], 9, axis=1)  # three clips all right, three all wrong
    answers = {"encoder": Answers("", luck), "text only": Answers("", luck)}
    found = CraftResult.of(answers, questions(), {}, draws=2000)
    own = found.score("all", "encoder").interval
    # Of 6 clips a binomial number is right: mean 1/2, 95 % between 1/6 and 5/6.
    assert (own.low, own.high) == pytest.approx((1 / 6, 5 / 6), abs=0.18)
    assert own.high - own.low > 0.5
    behind = found.score("all", "text only").behind
    assert (behind.low, behind.high) == (0.0, 0.0)


def test_majority_is_that_of_training_by_family():
    def asked(family, *answers):
        return [AskedQuestion("?", answer, family, "s", "p") for answer in answers]

    train = [*asked("cause", "True", "True", "False"), *asked("count", "2", "1")]
    test = [*asked("cause", "False", "True"), *asked("count", "1", "2"), *asked("shape", "cube")]
    # Of equally frequent ones the first in the alphabet; a family never seen has none.
    assert majority_answers(train, test).tolist() == [0.0, 1.0, 1.0, 0.0, 0.0]


def test_files_hold_what_was_found(tmp_path):
    found = result(warnings=("two words are unknown",))
    names = [str(path.relative_to(tmp_path)) for path in found.write(tmp_path)]
    assert names == ["craft.json", "craft.md", "craft.png", "scores/craft.json"]
    record = json.loads((tmp_path / "craft.json").read_text())
    assert record["scores"][0]["interval"]["estimate"] == pytest.approx(5 / 6)
    assert record["warnings"] == ["two words are unknown"]
    text = (tmp_path / "craft.md").read_text()
    assert "| all | 18 | 0.833 [0.833, 0.833] | 0.333 [0.333, 0.333] * |" in text
    assert "| encoder minus | text only |" in text
    assert "- **note**: two words are unknown" in text
    assert (tmp_path / "craft.png").read_bytes().startswith(b"\x89PNG")
    scores = ItemScores.read(tmp_path / "scores" / "craft.json")
    assert (scores.metric, scores.mean) == ("accuracy", pytest.approx(5 / 6))
    assert scores.values[:3].tolist() == [1.0, 0.5, 1.0]
    assert scores.groups[3] == "scene1"


def test_questions_about_one_clip_have_no_interval():
    answers = {"encoder": Answers("", RIGHT[:, :3])}
    with pytest.raises(ValueError, match="about at least 2 clips"):
        CraftResult.of(answers, questions(1), {})
