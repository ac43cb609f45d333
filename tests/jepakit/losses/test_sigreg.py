"""The three SIGReg kinds against slow float64 references, known constants and limit cases."""

import math

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from jepakit.losses import (
    LogDetSigReg,
    SketchedSigReg,
    SmallBatchWarning,
    SpectralSigReg,
)
from jepakit.losses.epps_pulley import characteristic_sums, epps_pulley, unit_directions
from jepakit.losses.log_determinant import log_determinant
from jepakit.seeds import generator

KINDS = [SpectralSigReg, SketchedSigReg, LogDetSigReg]
small = pytest.mark.filterwarnings("ignore::jepakit.losses.SmallBatchWarning")


def gaussian(batch, width, seed=0, dtype=torch.float32):
    """Draws from the standard normal."""
    return torch.randn(batch, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def deficient(case, batch=24, width=12):
    """Batches whose covariance has no inverse."""
    z = gaussian(batch, width)
    return {
        "zero": torch.zeros(batch, width),
        "constant": torch.ones(batch, width) * 3,
        "duplicates": z[:1].repeat(batch, 1) * 7,
        "rank one": z[:, :1] * z[:1],
        "rank two": z[:, :2] @ z[:2],
        "two samples": z[:2],
        "fewer than wide": z[:6],
        "one live feature": z * torch.eye(width)[0],
        "tiny": z * 1e-6,
        "huge": z[:, :1] * z[:1] * 1e3,
    }[case]


DEFICIENT = [
    "zero", "constant", "duplicates", "rank one", "rank two", "two samples", "fewer than wide",
    "one live feature", "tiny", "huge",
]  # fmt: skip


def spectral_oracle(z):
    """KL of normalised singular values against 1/r by the SVD, in float64."""
    z = z.double()
    sigma = torch.linalg.svdvals(z - z.mean(dim=0))
    rank = min(len(z) - 1, z.shape[1])
    p = (sigma / sigma.sum())[:rank]
    return sum(x * math.log(x * rank) for x in p.tolist() if x > 0)


def epps_pulley_oracle(projection):
    """The quadrature as two plain loops: 17 knots on [0, 3], trapezoid, doubled by symmetry."""
    total, step = 0.0, 3 / 16
    for j in range(17):
        t = j * step
        cosine = sum(math.cos(t * x) for x in projection) / len(projection)
        sine = sum(math.sin(t * x) for x in projection) / len(projection)
        distance = (cosine - math.exp(-t * t / 2)) ** 2 + sine**2
        total += (step if j in (0, 16) else 2 * step) * math.exp(-t * t / 2) * distance
    return total


# ---------------------------------------------------------------- spectral


@small
@pytest.mark.parametrize(("batch", "width"), [(40, 12), (12, 40), (13, 12), (12, 12), (2, 5)])
def test_spectral_equals_the_svd(batch, width):
    z = gaussian(batch, width, dtype=torch.float64) * torch.linspace(0.1, 2, width)
    exact = SpectralSigReg(variance_weight=0.0, epsilon=1e-14)(z)
    assert exact.item() == pytest.approx(spectral_oracle(z), abs=1e-6)
    single = SpectralSigReg(variance_weight=0.0)(z.float())
    assert single.item() == pytest.approx(spectral_oracle(z), abs=2e-3)


@small
def test_spectral_gradient_equals_that_of_the_svd():
    z = gaussian(30, 10, dtype=torch.float64).requires_grad_()
    (ours,) = torch.autograd.grad(SpectralSigReg(variance_weight=0.0, epsilon=1e-14)(z), z)
    sigma = torch.linalg.svdvals(z - z.mean(dim=0))
    p = sigma / sigma.sum()
    (theirs,) = torch.autograd.grad((p * (10 * p).log()).sum(), z)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


@small
@pytest.mark.parametrize(("batch", "floor"), [(128, 0.112), (1024, 0.025)])
def test_spectral_floor_of_a_gaussian_batch(batch, floor):
    score = SpectralSigReg(variance_weight=0.0)(gaussian(batch, 192)).item()
    assert score == pytest.approx(floor, rel=0.05)


@pytest.mark.parametrize(("batch", "floor"), [(32, 1.90), (128, 0.74), (1024, 0.095)])
def test_floors_quoted_elsewhere_are_those_of_eigenvalues_against_one_over_d(batch, floor):
    z = gaussian(batch, 192, dtype=torch.float64)
    p = torch.linalg.svdvals(z - z.mean(dim=0)).square()
    p = p / p.sum()
    assert (torch.special.xlogy(p, p * 192)).sum().item() == pytest.approx(floor, rel=0.03)


@small
def test_spectral_is_zero_for_equal_singular_values_and_largest_for_rank_one():
    q = torch.linalg.qr(torch.cat([torch.ones(33, 1), gaussian(33, 32)], dim=1))[0][:, 1:]
    bare = SpectralSigReg(variance_weight=0.0)
    assert bare(q[:, :8]).item() == pytest.approx(0, abs=1e-5)
    one = deficient("rank one", 64, 8)
    assert bare(one).item() == pytest.approx(math.log(8), rel=0.05)


@small
def test_the_paper_formula_is_blind_to_scale_and_the_floor_cures_it():
    z = gaussian(256, 16)
    bare, floored = SpectralSigReg(variance_weight=0.0), SpectralSigReg()
    assert bare(1e-2 * z).item() == pytest.approx(bare(z).item(), rel=1e-3)
    assert bare(1e-4 * z).item() == pytest.approx(bare(z).item(), rel=0.02)
    assert floored(1e-4 * z) - floored(z) > 0.9
    shrunk = (1e-2 * z).requires_grad_()
    floored(shrunk).backward()
    assert (shrunk.grad * shrunk).sum() < 0  # the gradient step spreads the batch


@small
def test_spectral_keeps_a_full_spread_batch_free_of_the_floor():
    z = 2 * gaussian(256, 16)
    assert torch.equal(SpectralSigReg()(z), SpectralSigReg(variance_weight=0.0)(z))


def test_spectral_warns_once_below_eight_samples_per_feature():
    loss = SpectralSigReg()
    with pytest.warns(SmallBatchWarning, match="SpectralSigReg on 63 samples of width 8: below 64"):
        loss(gaussian(63, 8))
    loss(gaussian(63, 8))
    SpectralSigReg()(gaussian(64, 8))


# ---------------------------------------------------------------- sketched


def test_sketched_equals_the_double_loop():
    z = gaussian(20, 6, dtype=torch.float64) * 1.7 + 0.3
    axes = unit_directions(6, 9, generator=generator("sigreg", 5), dtype=torch.float64)
    expected = [epps_pulley_oracle((z @ axes[:, k]).tolist()) for k in range(9)]
    for normalize, factor in (("per_sample", 1), ("published", 20)):
        score = SketchedSigReg(directions=9, normalize=normalize)(z, step=5)
        assert score.item() == pytest.approx(factor * sum(expected) / 9, rel=1e-9)


def test_sketched_approaches_the_closed_form_of_epps_and_pulley():
    """Over the whole line the integral is known; the weight beyond 3 is all that is missing."""
    x = (gaussian(50, 1, dtype=torch.float64) * 1.5)[:, 0]
    pairs = torch.exp(-(x.unsqueeze(0) - x.unsqueeze(1)).square() / 2).mean()
    whole = (
        math.sqrt(2 * math.pi) * pairs - 2 * math.sqrt(math.pi) * torch.exp(-x.square() / 4).mean()
    )
    whole = whole + math.sqrt(2 * math.pi / 3)
    means = characteristic_sums(x.unsqueeze(1), torch.ones(1, 1, dtype=torch.float64)) / 50
    assert epps_pulley(*means.unbind()).item() == pytest.approx(whole.item(), rel=0.03)


def test_sketched_constants():
    scores = [
        SketchedSigReg(normalize="published")(gaussian(512, 64, seed), step=seed).item()
        for seed in range(8)
    ]
    assert sum(scores) / 8 == pytest.approx(1.05, rel=0.05)
    collapsed = SketchedSigReg(normalize="published")(torch.zeros(128, 64)).item()
    assert collapsed == pytest.approx(0.402 * 128, rel=2e-3)
    assert SketchedSigReg()(torch.zeros(128, 64)).item() == pytest.approx(0.402, rel=2e-3)


def test_sketched_collapse_is_a_stationary_point():
    z = torch.zeros(16, 4, requires_grad=True)
    SketchedSigReg()(z).backward()
    assert torch.equal(z.grad, torch.zeros(16, 4))


def test_sketched_directions_follow_the_step():
    z, loss = gaussian(32, 8), SketchedSigReg(directions=4)
    assert torch.equal(loss(z, step=3), loss(z, step=3))
    assert not torch.equal(loss(z, step=3), loss(z, step=4))


def test_directions_have_length_one_and_no_preference():
    axes = unit_directions(3, 4000, generator=generator("test"))
    torch.testing.assert_close(axes.norm(dim=0), torch.ones(4000))
    torch.testing.assert_close(axes @ axes.T / 4000, torch.eye(3) / 3, atol=0.02, rtol=0)


def test_characteristic_sums_against_direct_cosines_and_finite_differences():
    z = gaussian(7, 3, dtype=torch.float64).requires_grad_()
    axes = gaussian(3, 5, 1, dtype=torch.float64)
    t = (3 / 16 * torch.arange(1, 17, dtype=torch.float64)).view(-1, 1, 1)
    angle = t * (z @ axes)
    direct = torch.stack([angle.cos().sum(dim=1), angle.sin().sum(dim=1)])
    torch.testing.assert_close(characteristic_sums(z, axes), direct, rtol=1e-12, atol=1e-12)
    assert torch.autograd.gradcheck(lambda x: characteristic_sums(x, axes, chunk=14), (z,))


def test_characteristic_sums_are_exact_enough_in_float32():
    z, axes = 3 * gaussian(200, 32), unit_directions(32, 64, generator=generator("test"))
    double = characteristic_sums(z.double(), axes.double()) / 200
    assert (characteristic_sums(z, axes) / 200 - double).abs().max() < 2e-6


def test_characteristic_sums_stay_within_the_chunk():
    largest = 0

    class Record(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor) and not func.is_view:
                largest = max(largest, out.numel())
            return out

    z, axes = gaussian(64, 8).requires_grad_(), gaussian(8, 200)
    whole = characteristic_sums(z, axes)
    (whole_gradient,) = torch.autograd.grad(whole.square().sum(), z)
    with Record():
        sums = characteristic_sums(z, axes, chunk=1024)
        (gradient,) = torch.autograd.grad(sums.square().sum(), z)
    torch.testing.assert_close(sums, whole)
    torch.testing.assert_close(gradient, whole_gradient, rtol=1e-4, atol=1e-2)
    assert largest <= sums.numel()  # 6400; a whole (b, k) block has 12800 elements


# ---------------------------------------------------------------- logdet


@small
@pytest.mark.parametrize(("batch", "width"), [(40, 8), (8, 20), (9, 9)])
def test_logdet_equals_the_eigenvalues(batch, width):
    z = gaussian(batch, width, dtype=torch.float64) * 1.3 + 0.5
    mean = z.mean(dim=0)
    s = (z - mean).T @ (z - mean) / batch
    ridged = torch.linalg.eigvalsh(s) + 1e-4 * (1 + s.trace() / width)
    expected = 0.5 * (s.trace() + mean @ mean - width - ridged.log().sum())
    assert LogDetSigReg()(z).item() == pytest.approx(expected.item(), rel=1e-9)
    assert LogDetSigReg()(z.float()).item() == pytest.approx(expected.item(), rel=1e-3)


def test_logdet_is_the_divergence_between_gaussians():
    z = gaussian(4000, 6, dtype=torch.float64) @ gaussian(6, 6, 1, dtype=torch.float64) + 0.4
    centred = z - z.mean(dim=0)
    fitted = torch.distributions.MultivariateNormal(z.mean(dim=0), centred.T @ centred / 4000)
    zero, eye = torch.zeros(6, dtype=torch.float64), torch.eye(6, dtype=torch.float64)
    standard = torch.distributions.MultivariateNormal(zero, eye)
    expected = torch.distributions.kl_divergence(fitted, standard).item()
    assert LogDetSigReg(epsilon=1e-12)(z).item() == pytest.approx(expected, rel=1e-9)


def test_logdet_is_least_at_mean_zero_and_covariance_one():
    z = gaussian(64, 8, dtype=torch.float64)
    z = z - z.mean(dim=0)
    white = z @ torch.linalg.inv(torch.linalg.cholesky(z.T @ z / 64)).T
    loss = LogDetSigReg(epsilon=1e-10)
    least = loss(white)
    assert least.item() == pytest.approx(0, abs=1e-7)
    for other in (0.5 * white, 2 * white, white + 1, white[:, [0, 0, 1, 2, 3, 4, 5, 6]]):
        assert loss(other) > least + 0.5


def test_log_determinant_value_gradient_and_verdict():
    a = gaussian(5, 5, dtype=torch.float64)
    m = (a @ a.T + torch.eye(5)).requires_grad_()
    assert log_determinant(m).item() == pytest.approx(torch.logdet(m).item())
    (ours,) = torch.autograd.grad(log_determinant(m), m)
    (theirs,) = torch.autograd.grad(torch.logdet(m), m)
    torch.testing.assert_close(ours, theirs)
    assert log_determinant(-m).isnan()


def test_logdet_warns_where_the_covariance_is_singular():
    with pytest.warns(SmallBatchWarning, match="LogDetSigReg on 8 samples of width 8"):
        LogDetSigReg()(gaussian(8, 8))


# ---------------------------------------------------------------- all kinds


@small
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", DEFICIENT)
def test_value_and_gradient_stay_finite_on_deficient_batches(kind, case):
    z = deficient(case).requires_grad_()
    value = kind()(z)
    value.backward()
    assert value.isfinite()
    assert z.grad.isfinite().all()
    assert z.grad.abs().max() < 1e4


@small
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_against_finite_differences(kind):
    z = gaussian(12, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(kind(), (z,))
    wide = gaussian(4, 6, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(kind(), (wide,), atol=1e-4)


@small
@pytest.mark.parametrize("kind", KINDS)
def test_order_of_the_samples_does_not_matter(kind):
    z = gaussian(40, 8)
    loss = kind()
    assert loss(z.flip(0)).item() == pytest.approx(loss(z).item(), rel=1e-5)


@small
@pytest.mark.parametrize("kind", KINDS)
def test_autocast_and_half_precision_do_not_reach_the_statistics(kind):
    z, loss = gaussian(40, 8).bfloat16(), kind()
    full = loss(z.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(z), full)
        assert torch.equal(loss(z.float()), full)
    assert full.dtype == torch.float32


@small
@pytest.mark.parametrize("kind", KINDS)
def test_forward_never_waits_for_the_device(kind):
    loss = kind()
    with FakeTensorMode():  # reading a fake tensor on the host raises
        for batch in (40, 4):
            assert loss(torch.randn(batch, 8)).shape == ()


@small
@pytest.mark.parametrize("kind", KINDS)
def test_nan_features_give_a_nan_loss(kind):
    z = gaussian(40, 8)
    z[3, 2] = math.nan
    assert kind()(z).isnan()


@small
@pytest.mark.parametrize("kind", KINDS)
def test_descent_spreads_a_narrow_batch(kind):
    z = gaussian(64, 8) * torch.tensor([1.0, 1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05])
    z.requires_grad_()
    optimizer, loss = torch.optim.Adam([z], lr=0.05), kind()
    for step in range(120):
        optimizer.zero_grad()
        loss(z, step=step).backward()
        optimizer.step()
    assert z.detach().std(dim=0).min() > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_one_is_refused(kind):
    with pytest.raises(ValueError, match="needs at least 2, got a batch of 1"):
        kind()(torch.zeros(1, 4))


def test_refusals():
    with pytest.raises(ValueError, match=r"variance_weight \(-1.0\)"):
        SpectralSigReg(variance_weight=-1.0)
    with pytest.raises(ValueError, match="epsilon must be above 0, got 0"):
        SpectralSigReg(epsilon=0.0)
    with pytest.raises(ValueError, match="epsilon must be above 0, got -1"):
        LogDetSigReg(epsilon=-1.0)
    with pytest.raises(ValueError, match="directions must be at least 1, got 0"):
        SketchedSigReg(directions=0)
