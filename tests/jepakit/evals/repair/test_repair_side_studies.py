"""Rectangles, the linear predictor and the advantage, against loops and by hand."""

import numpy as np
import pytest
import torch
from tiny_encoders import DEPTH, GRID, drift_by_hand, encoder, hooked, occluded_images

from jepakit.evals.repair.advantage import advantage
from jepakit.evals.repair.geometry import sweep_rectangles
from jepakit.evals.repair.images.occluded_images import OBJECT
from jepakit.evals.repair.images.occlusion import rectangle_sweep
from jepakit.evals.repair.images.pixel_fill import occluded
from jepakit.evals.repair.predictor_proxy import proxy_errors
from jepakit.evals.repair.site_groups import TRIPLE, paper_groups

LAST, BEFORE = f"{DEPTH - 1}.resid", f"{DEPTH - 2}.resid"


def test_rectangles_against_a_loop():
    images, model = occluded_images(3), encoder().encoder
    cells = sweep_rectangles(encoder(), images.items, batch_size=2)
    assert [cell.rectangle.area for cell in cells] == [r.area for r in rectangle_sweep(GRID)]
    cell = cells[8]
    hidden, rng = cell.rectangle.hidden, np.random.default_rng(0)
    curves = []
    for item in images.items:
        dark = torch.from_numpy(occluded(item.frames, hidden, fill="black", rng=rng))[None]
        a, b = (hooked(model, x) for x in (torch.from_numpy(item.frames)[None], dark))
        curves.append([drift_by_hand(a[f"{n}.resid"], b[f"{n}.resid"]) for n in range(DEPTH)])
    drift, out = np.array(curves), ~hidden.ravel()
    np.testing.assert_allclose(cell.context, drift[..., out].mean(axis=(0, 2)), atol=2e-6)
    np.testing.assert_allclose(cell.masked, drift[..., ~out].mean(axis=(0, 2)), atol=2e-6)
    np.testing.assert_allclose(cell.late, drift[:, -2:, out].mean(axis=(1, 2)), atol=2e-6)
    above = np.flatnonzero(cell.context > 0.05)
    assert cell.onset == (int(above[0]) if len(above) else None)
    assert len({cell.onset for cell in cells}) > 1


def test_the_linear_map_is_a_ridge_on_other_images():
    images, model = occluded_images(), encoder().encoder
    errors = proxy_errors(encoder(), images, folds=4, batch_size=2)
    (batch,) = images.batches(5)
    clean = [hooked(model, x[None]) for x in batch.clean]
    dark = [hooked(model, x[None]) for x in batch.occluded[OBJECT]]
    fold = np.arange(5) % 4
    for number in range(5):
        others = [clean[k] for k in range(5) if fold[k] != fold[number]]
        x = torch.cat([one[BEFORE] for one in others]).double().numpy()
        y = torch.cat([one[LAST] for one in others]).double().numpy()
        centred = x - x.mean(axis=0)
        gram = centred.T @ centred
        ridge = gram + 1e-3 * np.trace(gram) / len(gram) * np.eye(len(gram))
        weights = np.linalg.solve(ridge, centred.T @ (y - y.mean(axis=0)))
        seen = ~batch.hidden[OBJECT][number].numpy()
        for one, mine, rows in (
            (clean, errors.clean, slice(None)),
            (dark, errors.context["unpatched"], seen),
        ):
            told = (one[number][BEFORE].double().numpy() - x.mean(axis=0)) @ weights
            told = torch.from_numpy(told + y.mean(axis=0))
            expected = drift_by_hand(clean[number][LAST], told)[rows].mean()
            assert mine[number] == pytest.approx(expected, abs=1e-5)
        copied = drift_by_hand(clean[number][LAST], clean[number][BEFORE]).mean()
        assert errors.identity[number] == pytest.approx(copied, abs=2e-6)
    assert list(errors.context) == ["unpatched", *paper_groups(DEPTH)]
    assert not np.allclose(errors.context[TRIPLE], errors.context["unpatched"])


def test_copying_is_exact_where_the_last_block_adds_nothing():
    idle = encoder()
    with torch.no_grad():
        for part in idle.encoder.blocks[-1].outputs:
            part.weight.zero_()
            part.bias.zero_()
    assert (proxy_errors(idle, occluded_images()).identity == 0).all()


def test_a_predictor_needs_a_group_for_each_fold():
    with pytest.raises(ValueError, match="4 folds need as many groups of images, there are 3"):
        proxy_errors(encoder(), occluded_images(3))


def test_advantage_by_hand():
    first, second = np.array([0.4, 0.3, 0.6, 0.5]), np.array([0.1, 0.2, 0.3, 0.4])
    a = advantage(first, second, np.array(["cat", "cat", "dog", "dog"]))
    assert (a.first, a.second) == (pytest.approx(0.45), pytest.approx(0.25))
    assert a.difference.estimate == pytest.approx(0.2)
    assert 0.099 < a.difference.low < 0.2 < a.difference.high < 0.301
    assert (a.wins, a.images) == (4, 4)
    assert a.p_value == 2 / 16  # all agree: the smallest p of four signs
    assert a.clustered is not None
    assert a.clustered.low == pytest.approx(0.2)  # both classes have a mean of 0.2
    swapped = advantage(second, first, np.array(["cat"] * 4))
    assert swapped.difference.estimate == pytest.approx(-0.2)
    assert (swapped.wins, swapped.clustered) == (0, None)


def test_classes_are_drawn_whole():
    gap = np.array([1.0] * 5 + [3.0] * 5)
    a = advantage(gap, np.zeros(10), np.array(["cat"] * 5 + ["dog"] * 5))
    assert a.clustered is not None
    assert (a.clustered.low, a.clustered.high) == (1.0, 3.0)
    assert 1.2 < a.difference.low < 2 < a.difference.high < 2.8
    with pytest.raises(ValueError, match="at least 2"):
        advantage(np.ones(1), np.zeros(1), np.array(["cat"]))
