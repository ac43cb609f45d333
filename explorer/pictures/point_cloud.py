"""Tokens as points in two, three or seven dimensions, slice after slice: figures of Plotly."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int, UInt8

from explorer.extra import extra_module
from explorer.pictures.cloud_layout import cloud_layout
from explorer.reductions.colours import colour_range, to_rgb

PlotlyFigure = Any
"""A ``plotly.graph_objects.Figure``."""

Grid = tuple[int, int, int]

LIMIT = 12_000  # points that a browser turns smoothly
FAINTEST = 0.15  # opacity of the least seventh component
HOVER = "slice %{customdata[0]}, row %{customdata[1]}, column %{customdata[2]}<extra></extra>"
CONFIG = {"displaylogo": False, "responsive": True, "scrollZoom": True}


def point_cloud(
    points: Float[np.ndarray, "n k"],
    colours: UInt8[np.ndarray, "_ 3"],
    grid: Grid,
    *,
    dimensions: Literal[2, 3] = 3,
    animated: bool = True,
    play: bool = True,
    limit: int = LIMIT,
    axis: str = "component",
) -> PlotlyFigure:
    """Tokens as coloured points, with a slider over time slices.

    Args:
        points: components of every token, time-major; the first two or three are shown.
        colours: of every token.
        grid: time slices, rows and columns.
        dimensions: of the plot.
        animated: whether there is a slider that shows one slice at a time.
        play: whether there are buttons that run through the slices. They need the frames of a
            figure, which :func:`figure_html` keeps and Gradio's plot leaves out; without them the
            slider works in both.
        limit: points at most, see :func:`shown_tokens`.
        axis: what axes are called; a number follows.

    Raises:
        MissingExtra: Plotly is not installed.
        ValueError: too few components, another number of tokens than the grid has, or fewer points
            than slices.
    """
    css = np.array([f"rgb({red},{green},{blue})" for red, green, blue in colours.tolist()])
    return _cloud(
        points, css, grid, dimensions, animated=animated, play=play, limit=limit, axis=axis
    )


def seven_d(
    points: Float[np.ndarray, "n k"],
    grid: Grid,
    *,
    robust: bool = True,
    animated: bool = True,
    play: bool = True,
    limit: int = LIMIT,
    axis: str = "component",
) -> PlotlyFigure:
    """Seven components at once: three of place, three of colour, one of opacity.

    Arguments and errors are those of :func:`point_cloud`; the fourth to sixth component are red,
    green and blue and the seventh is the opacity, on the range of the whole clip
    (:func:`explorer.reductions.colour_range`).
    """
    if points.shape[1] < 7:
        raise ValueError(f"The 7-D view needs 7 components, came {points.shape[1]}.")
    rgb = to_rgb(points, robust=robust, channels=(3, 4, 5))
    seventh = points[:, 6:7]
    opacity = FAINTEST + (1 - FAINTEST) * colour_range(seventh, robust=robust).scaled(seventh)
    css = np.array(
        [_faded(*pair) for pair in zip(rgb.tolist(), opacity[:, 0].tolist(), strict=True)]
    )
    return _cloud(points, css, grid, 3, animated=animated, play=play, limit=limit, axis=axis)


def shown_tokens(grid: Grid, *, limit: int = LIMIT) -> Int[np.ndarray, " m"]:
    """Numbers of the tokens that a cloud shows: all, or the same places of every slice.

    Places are drawn once, always the same: points of one place can be followed over time.

    Raises:
        ValueError: fewer points than slices.
    """
    slices, rows, columns = grid
    each = min(rows * columns, limit // slices)
    if each < 1:
        raise ValueError(f"{slices} slices need at least as many points, limit is {limit}.")
    drawn = np.random.default_rng(0).permutation(rows * columns)[:each]
    return (np.arange(slices)[:, None] * rows * columns + np.sort(drawn)).reshape(-1)


def figure_html(figure: PlotlyFigure, *, name: str | None = None) -> str:
    """The figure as part of a page that holds :func:`plotly_js` once; it loads nothing.

    Args:
        figure: of Plotly.
        name: id of the element, by default one that its content gives: say it where a page shows
            the same figure twice.
    """
    digest = hashlib.sha256(figure.to_json().encode()).hexdigest()[:12]
    return figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        include_mathjax=False,
        auto_play=False,
        config=CONFIG,
        div_id=name or f"cloud-{digest}",
        default_width="100%",
    )


def plotly_js() -> str:
    """The program of Plotly that figures need, to stand inside a ``<script>`` of the page."""
    return extra_module("plotly.offline").get_plotlyjs()


def _cloud(
    points: Float[np.ndarray, "n k"],
    css: np.ndarray,
    grid: Grid,
    dimensions: int,
    *,
    animated: bool,
    play: bool,
    limit: int,
    axis: str,
) -> PlotlyFigure:
    if points.shape[1] < dimensions or len(points) != np.prod(grid) or len(css) != len(points):
        raise ValueError(
            f"A cloud of {grid} tokens in {dimensions} dimensions needs {np.prod(grid)} points and "
            f"colours and as many components, came {points.shape} and {len(css)} colours."
        )
    objects = extra_module("plotly.graph_objects")
    parts = shown_tokens(grid, limit=limit).reshape(grid[0], -1)
    traces = [_trace(objects, points[part], css[part], part, grid, dimensions) for part in parts]
    layout = cloud_layout(
        points[:, :dimensions], grid[0], animated=animated, play=play and animated, axis=axis
    )
    frames = _frames(objects, grid[0], dimensions) if play and animated else []
    return objects.Figure(traces, layout, frames)


def _trace(
    objects: Any,
    points: Float[np.ndarray, "m k"],
    css: np.ndarray,
    tokens: Int[np.ndarray, " m"],
    grid: Grid,
    dimensions: int,
) -> Any:
    """One time slice: its own trace, so that a slider only has to hide the others."""
    kind = objects.Scattergl if dimensions == 2 else objects.Scatter3d
    names: Sequence[str] = "xyz"[:dimensions]
    places = dict(zip(names, points[:, :dimensions].T.astype(np.float32), strict=True))
    marker = {"color": css.tolist(), "size": 5 if dimensions == 2 else 3, "line": {"width": 0}}
    place = np.stack(np.unravel_index(tokens, grid), axis=1).astype(np.int16)
    return kind(mode="markers", marker=marker, customdata=place, hovertemplate=HOVER, **places)


def _faded(rgb: Sequence[int], opacity: float) -> str:
    """A colour with opacity, for a 3-D scatter.

    Opacity per point is no option of it, so that it goes into the colour; and what is drawn is
    ``colour + (1 - opacity) * behind``: without the factor here, faint points turn white.
    """
    alpha = round(opacity, 2)
    red, green, blue = (round(channel * alpha) for channel in rgb)
    return f"rgba({red},{green},{blue},{alpha:.2f})"


def _frames(objects: Any, slices: int, dimensions: int) -> list[Any]:
    """All slices, then each by itself: only what shows changes, no point is stored twice."""
    kind = objects.Scattergl if dimensions == 2 else objects.Scatter3d
    names = ["all", *map(str, range(slices))]
    return [
        objects.Frame(
            name=name,
            data=[kind(visible=name in ("all", str(number))) for number in range(slices)],
            traces=list(range(slices)),
        )
        for name in names
    ]
