"""A study as JSON and back, number by number."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jepakit.evals.states.effects.portability import Portability
from jepakit.evals.states.result import EffectRow, PortableRow, SparseLayer, StudyResult
from jepakit.evals.statistics import Interval
from jepakit.evals.strict_json import plain
from jepakit.interp.alignment import RetainedEffect

FORMAT = "jepakit.states/1"


def study_content(result: StudyResult) -> dict[str, Any]:
    """Everything as nested plain values, with None for NaN and for bounds that are infinite."""
    content = plain(dataclasses.asdict(result))
    content["steering"] = {
        name: [{"alpha": alpha, **plain(dataclasses.asdict(one))} for alpha, one in swept.items()]
        for name, swept in result.steering.items()
    }
    return dict(content)


def study_from(content: Mapping[str, Any]) -> StudyResult:
    """The study of :func:`study_content`."""
    c = dict(content)
    c["layers"], c["chosen"], c["caveats"] = (
        tuple(c[name]) for name in ("layers", "chosen", "caveats")
    )
    c["null"] = tuple(c["null"])
    c["accuracy"] = np.array(
        [[math.nan if v is None else v for v in row] for row in c["accuracy"]], dtype=np.float64
    )
    c["rows"] = tuple(EffectRow(**row | {"effect": _interval(row["effect"])}) for row in c["rows"])
    c["sparse"] = tuple(SparseLayer(**one) for one in c["sparse"])
    c["success"] = {name: Interval(**one) for name, one in c["success"].items()}
    c["steering"] = {
        name: {one["alpha"]: _interval(_without(one, "alpha")) for one in swept}
        for name, swept in c["steering"].items()
    }
    c["portable"] = tuple(
        PortableRow(row["method"], row["layer"], _portability(row["found"]))
        for row in c["portable"]
    )
    return StudyResult(**c)


def read_study(path: Path) -> StudyResult:
    """The study of a ``states.json``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is another kind of file.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is no study of state variables: 'format' is not {FORMAT!r}.")
    return study_from(content["study"])


def _interval(content: Mapping[str, Any] | None) -> Interval | None:
    return None if content is None else Interval(**content)


def _portability(content: Mapping[str, Any]) -> Portability:
    arrays = {
        name: np.array(content[name], dtype=np.float64)
        for name in ("alignment", "energy_weighted", "spectrum")
    }
    kept = dict(content["retained"])
    if kept["interval"] is not None:
        low, high = kept["interval"]
        kept["interval"] = (-math.inf if low is None else low, math.inf if high is None else high)
    low, high = content["ceiling"]
    return Portability(
        **{**content, **arrays, "ceiling": (low, high), "retained": RetainedEffect(**kept)}
    )


def _without(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}
