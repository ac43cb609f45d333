"""Occlusion drift against loops in float64, its limit cases, onset and late blocks."""

import math

import pytest
import torch

from jepakit.interp.drift import late_blocks, late_drift, layer_drift, onset_layer, token_drift


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def slow_drift(a, b):
    a, b = a.double().tolist(), b.double().tolist()
    dot = sum(p * q for p, q in zip(a, b, strict=True))
    return 1 - dot / math.sqrt(sum(p * p for p in a) * sum(q * q for q in b))


def test_token_drift_is_that_of_a_loop_in_float64():
    clean, other = normal(3, 5, 7), normal(3, 5, 7, seed=1)
    drift = token_drift(clean, other)
    assert drift.dtype == torch.float32
    for image in range(3):
        for token in range(5):
            expected = slow_drift(clean[image, token], other[image, token])
            assert drift[image, token].item() == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    clean = normal(1, 4, 64).to(dtype)
    other = (clean.float() + 0.1 * normal(1, 4, 64, seed=1)).to(dtype)
    drift = token_drift(clean, other)
    assert drift.dtype == torch.float32
    for token in range(4):
        expected = slow_drift(clean[0, token], other[0, token])
        assert drift[0, token].item() == pytest.approx(expected, rel=1e-5)


def test_small_drift_keeps_its_digits():
    """The difference of 1 and a cosine in float32 would be a multiple of 6e-8."""
    clean = normal(1, 64, 32)
    other = clean + 1e-4 * normal(1, 64, 32, seed=1)
    drift = token_drift(clean, other)
    for token in range(64):
        expected = slow_drift(clean[0, token], other[0, token])
        assert 0 < expected < 2e-8
        assert drift[0, token].item() == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_equal_tokens_have_exactly_none(dtype):
    tokens = normal(4, 50, 33).to(dtype)
    assert not token_drift(tokens, tokens.clone()).any()


def test_limit_cases():
    x = torch.tensor([3.0, 4.0])
    rows = [(x, 10 * x, 0.0), (x, -x, 2.0), (x, torch.tensor([-4.0, 3.0]), 1.0)]
    for a, b, expected in rows:
        assert token_drift(a[None, None], b[None, None]).item() == pytest.approx(expected, abs=3e-7)


def test_a_zero_token_has_no_direction():
    zero, x = torch.zeros(1, 1, 3), torch.ones(1, 1, 3)
    assert token_drift(zero, x).item() == 1
    assert token_drift(x, zero).item() == 1
    assert token_drift(zero, zero).item() == 1
    assert token_drift(1e-9 * x, x).item() == 1
    assert token_drift(1e-7 * x, x).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_refuses_activations_without_a_direction(bad):
    clean, other = normal(2, 3, 4), normal(2, 3, 4)
    other[1, 2, 0] = bad
    with pytest.raises(ValueError, match="1 tokens have none, the first is token 2 of image 1"):
        token_drift(clean, other)
    clean[1, 2] = 0  # the rule for zero does not hide it
    with pytest.raises(ValueError, match="token 2 of image 1"):
        token_drift(other, clean)


def test_regions_are_means_of_their_own_tokens():
    clean, other = normal(4, 2, 6, 8), normal(4, 2, 6, 8, seed=1)
    hidden = torch.tensor([[1, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 0]], dtype=torch.bool)
    curve = layer_drift(clean, other, hidden)
    for block in range(4):
        for image in range(2):
            drifts = [slow_drift(clean[block, image, n], other[block, image, n]) for n in range(6)]
            inside = [d for d, h in zip(drifts, hidden[image].tolist(), strict=True) if h]
            outside = [d for d, h in zip(drifts, hidden[image].tolist(), strict=True) if not h]
            means = [sum(part) / len(part) for part in (drifts, inside, outside)]
            got = [c[block, image].item() for c in (curve.global_, curve.masked, curve.context)]
            assert got == pytest.approx(means, rel=1e-5)


@pytest.mark.parametrize("value", [False, True])
def test_refuses_an_image_without_one_of_the_regions(value):
    hidden = torch.tensor([[True, False, True], [value] * 3])
    clean = normal(1, 2, 3, 4)
    with pytest.raises(ValueError, match=rf"image 1 has {3 * value} of 3 hidden"):
        layer_drift(clean, clean, hidden)


def test_onset_is_strict_and_the_first():
    flat = torch.full((5, 4), 0.05)
    assert onset_layer(flat) is None
    assert onset_layer(flat[:, 0]) is None
    flat[3] = 0.0500001
    flat[4] = 0.06
    assert onset_layer(flat) == 3
    assert onset_layer(torch.tensor([0.9, 0.0])) == 0
    assert onset_layer(torch.tensor([0.1, 0.3, 0.2, 0.4]), 0.25) == 1


def test_onset_is_of_the_mean_over_images():
    assert onset_layer(torch.tensor([[0.0, 0.09], [0.0, 0.11]])) == 1


@pytest.mark.parametrize("bad", [torch.zeros(0), torch.tensor([0.1, float("nan")])])
def test_refuses_a_curve_without_an_onset(bad):
    with pytest.raises(ValueError, match="finite drift of at least one block"):
        onset_layer(bad)


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (32, (30, 31)),
        (24, (22, 23)),
        (12, (10, 11)),
        (4, (2, 3)),
        (2, (0, 1)),
        (1, (0,)),
        (48, (45, 46, 47)),
    ],
)
def test_late_blocks(depth, expected):
    assert late_blocks(depth) == expected


def test_late_drift_is_the_mean_of_its_blocks():
    curve = torch.tensor([[9.0, 9.0], [1.0, 2.0], [3.0, 6.0]])
    assert late_drift(curve, (1, 2)).tolist() == [2, 4]
    assert late_drift(curve, late_blocks(3)).tolist() == [2, 4]


@pytest.mark.parametrize("blocks", [(), (1, 1), (3,), (-1,)])
def test_refuses_blocks_that_the_curve_lacks(blocks):
    with pytest.raises(ValueError, match=r"different ones of 0 \.\. 2"):
        late_drift(torch.zeros(3, 2), blocks)


def test_a_network_has_blocks():
    with pytest.raises(ValueError, match="got depth 0"):
        late_blocks(0)
