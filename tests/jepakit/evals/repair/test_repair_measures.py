"""Drift and rescue against hooks and loops, and what must hold exactly whatever the weights."""

import numpy as np
import pytest
import torch
from tiny_encoders import DEPTH, drift_by_hand, encoder, hooked, occluded_images

from jepakit.evals.repair.images.occluded_images import BACKGROUND, OBJECT, REGIONS
from jepakit.evals.repair.repair_measures import CONTROLS, measure_drift, measure_rescue
from jepakit.evals.repair.site_groups import PAIR, SINGLE, TRIPLE, paper_groups, sweep_plans

LATE = (2, 3)


@pytest.fixture(scope="module")
def images():
    return occluded_images()


@pytest.fixture(scope="module")
def measured(images):
    """Groups of sites as the study measures them, by region, group, mode and control."""
    found = measure_rescue(encoder(), images, batch_size=2)
    return {(m.region, m.group, m.mode, m.control): m for m in found}


def runs(images, region):
    """Clean and occluded frames and hidden tokens of one image after another."""
    for batch in images.batches(len(images)):
        for clean, dark, hidden in zip(
            batch.clean, batch.occluded[region], batch.hidden[region], strict=True
        ):
            yield clean[None], dark[None], hidden


def left_by_hand(images, region, sites, chosen):
    """Late context drift of each image with clean rows at ``sites`` where ``chosen(hidden)``."""
    model, left = encoder().encoder, []
    for clean, dark, hidden in runs(images, region):
        own = hooked(model, clean, sites=sites)
        rows = chosen(hidden)

        def overwrite(site, rows=rows, own=own):
            return lambda x: torch.where(rows[:, None], own[site], x)

        other = hooked(model, dark, {site: overwrite(site) for site in sites})
        drift = [drift_by_hand(own[f"{n}.resid"], other[f"{n}.resid"]) for n in LATE]
        left.append(np.mean([d[~hidden.numpy()].mean() for d in drift]))
    return np.array(left)


def test_drift_is_one_minus_the_cosine_of_each_token(images):
    found, model = measure_drift(encoder(), images, batch_size=2), encoder().encoder
    for region in REGIONS:
        for number, (clean, dark, hidden) in enumerate(runs(images, region)):
            a, b = hooked(model, clean), hooked(model, dark)
            seen = ~hidden.numpy()
            for block in range(DEPTH):
                d = drift_by_hand(a[f"{block}.resid"], b[f"{block}.resid"])
                one = found[region]
                assert one.context[block, number] == pytest.approx(d[seen].mean(), abs=2e-6)
                assert one.masked[block, number] == pytest.approx(d[~seen].mean(), abs=2e-6)
                assert one.everywhere[block, number] == pytest.approx(d.mean(), abs=2e-6)
        late = found[region].context[list(LATE)].mean(axis=0)
        np.testing.assert_allclose(found[region].late(LATE), late)


def test_batches_do_not_matter(images):
    one, two = (measure_drift(encoder(), images, batch_size=size) for size in (2, 5))
    np.testing.assert_allclose(one[OBJECT].context, two[OBJECT].context, atol=1e-6)


@pytest.mark.parametrize(
    ("region", "group"),
    [(OBJECT, SINGLE), (OBJECT, PAIR), (OBJECT, TRIPLE), (BACKGROUND, TRIPLE)],
)
def test_rescue_is_that_of_hooks(images, measured, region, group):
    sites = paper_groups(DEPTH)[group]
    modes = {"context": lambda h: ~h, "masked": lambda h: h, "full": torch.ones_like}
    nothing = left_by_hand(images, region, (), lambda h: h)
    for mode, chosen in modes.items():
        taken = nothing - left_by_hand(images, region, sites, chosen)
        one = measured[region, group, mode, ""]
        np.testing.assert_allclose(one.found.absolute, taken, atol=3e-6)
        assert one.sites == sites
        assert one.found.mean_of_ratios == pytest.approx((taken / nothing).mean(), abs=1e-4)
        assert one.found.ratio_of_means == pytest.approx(taken.mean() / nothing.mean(), abs=1e-4)


def test_rescue_is_no_trifle(measured):
    assert abs(measured[OBJECT, TRIPLE, "context", ""].found.mean_absolute) > 1e-3


def test_the_whole_stream_of_the_last_blocks_takes_all_back(images, measured):
    drift = measure_drift(encoder(), images, batch_size=2)
    for region in REGIONS:
        bound = measured[region, TRIPLE, "context", "whole stream"]
        assert bound.sites == ("1.resid", "2.resid", "3.resid")
        np.testing.assert_allclose(bound.found.absolute, drift[region].late(LATE), rtol=1e-6)
        assert bound.found.mean_of_ratios == 1.0


def test_controls_by_group(measured):
    for group in (SINGLE, TRIPLE):
        names = {control for _, g, _, control in measured if g == group}
        # 4 blocks have no room for 3 other sites beside a group of 3
        assert names == {"", *CONTROLS} - ({"random sites"} if group == TRIPLE else set())
    other = measured[OBJECT, SINGLE, "context", "random sites"].sites
    assert len(other) == 1
    assert other[0].endswith(".mlp_hidden")
    assert other != ("1.mlp_hidden",)


def test_donors_depend_on_the_seed_alone():
    images, key = occluded_images(2), (OBJECT, SINGLE, "same norm")
    runs = [measure_rescue(encoder(), images, modes=(), seed=seed) for seed in (0, 0, 1)]
    found = [{(m.region, m.group, m.control): m.found.absolute for m in run} for run in runs]
    assert np.array_equal(found[0][key], found[1][key])
    assert not np.array_equal(found[0][key], found[2][key])


def test_groups_are_counted_from_the_end():
    assert paper_groups(32)[TRIPLE] == ("29.mlp_hidden", "30.attn", "31.attn")
    assert paper_groups(12)[PAIR] == ("9.mlp_hidden", "10.mlp_hidden")
    with pytest.raises(ValueError, match="last 3 blocks; the network has 2"):
        paper_groups(2)
    plans = sweep_plans(5, parts=("attn", "v"))
    assert len(plans) == 5 * 2 * 3
    assert plans[4, "v", "masked"].sites == ("4.v",)
