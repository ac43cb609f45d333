"""Rescue by budget against the measure of Table 2, and footprints of exact counts."""

import numpy as np
import pytest
from synthetic_repair import study
from tiny_encoders import GRID, encoder, occluded_images

from jepakit.evals.figures.style import to_png
from jepakit.evals.repair.budgets.budget_figure import budget_figure
from jepakit.evals.repair.budgets.budget_table import budget_table
from jepakit.evals.repair.budgets.footprints import footprint
from jepakit.evals.repair.budgets.token_budgets import measure_budgets
from jepakit.evals.repair.images.occluded_images import BACKGROUND, OBJECT, OcclusionRule
from jepakit.evals.repair.page.example_figures import chosen_examples, example_figure
from jepakit.evals.repair.repair_measures import measure_rescue


@pytest.fixture(scope="module")
def measures():
    images = occluded_images(4)
    return measure_budgets(encoder(), images.items, OcclusionRule(seed=3), budgets=(0.25, 1.0))


def test_the_whole_budget_is_table_2(measures):
    found = measure_rescue(encoder(), occluded_images(4), modes=("context",))
    whole = measures[1]
    assert (whole.name, whole.budget) == (OBJECT, 1.0)
    for m in found:
        if m.region == OBJECT and not m.control:
            np.testing.assert_allclose(whole.rescue[m.group], m.found.absolute, atol=1e-7)
    np.testing.assert_allclose(whole.base - whole.rescue[m.group] >= 0, True)


def test_budgets_and_footprints_hide_equally_many(measures):
    names = [(m.name, m.budget) for m in measures]
    assert names == [(n, b) for n in (OBJECT, "square", "elongated") for b in (0.25, 1.0)]
    small, whole = measures[:2]
    assert (small.tokens < whole.tokens).all()
    assert small.base.mean() < whole.base.mean()
    for m in measures[2:]:
        by_key = dict(
            zip(measures[m.budget == 1.0].keys, measures[m.budget == 1.0].tokens, strict=True)
        )
        assert [by_key[key] for key in m.keys] == m.tokens.tolist()
        assert m.skipped == 4 - len(m.keys)


@pytest.mark.parametrize(("shape", "ratio"), [("square", 1), ("elongated", 4)])
@pytest.mark.parametrize("count", [1, 4, 9, 13, 16])
def test_footprints(shape, ratio, count):
    hidden = np.zeros((2, 16, 16), bool)
    hidden[0].flat[:count] = True
    hidden[1].flat[: max(1, count - 2)] = True
    blocked = hidden.copy()
    blocked[0, :, 12:] = True
    sides = set()
    for seed in range(8):
        found = footprint(blocked, hidden, shape=shape, rng=np.random.default_rng(seed))
        assert found is not None
        assert (found.sum(axis=(1, 2)) == hidden.sum(axis=(1, 2))).all()
        assert not (found.any(axis=0) & blocked.any(axis=0)).any()
        assert (found[1] <= found[0]).all()  # stays where it is
        rows, columns = (np.ptp(axis) + 1 for axis in np.nonzero(found[0]))
        sides.add((int(rows), int(columns)))
        assert rows * columns < count + max(rows, columns)
    if count in (4, 16):
        short, long = round((count / ratio) ** 0.5), round((count * ratio) ** 0.5)
        assert sides <= {(short, long), (long, short)}


def test_no_room_and_unknown_footprints():
    hidden = np.zeros((1, 4, 4), bool)
    hidden[0, 0] = True
    blocked = np.ones_like(hidden)
    rng = np.random.default_rng(0)
    assert footprint(blocked, hidden, shape="square", rng=rng) is None
    with pytest.raises(ValueError, match="one of square, elongated"):
        footprint(blocked, hidden, shape="round", rng=rng)


def test_figure_and_table_of_budgets(measures):
    table = budget_table("tiny", measures)
    assert len(table.rows) == 6
    assert table.rows[1][:2] == ["object", "100%"]
    assert table.rows[1][4].startswith(f"{measures[1].base.mean():.4f}\n[")
    figure = budget_figure({"tiny": measures})
    assert to_png(figure, theme="dark", dpi=30).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="No budgets"):
        budget_figure({})


def test_examples_are_ranks_of_the_difference():
    one = next(iter(study(lean=True, depth=6).found.values()))
    gap = one.drift[OBJECT].late(one.late) - one.drift[BACKGROUND].late(one.late)
    order = np.argsort(-gap, kind="stable")
    examples = chosen_examples(one)
    assert [e.place for e in examples] == ["largest", "median", "smallest"]
    assert [e.number for e in examples] == [order[0], order[11], order[23]]
    assert [e.gap for e in examples] == [gap[order[0]], gap[order[11]], gap[order[23]]]
    figure = example_figure(one)
    assert len(figure.axes) == 3 * 4
    assert to_png(figure, theme="dark", dpi=30).startswith(b"\x89PNG")
    assert GRID[0] == 1
