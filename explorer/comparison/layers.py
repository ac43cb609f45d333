"""CKA between every layer of one model and every layer of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from explorer.comparison.cka import CentredTokens, centred_chance, centred_cka
from explorer.comparison.common_grid import common_grid, on_grid, require_same_clip
from explorer.latents import Latents
from jepakit.evals.figures.style import MUTED, new_figure, styled


@dataclass(frozen=True)
class LayerCka:
    """CKA by layer.

    Attributes:
        values: rows are layers of the first model, columns of the second.
        chance: mean over all pairings of tokens, see :func:`~explorer.comparison.cka.chance_cka`.
        rows: sites of the first model.
        columns: sites of the second.
        names: of both models.
    """

    values: Float[np.ndarray, "l m"]
    chance: Float[np.ndarray, "l m"]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    names: tuple[str, str]


@dataclass(frozen=True)
class Cka:
    """CKA of two layers.

    Attributes:
        value: see :func:`~explorer.comparison.cka.linear_cka`.
        chance: of unrelated pairings, see :func:`~explorer.comparison.cka.chance_cka`.
    """

    value: float
    chance: float


def latents_cka(first: Latents, second: Latents) -> Cka:
    """CKA of one layer of each model on one clip.

    Raises:
        ValueError: other clips, or as :func:`~explorer.comparison.cka.linear_cka`.
    """
    matrix = cka_by_layer([first], [second])
    return Cka(float(matrix.values[0, 0]), float(matrix.chance[0, 0]))


def cka_by_layer(
    first: Sequence[Latents], second: Sequence[Latents], *, most: int | None = None
) -> LayerCka:
    """CKA of all pairs of layers on one clip.

    Args:
        first: layers of one model.
        second: layers of the other, or of the same.
        most: take at most that many tokens, evenly spread; all by default. Of 12,672 tokens 768
            wide a pair takes seconds.

    Raises:
        ValueError: no layers, other clips, layers of one model on different grids, or as
            :func:`~explorer.comparison.cka.linear_cka`.
    """
    sides = [list(first), list(second)]
    if not all(sides) or any(len({x.grid for x in side}) > 1 for side in sides):
        raise ValueError(
            "CKA by layer needs layers of one grid for each model, came grids "
            f"{[[x.grid for x in side] for side in sides]}."
        )
    for latents in (*sides[0], *sides[1]):
        require_same_clip(sides[0][0], latents)
    grid = common_grid(sides[0][0], sides[1][0])
    tokens = grid[0] * grid[1] * grid[2]
    kept = np.linspace(0, tokens - 1, min(most or tokens, tokens)).round().astype(int)
    rows, columns = (
        [CentredTokens.of(on_grid(x.values, grid)[kept]) for x in side] for side in sides
    )
    return LayerCka(
        values=np.array([[centred_cka(x, y) for y in columns] for x in rows]),
        chance=np.array([[centred_chance(x, y) for y in columns] for x in rows]),
        rows=tuple(x.site for x in first),
        columns=tuple(x.site for x in second),
        names=(first[0].model, second[0].model),
    )


@styled
def layer_figure(matrix: LayerCka) -> Figure:
    """The matrix as a picture, 0 to 1, with its numbers where they fit."""
    rows, columns = matrix.values.shape
    figure = new_figure(2.4 + 0.42 * columns, 1.2 + 0.36 * rows)
    axes = figure.subplots()
    image = axes.imshow(matrix.values, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    axes.grid(visible=False)
    axes.set_xticks(range(columns), matrix.columns, rotation=60, ha="right")
    axes.set_yticks(range(rows), matrix.rows)
    axes.set_xlabel(matrix.names[1] or "second model")
    axes.set_ylabel(matrix.names[0] or "first model")
    axes.set_title("linear CKA")
    for (row, column), value in np.ndenumerate(matrix.values):
        ink = "#ffffff" if value < 0.6 else "#000000"
        text = f"{value:.2f}".lstrip("0")
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=7)
    bar = figure.colorbar(image, ax=axes, fraction=0.05)
    bar.outline.set_visible(False)
    bar.set_label(f"unrelated pairings: {matrix.chance.mean():.2f} on average", color=MUTED)
    return figure
