"""Edits along a subspace: exact no-ops, closed forms, numpy and torch alike."""

import numpy as np
import pytest
import torch

from jepakit.interp.interventions import (
    ablate,
    equal_norm_perturbation,
    patch_subspace,
    steer,
)

RNG = np.random.default_rng(0)
BASIS = np.linalg.qr(RNG.normal(size=(12, 3)))[0]
P = BASIS @ BASIS.T
MEAN = RNG.normal(size=12)
KINDS = {
    "numpy64": lambda a: a,
    "numpy32": lambda a: a.astype(np.float32),
    "numpy16": lambda a: a.astype(np.float16),
    "torch64": torch.from_numpy,
    "torch32": lambda a: torch.from_numpy(a).float(),
    "torch16": lambda a: torch.from_numpy(a).half(),
    "bfloat16": lambda a: torch.from_numpy(a).bfloat16(),
}
TOLERANCE = {"numpy16": 2e-2, "torch16": 2e-2, "bfloat16": 1e-1, "numpy64": 1e-12, "torch64": 1e-12}
CENTERS = [None, "mean", MEAN]


def activations(shape=(5, 12), seed=1):
    h = np.random.default_rng(seed).normal(size=shape) * 10 + 3
    h[..., 0] = -0.0  # a zero whose sign an addition of 0 would lose
    return h


def bits(h):
    return h.view(torch.uint8).numpy().tobytes() if isinstance(h, torch.Tensor) else h.tobytes()


def doubles(h):
    return h.double().numpy() if isinstance(h, torch.Tensor) else h.astype(np.float64)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(params=[(12,), (5, 12), (2, 4, 12), (2, 3, 4, 12)], ids=str)
def h(request, kind):
    return KINDS[kind](activations(request.param))


@pytest.mark.parametrize("center", [None, MEAN])
def test_steering_by_1_is_an_exact_no_op(h, center):
    assert bits(steer(h, BASIS, 1.0, center=center)) == bits(h)


@pytest.mark.parametrize("center", [None, MEAN])
def test_steering_by_0_is_ablation_bit_for_bit(h, center):
    ablated = ablate(h, BASIS, center=center)
    assert bits(steer(h, BASIS, 0.0, center=center)) == bits(ablated)
    assert bits(ablated) != bits(h)


def test_patching_with_ones_own_activations_is_an_exact_no_op(h):
    assert bits(patch_subspace(h, h, BASIS)) == bits(h)


def test_dtype_shape_and_device_stay(h):
    for edited in (ablate(h, BASIS), patch_subspace(h, h * 2, BASIS)):
        assert type(edited) is type(h)
        assert (edited.dtype, edited.shape) == (h.dtype, h.shape)


