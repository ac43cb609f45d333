"""Rows of small pictures over time: the frame that clip figures share."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from jepakit.evals.figures.style import INK, MUTED, WIDTH

NAMES = 1.2  # inches for the names of the rows
BARS = 0.45  # inches for colour bars
LINE, LETTER = 0.17, 0.064  # inches per line and letter of the caption


def pick_columns(length: int, most: int) -> np.ndarray:
    """At most ``most`` of ``length`` positions, evenly spread, the first and last among them."""
    return np.unique(np.linspace(0, length - 1, min(length, most)).round().astype(int))


class FrameGrid:
    """Axes without ticks, a name beside each row and a title above each column.

    Args:
        rows: name of each row.
        columns: title of each column.
        aspect: height of a cell over its width.
        bars: whether rows carry colour bars.
        caption: text written below, broken into lines that fit.
    """

    def __init__(
        self,
        rows: Sequence[str],
        columns: Sequence[str],
        *,
        aspect: float = 1.0,
        bars: bool = False,
        caption: str = "",
    ) -> None:
        right = BARS if bars else 0.05
        gap = 0.05
        cell = min((WIDTH - NAMES - right - gap * len(columns)) / len(columns), 1.5)
        width = NAMES + right + len(columns) * (cell + gap)
        lines = textwrap.wrap(caption, int((width - NAMES) / LETTER))
        top, bottom = 0.24, (0.12 + LINE * len(lines) if lines else 0.04)
        tall = cell * aspect
        height = top + bottom + len(rows) * (tall + gap)
        self.figure = Figure(figsize=(width, height))
        self._unit = np.array([width, height])
        self._bar = (NAMES + len(columns) * (cell + gap) + 0.03, tall)
        self._bottoms = [height - top - (r + 1) * tall - r * gap for r in range(len(rows))]
        self.axes: list[list[Axes]] = []
        for name, low in zip(rows, self._bottoms, strict=True):
            label = textwrap.fill(name, 17)
            x, y = np.array([NAMES - 0.1, low + tall / 2]) / self._unit
            self.figure.text(x, y, label, ha="right", va="center", color=INK, fontsize=8.5)
            lefts = [NAMES + c * (cell + gap) for c in range(len(columns))]
            self.axes.append([self._cell(left, low, cell, tall) for left in lefts])
        for axes, title in zip(self.axes[0], columns, strict=True):
            axes.set_title(title, loc="center", color=MUTED, fontsize=8, fontweight="normal", pad=3)
        if lines:
            style: Any = {"va": "bottom", "linespacing": 1.35, "fontsize": 8}
            x, y = NAMES / width, 0.05 / height
            self.figure.text(x, y, "\n".join(lines), color=MUTED, **style)

    def show(self, row: int, pictures: np.ndarray) -> None:
        """Draw ``(columns, h, w, 3)`` pictures along a row."""
        for axes, picture in zip(self.axes[row], pictures, strict=True):
            axes.imshow(picture, interpolation="nearest", aspect="auto")

    def show_map(self, row: int, maps: np.ndarray, *, cmap: str, low: float, high: float) -> None:
        """Draw ``(columns, h, w)`` values along a row on one scale; NaN stays hatched."""
        image: AxesImage | None = None
        for axes, values in zip(self.axes[row], maps, strict=True):
            if np.isnan(values).any():
                axes.patch.set(
                    hatch="//////", edgecolor="#b2bac7", facecolor="#d6dbe3", linewidth=0
                )
            image = axes.imshow(
                values, cmap=cmap, vmin=low, vmax=high, interpolation="nearest", aspect="auto"
            )
        if image is not None:
            left, tall = self._bar
            place = np.array([left, self._bottoms[row] + 0.06 * tall, 0.07, 0.88 * tall])
            box = self.figure.add_axes(tuple(place / np.tile(self._unit, 2)))
            bar = self.figure.colorbar(image, cax=box)
            bar.outline.set_visible(False)
            bar.set_ticks([low, high], labels=[f"{low:.3g}", f"{high:.3g}"], fontsize=7)
            box.tick_params(length=0, pad=2)

    def _cell(self, left: float, low: float, wide: float, tall: float) -> Axes:
        place = np.array([left, low, wide, tall]) / np.tile(self._unit, 2)
        axes = self.figure.add_axes(tuple(place))
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set(visible=True, linewidth=0.6)
        return axes
