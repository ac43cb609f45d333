"""What figures draw: the study's numbers, the paper's marks, gaps where nothing is defined."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from synthetic_study import study

from jepakit.evals.figures.style import PALETTE, to_png
from jepakit.evals.states.page.accuracy_figure import accuracy_comparison, accuracy_figure
from jepakit.evals.states.page.effect_figures import (
    effects_figure,
    null_figure,
    patching_figure,
    steering_figure,
)
from jepakit.evals.states.page.paper_values import SCS
from jepakit.evals.states.page.portability_figures import portability_figure, spectrum_figure


def lines(axes, **wanted):
    return [
        line
        for line in axes.lines
        if all(getattr(line, f"get_{name}")() == value for name, value in wanted.items())
    ]


def diamonds(axes):
    return [(float(x), float(y)) for line in lines(axes, marker="D") for x, y in line.get_xydata()]


def test_accuracy_curve_chance_and_the_papers_points():
    result = study()
    top, below = accuracy_figure(result, SCS).axes
    curve = lines(top, label="dense probe, ± 1 SE over folds")[0]
    np.testing.assert_array_equal(curve.get_ydata(), result.accuracy.mean(axis=1))
    assert (1.0, 0.838) in diamonds(top)
    assert (5.0, 0.96) in diamonds(top)
    assert any(np.allclose(line.get_ydata(), result.chance) for line in top.lines)
    used = below.lines[0].get_ydata()
    np.testing.assert_allclose(used, [one.used / one.width for one in result.sparse])


def test_chosen_layers_are_marked():
    axes = accuracy_figure(study()).axes[0]
    at = {line.get_xdata()[0] for line in lines(axes, color=PALETTE[2]) if len(line.get_xdata())}
    assert at == {8, 9}


def test_comparison_is_over_depth_where_layers_differ():
    short = dataclasses.replace(study(), layers=study().layers[:9], accuracy=study().accuracy[:9])
    axes = accuracy_comparison({"a": study(), "b": short}).axes[0]
    ends = [lines(axes, label=name)[0].get_xdata()[-1] for name in "ab"]
    assert ends == [1, 1]
    axes = accuracy_comparison({"a": study(), "b": study(seed=1)}).axes[0]
    assert lines(axes, label="b")[0].get_xdata()[-1] == 25


def test_effects():
    axes = effects_figure(study(), SCS).axes[0]
    estimates = {
        (float(x), round(y)) for line in lines(axes, marker="o") for x, y in line.get_xydata()
    }
    assert estimates == {(0.81, 0), (0.012, 1), (0.4, 2), (-0.001, 3), (0.15, 4), (-0.01, 5)}
    assert [x for x, _ in diamonds(axes)] == [0.844, 0.020, 0.815, 0.569, 0.249]
    texts = " ".join(text.get_text() for text in axes.texts)
    assert "not possible: no random subspace of rank 7" in texts
    assert "≥ 405x" in texts


def test_patching_null_and_steering():
    result = study()
    axes = patching_figure(result.success, SCS).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.9, 0.03, 0.99, 0.01]
    assert diamonds(axes) == [(0.88, 0.0)]
    axes = null_figure(result).axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == len(result.null)
    assert lines(axes, label="observed 0.810")
    axes = steering_figure(result.steering).axes[0]
    found = lines(axes, label="found subspace")[0].get_ydata()
    assert list(found) == [one.estimate for one in result.steering["causal"].values()]


def test_portability_leaves_out_what_is_undefined():
    left, right = portability_figure(study().portable, SCS).axes
    assert len(lines(right, marker="o")) == 8
    assert [text.get_text() for text in right.texts] == ["undefined"]
    assert [x for x, _ in diamonds(left)][:3] == [0.253, 0.435, 0.350]
    assert [x for x, _ in diamonds(right)][-3:] == [0.855, 0.914, 1.113]


def test_spectrum_has_a_panel_per_method():
    panels = spectrum_figure(study().portable).axes
    assert len(panels) == 3
    np.testing.assert_array_equal(
        panels[2].lines[0].get_ydata(), study().portable[6].found.spectrum
    )


def test_texts_do_not_overlap():
    result = study()
    for figure in (accuracy_figure(result, SCS), effects_figure(result, SCS)):
        to_png(figure, dpi=72)
        for axes in figure.axes:
            labels = [t for t in axes.get_xticklabels() if t.get_text() and t.get_visible()]
            boxes = sorted((t.get_window_extent() for t in labels), key=lambda box: box.x0)
            assert all(a.x1 <= b.x0 for a, b in pairwise(boxes))


def test_nothing_to_draw_is_refused():
    lean = study(lean=True)
    for draw in (
        lambda: patching_figure(lean.success),
        lambda: steering_figure(lean.steering),
        lambda: null_figure(lean),
        lambda: portability_figure(lean.portable),
        lambda: spectrum_figure(lean.portable),
        lambda: accuracy_comparison({}),
    ):
        with pytest.raises(ValueError, match="No "):
            draw()
