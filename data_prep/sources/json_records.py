"""JSON of foreign data sets: what is missing or wrong in it is named with its file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def read_json(path: Path) -> Any:
    """The value in a file.

    Raises:
        ValueError: there is no such file, or no JSON in it.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ValueError(f"{path}: there is no such file.") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON ({error}).") from error


def field_of(record: Any, name: str, kind: type[T], where: str) -> T:
    """A field of an object; ``where`` is its file and place.

    Raises:
        ValueError: the record is no object, or the field is missing or of another type.
    """
    if not isinstance(record, Mapping):
        raise ValueError(f"{where}: an object expected, came {record!r:.80}.")
    if name not in record:
        raise ValueError(f"{where}: no field '{name}', only {sorted(record)[:20]}.")
    value = record[name]
    # bool is an int, and an int is written where a float is whole.
    whole = kind is float and type(value) is int
    if not (isinstance(value, kind) or whole) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{where}: field '{name}' should be {kind.__name__}, came {value!r:.80}.")
    return value


def numbers_of(record: Any, name: str, count: int, where: str) -> list[float]:
    """A field that is a list of so many finite numbers.

    Raises:
        ValueError: see :func:`field_of`; or other values, or another count.
    """
    values = field_of(record, name, list, where)
    good = [type(value) in (int, float) and math.isfinite(value) for value in values]
    if len(values) != count or not all(good):
        raise ValueError(
            f"{where}: field '{name}' should be {count} finite numbers, came {values!r:.80}."
        )
    return [float(value) for value in values]
