"""Pooled activations of labelled clips, layer by layer: where every analysis of states starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Activations:
    """One row per clip and layer.

    Attributes:
        model: what they come from, as reports call it.
        values: the layers in the network's order, by name, each ``(n, d)``; may be memory maps.
        labels: class of each clip, ``0 .. C - 1``, every class present.
        groups: the source of each clip: clips of one group are never on both sides of a split.
        classes: names of the classes.
    """

    model: str
    values: Mapping[str, Float[np.ndarray, "rows _"]]
    labels: Int[np.ndarray, " n"]
    groups: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what no analysis could use.

        Raises:
            ValueError: no layers, lengths that differ, one class, or a class without clips.
        """
        n = len(self.labels)
        if not self.values:
            raise ValueError("Activations need at least one layer.")
        lengths = {name: len(rows) for name, rows in self.values.items()} | {
            "group": len(self.groups)
        }
        odd = {name: length for name, length in lengths.items() if length != n}
        if odd:
            raise ValueError(f"There are {n} labels, and rows of another number: {odd}.")
        if len(self.classes) < 2:
            raise ValueError(f"At least 2 classes are needed, came {list(self.classes)}.")
        counts = np.bincount(self.labels, minlength=len(self.classes))
        if len(counts) > len(self.classes) or not counts.all():
            named = dict(zip(self.classes, counts.tolist(), strict=False))
            raise ValueError(f"Every class needs clips, and only named classes; came {named}.")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in the network's order."""
        return tuple(self.values)

    def at(self, layer: str) -> Float[np.ndarray, "n d"]:
        """The rows of one layer in float64.

        Raises:
            ValueError: no such layer, or activations that do not vary or are not finite.
        """
        if layer not in self.values:
            raise ValueError(f"There is no layer {layer!r}; there are: {', '.join(self.layers)}.")
        rows = np.asarray(self.values[layer], dtype=np.float64)
        if not np.isfinite(rows).all():
            raise ValueError(f"Activations of {layer} are not finite for some clips.")
        if (rows == rows[0]).all():
            raise ValueError(
                f"Activations of {layer} are the same for all clips: nothing to probe."
            )
        return rows

    def relabelled(self, labels: Int[np.ndarray, " n"]) -> Activations:
        """The same activations with other labels (permuted ones, say)."""
        return replace(self, labels=labels)
