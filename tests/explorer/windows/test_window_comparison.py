"""Comparison of windows against loops, encoders known by hand, and a vision transformer."""

import numpy as np
import pytest
import torch
from windowed_encoders import Neighbours, clip, drawn

from explorer.windows import (
    SharedSlices,
    compare_encoders,
    compare_runs,
    compare_windows,
    window_encoder,
)
from jepakit.nn.vit import VisionTransformer


def runs(seed=0, *, slices=10, dims=5):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(slices, 2, 3, dims)).astype(np.float32) for _ in range(2)]


def test_numbers_of_a_slice_are_those_of_loops():
    first, second = runs()
    found = compare_runs(first, second, windows=SharedSlices(20, 4))
    assert len(found) == 8
    a, b = first.astype(np.float64), second.astype(np.float64)
    for s in range(8):
        assert np.array_equal(found.difference[s], first[s + 2] - second[s])
        for j in range(5):
            apart = [abs(a[s + 2, y, x, j] - b[s, y, x, j]) for y in range(2) for x in range(3)]
            assert found.by_dimension[s, j] == pytest.approx(np.mean(apart), rel=1e-6)
            sd = np.concatenate([a[..., j].ravel(), b[..., j].ravel()]).std()
            expected = np.mean(apart) / sd
            assert found.relative_by_dimension[s, j] == pytest.approx(expected, rel=1e-6)
        for y in range(2):
            for x in range(3):
                u, v = a[s + 2, y, x], b[s, y, x]
                expected = u @ v / np.sqrt((u @ u) * (v @ v))
                assert found.cosine[s, y, x] == pytest.approx(expected, rel=1e-12)
    assert found.profile == pytest.approx(found.by_dimension.mean(axis=1))
    assert found.relative_profile == pytest.approx(found.relative_by_dimension.mean(axis=1))
    assert found.cosine_profile == pytest.approx(found.cosine.mean(axis=(1, 2)))


def test_an_encoder_of_single_slices_sees_no_window():
    found = compare_windows(Neighbours(0), clip(), window=20)
    assert not found.difference.any()
    assert found.profile.tolist() == [0.0] * 9
    assert found.cosine == pytest.approx(np.ones((9, 3, 4)))
    assert found.all_close().all()
    assert (found.edges.first, found.edges.last) == (0, 0)


@pytest.mark.parametrize("reach", [1, 2, 3])
@pytest.mark.parametrize(("window", "shift"), [(20, 2), (24, 4)])
def test_edges_reach_as_far_as_the_encoder_looks(reach, window, shift):
    found = compare_windows(Neighbours(reach), clip(), window=window, shift=shift)
    count = (window - shift) // 2
    assert len(found) == count
    feels = [i for i in range(count) if found.difference[i].any()]
    assert feels == [*range(reach), *range(count - reach, count)]
    assert (found.edges.first, found.edges.last) == (reach, reach)
    assert found.all_close().tolist() == [i not in feels for i in range(count)]


def test_each_window_is_encoded_by_itself_and_the_first_one_twice():
    encode, frames = Neighbours(1), clip()
    found = compare_windows(encode, frames, window=20, shift=4, start=3)
    expected = [frames[3:23], frames[3:23], frames[7:27]]
    assert all(np.array_equal(a, b) for a, b in zip(encode.seen, expected, strict=True))
    assert found.repeatable is True
    once = Neighbours(1)
    assert compare_windows(once, frames, window=20, repeat=False).repeatable is None
    assert len(once.seen) == 2


def test_an_encoder_that_is_not_deterministic_is_found_out():
    rng, still = np.random.default_rng(0), Neighbours(1)
    noisy = compare_windows(
        lambda frames: still(frames) + np.float32(1e-4) * rng.normal(), clip(), window=20
    )
    assert noisy.repeatable is False


def test_changes_of_scale_do_not_move_the_relative_profile():
    scale = np.geomspace(1e-3, 1e3, 64)
    plain = drawn(np.random.default_rng(0))
    scaled = drawn(np.random.default_rng(0), scale=scale)
    assert scaled.relative_by_dimension == pytest.approx(plain.relative_by_dimension)
    assert scaled.by_dimension == pytest.approx(plain.by_dimension * scale)


def test_a_dimension_that_does_not_vary_counts_nothing():
    first, second = runs()
    first[..., 0] = second[..., 0] = 3
    found = compare_runs(first, second, windows=SharedSlices(20, 2))
    assert not found.relative_by_dimension[:, 0].any()
    assert np.isfinite(found.relative_profile).all()


def test_half_precision_is_compared_in_float32():
    first, second = (run.astype(np.float16) for run in runs())
    found = compare_runs(first, second, windows=SharedSlices(20, 2))
    assert found.difference.dtype == np.float32
    wide = [run.astype(np.float32) for run in (first, second)]
    assert np.array_equal(found.difference, wide[0][1:] - wide[1][:-1])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ((10, 2, 3, 5), (10, 2, 3, 4), "came latents of shapes"),
        ((9, 2, 3, 5), (9, 2, 3, 5), "have 10 slices of 2 frames"),
    ],
)
def test_latents_that_do_not_fit_are_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        compare_runs(np.zeros(first), np.zeros(second), windows=SharedSlices(20, 2))


def test_latents_that_are_not_finite_are_refused():
    first, second = runs()
    first[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        compare_runs(first, second, windows=SharedSlices(20, 2))
    with pytest.raises(ValueError, match="the clip has 21"):
        compare_windows(Neighbours(1), clip(21), window=20)


def test_a_vision_transformer_as_a_function_of_windows():
    torch.manual_seed(0)
    vit = VisionTransformer(
        24, depth=2, heads=2, frames=4, size=16, patch=8, position="rope"
    ).eval()
    frames = np.random.default_rng(0).integers(0, 256, (14, 16, 24, 3), dtype=np.uint8)
    found = compare_encoders(
        {"norm": window_encoder(vit), "early": window_encoder(vit, site="blocks.00.out")},
        frames,
        window=12,
    )
    assert all(comparison.repeatable for comparison in found.values())
    wide = vit.resized(frames=12, size=(16, 24))
    with torch.no_grad():
        encoded = wide(torch.from_numpy(frames[None, 2:14]), capture=("blocks.00.out",))
    expected = encoded.tokens.reshape(6, 2, 3, 24).numpy()
    assert np.array_equal(found["norm"].second, expected[:5])
    early = encoded.captured["blocks.00.out"].reshape(6, 2, 3, 24).numpy()
    assert np.array_equal(found["early"].second, early[:5])
    assert found["norm"].profile.min() > 0
