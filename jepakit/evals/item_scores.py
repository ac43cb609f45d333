"""What an evaluation says of every test item, so that models are compared on the same items."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

FORMAT = "jepakit.item_scores/1"


@dataclass(frozen=True)
class ItemScores:
    """One number per test item; the metric is their mean.

    Attributes:
        metric: its name, such as ``accuracy``, ``auccess`` or ``mse``.
        higher_is_better: whether a larger mean is a better one.
        items: what each number is about; unique.
        groups: what is resampled together (the scene, the task), one per item.
        values: a number per item; finite.

    Raises:
        ValueError: no items, doubles, lengths that differ, or a value that is not finite.
    """

    metric: str
    higher_is_better: bool
    items: tuple[str, ...]
    groups: tuple[str, ...]
    values: Float[np.ndarray, " n"]

    def __post_init__(self) -> None:
        if not self.items or len(set(self.items)) < len(self.items):
            raise ValueError(
                f"{self.metric}: every item must be there once, and there must be one."
            )
        if not len(self.items) == len(self.groups) == len(self.values):
            raise ValueError(
                f"{self.metric}: {len(self.items)} items, {len(self.groups)} groups and "
                f"{len(self.values)} values do not fit each other."
            )
        if not np.isfinite(self.values).all():
            lost = [name for name, x in zip(self.items, self.values, strict=True) if x - x != 0]
            raise ValueError(f"{self.metric} is not finite for {lost[:5]} ({len(lost)} items).")

    @property
    def mean(self) -> float:
        """The metric."""
        return float(self.values.mean())

    def write(self, path: Path) -> Path:
        """Keep them as JSON."""
        fields = {
            "format": FORMAT,
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "mean": self.mean,
            "items": self.items,
            "groups": self.groups,
            "values": self.values.tolist(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(fields) + "\n", encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> ItemScores:
        """What :meth:`write` kept.

        Raises:
            ValueError: another kind of file.
        """
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if fields.get("format") != FORMAT:
            raise ValueError(f"{path}: expected {FORMAT}, came {fields.get('format')!r}.")
        return cls.of(
            fields["metric"],
            fields["items"],
            fields["groups"],
            fields["values"],
            higher_is_better=fields["higher_is_better"],
        )

    @classmethod
    def of(
        cls,
        metric: str,
        items: Sequence[str],
        groups: Sequence[str],
        values: Sequence[float] | np.ndarray,
        *,
        higher_is_better: bool = True,
    ) -> ItemScores:
        """From any sequences."""
        numbers = np.asarray(values, dtype=np.float64)
        return cls(metric, higher_is_better, tuple(items), tuple(groups), numbers)
