"""``KEY.json``: what is known of a clip besides its arrays.

Fields: ``schema``, ``key``, ``source``, ``licence``, ``fps`` (Hz), ``times`` (s, one per frame),
``size`` (frames, rows, columns), ``objects`` (one entry per id, ascending from 1: ``id``, ``kind``,
``area`` by frame as a share of the picture, and free details), ``labels`` (name to number, null
where undefined), ``counterfactuals`` (ids), and free ``details`` (names and units of states and
actions, the seeds that made the clip, where masks came from).
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from jepakit.data.schema import KEY, MAX_OBJECTS, SCHEMA, ClipFormat

MAX_BYTES = 1 << 20
_TYPES: dict[str, type | tuple[type, ...]] = {
    "schema": int,
    "key": str,
    "source": str,
    "licence": str,
    "fps": (int, float),
    "times": list,
    "size": list,
    "objects": list,
    "labels": dict,
    "counterfactuals": list,
    "details": dict,
}


def build_meta(
    key: str,
    form: ClipFormat,
    *,
    source: str,
    licence: str,
    fps: float,
    start: float = 0.0,
    objects: list[dict[str, Any]],
    labels: dict[str, float] | None = None,
    counterfactuals: list[int] | None = None,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The metadata of a clip whose frames are ``1 / fps`` seconds apart, the first at ``start``."""
    return {
        "schema": SCHEMA,
        "key": key,
        "source": source,
        "licence": licence,
        "fps": fps,
        "times": [start + frame / fps for frame in range(form.frames)],
        "size": list(form.shape),
        "objects": objects,
        "labels": labels or {},
        "counterfactuals": counterfactuals or [],
        "details": details or {},
    }


def encode_meta(meta: dict[str, Any], key: str, form: ClipFormat) -> bytes:
    """Compact JSON with sorted names; labels that are NaN become null.

    Raises:
        ValueError: see :func:`check_meta`; or more than ``MAX_BYTES``, which nobody could read.
    """
    labels = {n: None if v is None or math.isnan(v) else v for n, v in meta["labels"].items()}
    meta = {**meta, "labels": labels}
    check_meta(meta, key, form)
    text = json.dumps(meta, sort_keys=True, separators=(",", ":"), allow_nan=False)
    if len(text) > MAX_BYTES:  # of ASCII
        raise ValueError(f"Metadata of {len(text)} bytes; at most {MAX_BYTES} are read.")
    return text.encode()


def decode_meta(data: bytes, key: str, form: ClipFormat) -> dict[str, Any]:
    """Undo :func:`encode_meta`; undefined labels become NaN.

    Raises:
        ValueError: not such JSON, or see :func:`check_meta`.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"Metadata of {len(data)} bytes; at most {MAX_BYTES} are read.")
    try:
        meta = json.loads(data, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("Metadata nested too deeply.") from error
    check_meta(meta, key, form)
    meta["labels"] = {n: math.nan if v is None else float(v) for n, v in meta["labels"].items()}
    return meta


def check_meta(meta: Any, key: str, form: ClipFormat) -> None:
    """Refuse metadata that does not fit the sample's name, the data set or schema version 1.

    Raises:
        ValueError: naming the field, what was expected and what came.
    """
    if not KEY.fullmatch(key):
        raise ValueError(f"Key {key!r} must be 1 to 80 of a-z, 0-9, '_' and '-'.")
    if not isinstance(meta, dict) or set(meta) != set(_TYPES):
        came = sorted(meta) if isinstance(meta, dict) else type(meta).__name__
        raise ValueError(f"Metadata must have exactly the fields {sorted(_TYPES)}, came {came}.")
    for name, kind in _TYPES.items():
        if not isinstance(meta[name], kind) or isinstance(meta[name], bool):
            raise ValueError(f"Field '{name}' has the wrong type: {meta[name]!r}.")
    for name, expected in (("schema", SCHEMA), ("key", key), ("size", list(form.shape))):
        if meta[name] != expected:
            raise ValueError(f"Field '{name}' should be {expected!r}, came {meta[name]!r}.")
    if len(meta["times"]) != form.frames:
        raise ValueError(f"{form.frames} frame times expected, came {len(meta['times'])}.")
    _check_objects(meta["objects"], meta["counterfactuals"])
    for name, value in meta["labels"].items():
        if value is not None and (type(value) not in (int, float) or not math.isfinite(value)):
            raise ValueError(f"Label '{name}' must be a finite number or null, came {value!r}.")


def _check_objects(objects: list[Any], counterfactuals: list[Any]) -> None:
    ids = [entry.get("id") if isinstance(entry, dict) else None for entry in objects]
    if ids != list(range(1, len(ids) + 1)) or len(ids) > MAX_OBJECTS:
        raise ValueError(
            f"Object ids must be 1, 2, ... in order and at most {MAX_OBJECTS}, came {ids[:300]}."
        )
    wrong = [i for i in counterfactuals if type(i) is not int or i not in ids]
    if wrong or len(set(counterfactuals)) != len(counterfactuals):
        raise ValueError(
            f"Counterfactuals {counterfactuals} must be different ids of the {len(ids)} objects."
        )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON; undefined labels are null.")
