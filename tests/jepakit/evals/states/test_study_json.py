"""Studies as JSON: strict, complete, and back."""

import dataclasses
import json
import math

import numpy as np
import pytest
from synthetic_study import study

from jepakit.evals.states.result import PortableRow
from jepakit.evals.states.study_json import (
    FORMAT,
    read_study,
    study_content,
    study_from,
)
from jepakit.evals.strict_json import write_json
from jepakit.interp.alignment import RetainedEffect


def same(a, b):
    if dataclasses.is_dataclass(a):
        names = [field.name for field in dataclasses.fields(a)]
        return type(a) is type(b) and all(same(getattr(a, n), getattr(b, n)) for n in names)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b, equal_nan=True)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def strict(text):
    def refuse(name):
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("lean", [True, False])
def test_round_trip(lean, tmp_path):
    result = study(lean=lean)
    path = write_json({"format": FORMAT, "study": study_content(result)}, tmp_path / "states.json")
    strict(path.read_text())
    assert same(read_study(path), result)


def test_what_is_not_finite_becomes_null_and_comes_back():
    result = study()
    accuracy = result.accuracy.copy()
    accuracy[3, 1] = math.nan
    found = dataclasses.replace(
        result.portable[0].found, retained=RetainedEffect(2.0, None, (0.5, math.inf), None)
    )
    odd = dataclasses.replace(
        result, accuracy=accuracy, portable=(PortableRow("pca", "blocks.07.out", found),)
    )
    content = strict(json.dumps(study_content(odd), allow_nan=False))
    assert content["accuracy"][3][1] is None
    assert content["portable"][0]["found"]["retained"]["interval"] == [0.5, None]
    assert same(study_from(content), odd)


def test_alphas_are_numbers():
    content = study_content(study())
    assert [one["alpha"] for one in content["steering"]["causal"]] == [-2, -1, -0.5, 0, 0.5, 1, 2]


def test_other_files_are_refused(tmp_path):
    path = write_json({"format": "jepakit.table/1"}, tmp_path / "table.json")
    with pytest.raises(ValueError, match="no study of state variables"):
        read_study(path)
