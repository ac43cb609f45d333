"""How planning went: success over steps, imagined beside real futures, and energy landscapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jepakit.counted import counted
from jepakit.evals.figures.frame_grid import FrameGrid, pick_columns
from jepakit.evals.figures.overlays import enlarge
from jepakit.evals.figures.style import INK, PALETTE, WIDTH, new_figure, styled
from jepakit.planning_pictures import Imagined, Landscape

Shares = tuple[
    Float[np.ndarray, " k"],
    Float[np.ndarray, " k"],
    Float[np.ndarray, " k"],
]
"""A share after 0, 1, ... steps, and its lower and upper bound."""

GAP_LIMIT = 9  # columns of pictures beside the goal


@styled
def success_curves(agents: Mapping[str, Shares]) -> Figure:
    """Share of the tasks solved within so many steps, one curve and band per agent.

    Raises:
        ValueError: there is no agent.
    """
    if not agents:
        raise ValueError("No agents to draw.")
    figure = new_figure(WIDTH, 2.9)
    axes = figure.subplots()
    for colour, (name, curves) in zip(cycle(PALETTE), agents.items(), strict=False):
        # One step more, or the value of the last one would have no width.
        share, low, high = (np.append(curve, curve[-1]) for curve in curves)
        steps = np.arange(len(share))
        axes.fill_between(
            steps, 100 * low, 100 * high, step="post", color=colour, alpha=0.1, linewidth=0
        )
        axes.step(steps, 100 * share, where="post", color=colour, label=name)
    axes.set(xlabel="steps of control", ylabel="tasks solved (%)", ylim=(0, 100))
    axes.set_xlim(0, max(len(share) for share, _, _ in agents.values()) - 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    figure.legend(loc="outside upper left", ncols=4)
    return figure


@styled
def imagined_strip(imagined: Imagined) -> Figure:
    """What a plan leads to, above the real frames nearest to what the model expects; then the goal.

    Cells stay empty once the real episode is over.
    """
    steps = len(imagined.imagined_distance)
    picked = pick_columns(steps, GAP_LIMIT)
    names = ["start" if step == 0 else f"step {step}" for step in picked]
    rows = ["plan in the real environment"]
    rows += [] if imagined.nearest is None else ["nearest to what is imagined"]
    aspect = imagined.goal.shape[0] / imagined.goal.shape[1]
    grid = FrameGrid(rows, [*names, "goal"], aspect=aspect)
    goal = enlarge(imagined.goal[None])
    real = [step for step in picked if step < len(imagined.real)]
    _fill_row(grid.axes[0], enlarge(imagined.real)[real])
    grid.axes[0][-1].set_visible(True)
    grid.axes[0][-1].imshow(goal[0], interpolation="nearest", aspect="auto")
    if imagined.nearest is not None:
        _fill_row(grid.axes[1], enlarge(imagined.nearest)[picked])
    return grid.figure


@styled
def distance_curves(plans: Sequence[Imagined], *, kind: str) -> Figure:
    """Distance of real and of imagined latents to those of the goal, a panel per plan.

    Args:
        plans: first plans of some episodes.
        kind: of distance, for the axis.

    Raises:
        ValueError: there is none.
    """
    if not plans:
        raise ValueError("No plans to draw.")
    figure = new_figure(WIDTH, 2.5)
    panels = figure.subplots(1, max(2, len(plans)), sharey=True, squeeze=False)[0]
    for axes, plan in zip(panels, plans, strict=False):
        for colour, marker, name, values in (
            (PALETTE[0], "o", "imagined", plan.imagined_distance),
            (PALETTE[1], "s", "real", plan.real_distance),
        ):
            axes.plot(values, color=colour, marker=marker, markersize=4, label=name)
        axes.set_title(plan.task)
        axes.set_xlabel("steps of the plan")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    for axes in panels[len(plans) :]:
        axes.set_visible(False)
    panels[0].set_ylabel(f"{kind}\nto the goal's latents")
    panels[0].set_ylim(bottom=0)
    panels[0].legend()
    return figure


@styled
def energy_landscape(landscapes: Sequence[Landscape]) -> Figure:
    """Start, then for each landscape its goal and the imagined distance of every constant action.

    The star is the action that was done, the cross the lowest point.

    Raises:
        ValueError: there is no landscape.
    """
    if not landscapes:
        raise ValueError("No landscapes to draw.")
    figure = new_figure(WIDTH, 2.75 * len(landscapes) + 0.25)
    grid = figure.subplots(len(landscapes), 3, squeeze=False, width_ratios=[1, 1, 1.55])
    for (left, middle, right), landscape in zip(grid, landscapes, strict=True):
        _picture(left, landscape.start, "start")
        times = counted(landscape.steps, "step")
        _picture(middle, landscape.goal, f"goal, {times} later")
        _surface(figure, right, landscape)
    handles, names = grid[0, 2].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=2)
    return figure


def _fill_row(row: Sequence[Axes], pictures: np.ndarray) -> None:
    """Pictures from the left; what is left of the row is hidden."""
    for axes, picture in zip(row, pictures, strict=False):
        axes.imshow(picture, interpolation="nearest", aspect="auto")
    for axes in row[len(pictures) :]:
        axes.set_visible(False)


def _picture(axes: Axes, picture: np.ndarray, title: str) -> None:
    axes.imshow(enlarge(picture[None])[0], interpolation="nearest")
    axes.set_title(title)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)


def _surface(figure: Figure, axes: Axes, landscape: Landscape) -> None:
    x, y = landscape.columns, landscape.rows
    half = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
    extent = (x[0] - half[0], x[-1] + half[0], y[0] - half[1], y[-1] + half[1])
    image = axes.imshow(landscape.distance, origin="lower", extent=extent, cmap="viridis_r")
    axes.set_aspect("auto")
    mark: Any = {"linestyle": "none", "markeredgecolor": "#000000", "clip_on": False}
    star: Any = {"marker": "*", "markersize": 13, "markerfacecolor": PALETTE[3], **mark}
    cross: Any = {"marker": "X", "markersize": 8, "markerfacecolor": PALETTE[1], **mark}
    axes.plot(*landscape.action, label="action that was done", **star)
    axes.plot(*landscape.lowest, label="lowest imagined distance", **cross)
    axes.set(xlabel=landscape.names[0], ylabel=landscape.names[1])
    axes.set_title("imagined distance to the goal", color=INK)
    axes.grid(visible=False)
    bar = figure.colorbar(image, ax=axes)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
