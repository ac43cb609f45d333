"""Scores of items: kept as they are, and refused where they could not be compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from jepakit.evals.item_scores import ItemScores


def test_what_is_written_is_read(tmp_path: Path) -> None:
    scores = ItemScores.of("mse", ["a", "b"], ["x", "x"], [1.0, 4.0], higher_is_better=False)
    again = ItemScores.read(scores.write(tmp_path / "scores" / "one.json"))
    assert again.mean == 2.5
    assert (again.metric, again.higher_is_better) == ("mse", False)
    assert (again.items, again.groups) == (("a", "b"), ("x", "x"))
    assert again.values.tolist() == [1.0, 4.0]


@pytest.mark.parametrize(
    ("items", "groups", "values", "words"),
    [
        ([], [], [], "there must be one"),
        (["a", "a"], ["x", "y"], [1.0, 2.0], "every item must be there once"),
        (["a", "b"], ["x"], [1.0, 2.0], "2 items, 1 groups and 2 values"),
        (["a", "b"], ["x", "y"], [1.0, float("nan")], r"not finite for \['b'\]"),
    ],
    ids=["none", "double", "lengths", "nan"],
)
def test_what_could_not_be_compared_is_refused(
    items: list[str], groups: list[str], values: list[float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        ItemScores.of("accuracy", items, groups, values)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"expected jepakit.item_scores/1, came None"):
        ItemScores.read(path)
