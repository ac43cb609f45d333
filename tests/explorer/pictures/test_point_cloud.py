"""Clouds of tokens: every slice is there, points are where and what they say, time is a slider."""

import json
import re
import sys

import numpy as np
import pytest

from explorer.extra import MissingExtra
from explorer.pictures import figure_html, plotly_js, point_cloud, seven_d, shown_tokens
from explorer.pictures.cloud_layout import cloud_layout
from explorer.reductions import to_rgb

GRID = (4, 3, 5)
COUNT = 60

pytest.importorskip("plotly", reason="pip install 'jepakit[explorer]'")


def points(components=7, count=COUNT, seed=0):
    return np.random.default_rng(seed).normal(size=(count, components))


def colours(values):
    return to_rgb(values)


@pytest.mark.parametrize("grid", [(22, 24, 24), (64, 16, 16), (1, 200, 200), (3, 2, 2)])
def test_at_most_twelve_thousand_points_and_every_slice_has_the_same_places(grid):
    shown = shown_tokens(grid)
    size = grid[1] * grid[2]
    assert len(shown) <= 12_000
    assert len(shown) > min(12_000, grid[0] * size) - grid[0]
    assert len(np.unique(shown)) == len(shown)
    parts = shown.reshape(grid[0], -1)
    assert (parts // size == np.arange(grid[0])[:, None]).all()
    assert (parts % size == parts[0]).all()
    np.testing.assert_array_equal(shown, shown_tokens(grid))


@pytest.mark.parametrize(("dimensions", "kind"), [(2, "scattergl"), (3, "scatter3d")])
def test_points_colours_and_tokens_belong_together(dimensions, kind):
    values = points()
    rgb = colours(values)
    figure = point_cloud(values, rgb, GRID, dimensions=dimensions, limit=40)
    assert [trace.type for trace in figure.data] == [kind] * 4
    for number, trace in enumerate(figure.data):
        assert len(trace.x) == len(trace.marker.color) == 10
        for i, place in enumerate(trace.customdata):
            token = np.ravel_multi_index(place, GRID)
            assert place[0] == number
            for axis in range(dimensions):
                assert trace["xyz"[axis]][i] == np.float32(values[token, axis])
            assert trace.marker.color[i] == "rgb({},{},{})".format(*rgb[token])
        assert "slice %{customdata[0]}, row %{customdata[1]}" in trace.hovertemplate


def test_playing_hides_the_other_slices():
    figure = point_cloud(points(), colours(points()), GRID)
    frames = {frame.name: [trace.visible for trace in frame.data] for frame in figure.frames}
    assert frames["all"] == [True] * 4
    assert frames["2"] == [False, False, True, False]
    assert all(list(frame.traces) == [0, 1, 2, 3] for frame in figure.frames)
    steps = figure.layout.sliders[0].steps
    assert [step.label for step in steps] == ["all", "0", "1", "2", "3"]
    assert [list(step.args[0]) for step in steps] == [[step.label] for step in steps]
    play, pause = figure.layout.updatemenus[0].buttons
    assert list(play.args[0]) == ["0", "1", "2", "3"]
    assert list(pause.args[0]) == [None]


def test_the_slider_works_without_frames():
    figure = point_cloud(points(), colours(points()), GRID, play=False)
    assert not figure.frames
    assert not figure.layout.updatemenus
    steps = figure.layout.sliders[0].steps
    assert steps[0].args[0]["visible"] == [True] * 4
    assert steps[3].args[0]["visible"] == [False, False, True, False]
    assert {step.method for step in steps} == {"restyle"}
    still = point_cloud(points(), colours(points()), GRID, animated=False)
    assert not still.layout.sliders
    assert not still.frames


def test_axes_hold_all_points_of_all_slices():
    values = points()
    values[:, 2] = 4.0
    layout = cloud_layout(values[:, :3], 4, animated=True, play=True, axis="UMAP")
    for number, name in enumerate(("xaxis", "yaxis", "zaxis")):
        low, high = layout["scene"][name]["range"]
        assert low < values[:, number].min() <= values[:, number].max() < high
        assert layout["scene"][name]["title"]["text"] == f"UMAP {number + 1}"


def test_seven_components_are_place_colour_and_opacity():
    values = points()
    figure = seven_d(values, GRID, robust=False)
    rgb = to_rgb(values, robust=False, channels=(3, 4, 5))
    seen = []
    for trace in figure.data:
        for place, css in zip(trace.customdata, trace.marker.color, strict=True):
            token = np.ravel_multi_index(place, GRID)
            parts = re.fullmatch(r"rgba\((\d+),(\d+),(\d+),([01]\.\d\d)\)", css)
            alpha = float(parts[4])
            # Plotly's 3-D scatter adds colours to what is behind without weighting them by opacity.
            drawn = [int(part) for part in parts.groups()[:3]]
            assert drawn == [round(alpha * channel) for channel in rgb[token].tolist()]
            seen.append((values[token, 6], alpha))
    opacity = np.array([alpha for _, alpha in sorted(seen)])
    assert (np.diff(opacity) >= 0).all()
    assert (opacity[0], opacity[-1]) == (0.15, 1.0)
    with pytest.raises(ValueError, match="7 components, came 6"):
        seven_d(values[:, :6], GRID)


def test_what_makes_no_cloud_is_refused():
    values, rgb = points(), colours(points())
    with pytest.raises(ValueError, match="3 dimensions needs 60 points"):
        point_cloud(values[:, :2], rgb, GRID)
    with pytest.raises(ValueError, match="needs 30 points"):
        point_cloud(values, rgb, (2, 3, 5))
    with pytest.raises(ValueError, match="59 colours"):
        point_cloud(values, rgb[:59], GRID)
    with pytest.raises(ValueError, match="4 slices need at least as many points, limit is 3"):
        point_cloud(values, rgb, GRID, limit=3)


def test_part_of_a_page_loads_nothing():
    figure = point_cloud(points(), colours(points()), GRID)
    html = figure_html(figure)
    assert html == figure_html(point_cloud(points(), colours(points()), GRID))
    assert "src=" not in html
    assert "cdn" not in html
    assert len(html) < 40_000
    assert 'id="tokens"' in figure_html(figure, name="tokens")
    script = plotly_js()
    assert "Plotly" in script
    assert "</script" not in script
    assert json.loads(figure.to_json())["layout"]["uirevision"] == "keep"


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(MissingExtra, match=r"pip install 'jepakit\[explorer\]'"):
        point_cloud(points(), colours(points()), GRID)