@pytest.mark.parametrize("center", CENTERS, ids=str)
@pytest.mark.parametrize("alpha", [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
def test_steering_is_the_paper_s_equation(kind, alpha, center):
    h = KINDS[kind](activations((2, 4, 12)))
    exact = doubles(h)
    c = {"mean": exact.reshape(-1, 12).mean(axis=0)}.get(center, 0) if center is not MEAN else MEAN
    expected = c + (exact - c) @ (np.eye(12) - P) + alpha * (exact - c) @ P
    steered = doubles(steer(h, BASIS, alpha, center=center))
    np.testing.assert_allclose(steered, expected, atol=TOLERANCE.get(kind, 1e-4) * 10)


def test_ablation_leaves_nothing_in_the_subspace_and_all_outside():
    h = activations()
    ablated = ablate(h, BASIS)
    np.testing.assert_allclose(ablated @ BASIS, 0, atol=1e-12)
    np.testing.assert_allclose(ablated @ (np.eye(12) - P), h @ (np.eye(12) - P), atol=1e-12)


def test_centred_ablation_leaves_the_mean():
    h = activations((50, 12))
    ablated = ablate(h, BASIS, center="mean")
    np.testing.assert_allclose(ablated.mean(axis=0), h.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose((ablated - h.mean(axis=0)) @ BASIS, 0, atol=1e-12)
    assert np.abs(ablate(h, BASIS).mean(axis=0) - h.mean(axis=0)).max() > 1


def test_pooling_commutes_with_ablation():
    tokens = torch.from_numpy(activations((3, 8, 12))).float()
    torch.testing.assert_close(
        ablate(tokens, BASIS).mean(1), ablate(tokens.mean(1), BASIS), atol=1e-5, rtol=0
    )


def test_patching_takes_the_component_of_the_donor():
    h, donor = activations(), activations(seed=2)
    patched = patch_subspace(h, donor, BASIS)
    np.testing.assert_allclose(patched, h @ (np.eye(12) - P) + donor @ P, atol=1e-12)


def test_a_pooled_donor_reaches_every_token_of_its_clip():
    h, donor = activations((2, 4, 12)), activations((2, 12), seed=2)
    patched = patch_subspace(h, donor, BASIS)
    for token in range(4):
        np.testing.assert_allclose(patched[:, token] @ BASIS, donor @ BASIS, atol=1e-12)
    np.testing.assert_array_equal(patched, patch_subspace(h, donor[:, None], BASIS))


@pytest.mark.parametrize("directions", [(12,), (2, 12), (2, 1, 12), (2, 4, 12)], ids=str)
@pytest.mark.parametrize("center", CENTERS, ids=str)
def test_perturbations_have_the_norm_of_the_ablation_and_leave_the_subspace(
    kind, directions, center
):
    h = KINDS[kind](activations((2, 4, 12)))
    u = np.random.default_rng(3).normal(size=directions)
    moved = doubles(equal_norm_perturbation(h, BASIS, u, center=center)) - doubles(h)
    removed = doubles(ablate(h, BASIS, center=center)) - doubles(h)
    tolerance = TOLERANCE.get(kind, 1e-4) * 10
    np.testing.assert_allclose(
        np.linalg.norm(moved, axis=-1), np.linalg.norm(removed, axis=-1), atol=tolerance
    )
    np.testing.assert_allclose(moved @ BASIS, 0, atol=tolerance)


def test_directions_close_to_the_subspace_leave_it_in_single_precision_too():
    h = BASIS[:, 1].astype(np.float32)
    direction = BASIS[:, 0] + 1e-3 * RNG.normal(size=12)
    moved = equal_norm_perturbation(h, BASIS, direction) - h
    assert np.linalg.norm(moved) == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(moved @ BASIS, 0, atol=2e-6)


def test_directions_are_per_clip_where_they_have_a_clip_axis():
    h, u = activations((2, 4, 12)), RNG.normal(size=(2, 12))
    moved = equal_norm_perturbation(h, BASIS, u) - h
    outside = u - u @ P
    for clip in range(2):
        unit = outside[clip] / np.linalg.norm(outside[clip])
        norms = np.linalg.norm(h[clip] @ BASIS, axis=-1, keepdims=True)
        np.testing.assert_allclose(moved[clip], norms * unit, atol=1e-12)


def test_numpy_and_torch_agree():
    h, donor, u = activations(), activations(seed=2), RNG.normal(size=12)
    there = [torch.from_numpy(a) for a in (h, donor, BASIS, u)]
    for ours, theirs in [
        (steer(h, BASIS, -0.5, center="mean"), steer(there[0], there[2], -0.5, center="mean")),
        (patch_subspace(h, donor, BASIS), patch_subspace(there[0], donor, there[2])),
        (ablate(h, BASIS, center=MEAN), ablate(there[0], BASIS, center=torch.from_numpy(MEAN))),
        (
            equal_norm_perturbation(h, there[2], u),
            equal_norm_perturbation(there[0], BASIS, there[3]),
        ),
    ]:
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12)


def test_gradients_pass():
    h = torch.from_numpy(activations()).requires_grad_()
    ablate(h, BASIS).sum().backward()
    np.testing.assert_allclose(h.grad, np.ones((5, 12)) @ (np.eye(12) - P), atol=1e-12)


@pytest.mark.gpu
def test_edits_stay_on_the_device():
    h = torch.from_numpy(activations()).float().cuda()
    for edited in (ablate(h, BASIS), patch_subspace(h, h.cpu().numpy(), BASIS)):
        assert edited.device == h.device
    assert torch.equal(steer(h, BASIS, 1.0), h)


def test_refuses_whole_numbers():
    for h in (np.ones((2, 12), dtype=int), torch.ones(2, 12, dtype=torch.int64)):
        with pytest.raises(ValueError, match="must be floating-point, got"):
            ablate(h, BASIS)


@pytest.mark.parametrize("basis", [BASIS[:5], BASIS[:, 0]])
def test_refuses_a_basis_of_another_shape(basis):
    with pytest.raises(ValueError, match=r"basis of shape \(12, rank\), got"):
        ablate(activations(), basis)


@pytest.mark.parametrize("basis", [2 * BASIS, np.full((12, 1), np.nan), BASIS[:, [0, 0]]])
def test_refuses_a_basis_that_is_not_orthonormal(basis):
    with pytest.raises(ValueError, match="must be orthonormal"):
        ablate(activations(), basis)


@pytest.mark.parametrize("center", [MEAN[:5], np.full(12, np.nan), np.zeros((1, 12))])
def test_refuses_a_center_that_is_no_finite_vector(center):
    with pytest.raises(ValueError, match="finite vector of width 12"):
        ablate(activations(), BASIS, center=center)


def test_refuses_the_mean_of_one_activation():
    with pytest.raises(ValueError, match="mean of one activation is itself"):
        ablate(activations((1, 12)), BASIS, center="mean")


def test_refuses_an_alpha_that_is_not_finite():
    with pytest.raises(ValueError, match="alpha must be finite, got nan"):
        steer(activations(), BASIS, float("nan"))


@pytest.mark.parametrize("shape", [(4, 12), (5, 11), (5, 1, 12)])
def test_refuses_a_donor_that_does_not_fit(shape):
    with pytest.raises(ValueError, match=r"The donor must have .* \(5, 12\), got"):
        patch_subspace(activations(), np.ones(shape), BASIS)


def test_refuses_directions_that_do_not_fit():
    with pytest.raises(ValueError, match="A direction must have"):
        equal_norm_perturbation(activations(), BASIS, np.ones((3, 12)))


@pytest.mark.parametrize("direction", [BASIS[:, 1], np.zeros(12), np.full(12, np.nan)])
def test_refuses_a_direction_inside_the_subspace(direction):
    with pytest.raises(ValueError, match="inside the subspace"):
        equal_norm_perturbation(activations(), BASIS, direction)
