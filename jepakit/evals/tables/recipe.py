"""What a row's training consists of: the command, and a fingerprint of all that decides it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jepakit.evals.tables.definition import Row, read_mapping
from jepakit.evals.tables.scale import PLACE, Scale

SILENT = ("checkpoints", "progress", "throughput")
"""Groups of options that no result depends on."""


@dataclass(frozen=True)
class Recipe:
    """Configurations and options of one row at one scale.

    Attributes:
        configs: files, each laid over those before it.
        options: by dotted name, after all files; data sets are still ``{NAME}``.
        content: files and options laid over each other, to tell equal recipes; without what no
            result depends on.
    """

    configs: tuple[str, ...]
    options: Mapping[str, Any]
    content: Mapping[str, Any]

    @classmethod
    def of(cls, row: Row, scale: Scale, root: Path) -> Recipe:
        """The recipe of a row.

        Args:
            row: of the table.
            scale: whose configurations it is laid over.
            root: folder that the files are named from.

        Raises:
            ValueError: a file that is not there, or a value that the scale does not have.
        """
        configs = (*scale.configs, *row.configs)
        own = {name: _valued(value, row, scale) for name, value in row.options.items()}
        options = {**scale.options, **own}
        content: dict[str, Any] = {}
        for path in configs:
            content = laid_over(content, read_mapping(root / path))
        for name, value in options.items():
            content = laid_over(content, nested(name, value))
        decisive = {name: value for name, value in content.items() if name not in SILENT}
        return cls(configs, options, decisive)

    def arguments(self, scale: Scale) -> list[str]:
        """Of train.py, without seed and run folder."""
        words = [word for path in self.configs for word in ("--config", path)]
        for name, value in self.options.items():
            text = scale.fill(value) if isinstance(value, str) else json.dumps(value)
            words.append(f"--{name}={text}")
        return words

    def texts(self) -> str:
        """Everything that may name a data set."""
        return json.dumps(self.content)


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings in which the second one's values win."""
    result = dict(below)
    for name, value in above.items():
        old = result.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = laid_over(old, value)
        result[name] = value
    return result


def nested(name: str, value: Any) -> dict[str, Any]:
    """``a.b`` and a value as ``{"a": {"b": value}}``."""
    for part in reversed(name.split(".")):
        value = {part: value}
    return value


def digest(*parts: Any) -> str:
    """Hexadecimal hash of JSON values."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _valued(value: Any, row: Row, scale: Scale) -> Any:
    """A value of the scale in place of a text that is ``{NAME}`` and names one."""
    match = PLACE.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[1] in scale.places():
        return value
    if match[1] not in scale.values:
        raise ValueError(
            f"Row '{row.identity}' takes {value} from the scale, and '{scale.name}' has only "
            f"{sorted(scale.values)}."
        )
    return scale.values[match[1]]
