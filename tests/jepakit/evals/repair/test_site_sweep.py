"""Sweeps of every site: identities, resumption after a stop, and tests of all sites at once."""

import numpy as np
import pytest
from tiny_encoders import DEPTH, encoder, occluded_images

from jepakit.evals.permutation_tests import holm, sign_flip_p
from jepakit.evals.repair import site_sweep
from jepakit.evals.repair.images.occluded_images import OBJECT
from jepakit.evals.repair.repair_measures import measure_drift, measure_rescue
from jepakit.evals.repair.site_groups import SINGLE
from jepakit.evals.repair.site_sweep import MODES, SiteSweep, sweep_sites
from jepakit.evals.repair.site_tests import sites_tested

MASKED, CONTEXT, FULL = (MODES.index(mode) for mode in ("masked", "context", "full"))
OPTIONS = {"identity": "tiny", "parts": ("mlp_hidden", "mlp", "attn"), "batch_size": 2}


@pytest.fixture(scope="module")
def images():
    return occluded_images()


@pytest.fixture(scope="module")
def swept(images, tmp_path_factory):
    return sweep_sites(encoder(), images, tmp_path_factory.mktemp("sweep"), **OPTIONS)


def test_base_and_single_sites_are_those_of_the_other_measures(images, swept):
    late = measure_drift(encoder(), images, batch_size=2)[OBJECT].late((2, 3))
    np.testing.assert_allclose(swept.base, late, rtol=1e-6)
    found = measure_rescue(encoder(), images, batch_size=2)
    single = {
        m.mode: m.found.absolute
        for m in found
        if (m.region, m.group, m.control) == (OBJECT, SINGLE, "")
    }
    for number, mode in enumerate(MODES):
        np.testing.assert_allclose(swept.rescue[1, 0, number], single[mode], atol=1e-7)
    assert swept.rescue.shape == (DEPTH, 3, 3, 5)
    np.testing.assert_allclose(swept.mean, swept.rescue.mean(axis=-1))


def test_hidden_tokens_of_the_last_block_reach_no_visible_one(swept):
    assert (swept.rescue[-1, :, MASKED] == 0).all()
    assert (swept.rescue[0, :, MASKED] != 0).all()
    np.testing.assert_array_equal(swept.rescue[-1, :, FULL], swept.rescue[-1, :, CONTEXT])


def test_hidden_layer_and_output_of_the_mlp_are_one_intervention(swept):
    np.testing.assert_allclose(swept.rescue[:, 0], swept.rescue[:, 1], atol=1e-6)


def test_a_stopped_sweep_goes_on(images, swept, tmp_path, monkeypatch):
    calls, real = [], site_sweep.patch

    def patch(runs, plans):
        calls.append(len(runs.hidden))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(runs, plans)

    monkeypatch.setattr(site_sweep, "patch", patch)
    with pytest.raises(KeyboardInterrupt):
        sweep_sites(encoder(), images, tmp_path, **OPTIONS)
    assert [file.name for file in sorted(tmp_path.glob("*.npz"))] == ["batch_0000.npz"]
    again = sweep_sites(encoder(), images, tmp_path, **OPTIONS)
    assert calls == [2, 3, 3]  # 5 images: 2 and 3, the first batch once
    np.testing.assert_array_equal(again.rescue, swept.rescue)
    np.testing.assert_array_equal(again.base, swept.base)
    sweep_sites(encoder(), images, tmp_path, **OPTIONS)
    assert len(calls) == 3


@pytest.mark.parametrize(
    "other", [{"identity": "another"}, {"parts": ("attn",)}, {"batch_size": 3}]
)
def test_refuses_the_folder_of_another_sweep(images, tmp_path, other):
    (tmp_path / "sweep.json").write_text("{}")
    with pytest.raises(ValueError, match="holds a sweep of another network"):
        sweep_sites(encoder(), images, tmp_path, **OPTIONS)
    (tmp_path / "sweep.json").unlink()
    site_sweep._claim(tmp_path, dict(OPTIONS))
    with pytest.raises(ValueError, match=r"choose another --out"):
        site_sweep._claim(tmp_path, OPTIONS | other)


def test_all_sites_are_tested_at_once():
    rng = np.random.default_rng(0)
    rescue = rng.normal(size=(4, 2, 3, 8))
    rescue[1, 1, 2] += 5
    rescue[3, 0, 0] = 0
    sweep = SiteSweep(("attn", "v"), MODES, np.ones(8), rescue)
    tests = sites_tested(sweep)
    each = [sign_flip_p(row, rng=rng) for row in rescue.reshape(-1, 8)]  # exact for 8
    np.testing.assert_allclose(tests.p.ravel(), each)
    np.testing.assert_allclose(tests.adjusted.ravel(), holm(np.array(each)))
    assert tests.p[1, 1, 2] == 2 / 256
    assert tests.p[3, 0, 0] == 1.0
    assert tests.floor == pytest.approx(24 * 2 / 256)
    many = SiteSweep(("v",), MODES, np.ones(20), np.ones((2, 1, 3, 20)))
    assert sites_tested(many).floor == pytest.approx(6 / 20_001)
