"""The ridge proxy against closed forms, refits without a group, and its baseline."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from jepakit.interp.drift import token_drift
from jepakit.interp.ridge_proxy import CHOICES, RidgeProxy


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def related(tokens=60, width=7, out=5, noise=0.5, seed=0):
    """Tokens far from the origin, and a noisy affine image of them."""
    x = normal(tokens, width, seed=seed) * torch.arange(1, width + 1) + 30
    y = x @ normal(width, out, seed=seed + 1) + 100 + noise * normal(tokens, out, seed=seed + 2)
    return x, y


def closed_form(x, y, alpha):
    """Weights and intercept of the augmented system, its last diagonal entry without penalty."""
    x, y = x.numpy(), y.numpy()
    ones = np.column_stack([x, np.ones(len(x))])
    penalty = alpha * np.eye(x.shape[1] + 1)
    penalty[-1, -1] = 0
    solution = np.linalg.solve(ones.T @ ones + penalty, ones.T @ y)
    return solution[:-1], solution[-1]


@pytest.mark.parametrize("alpha", [1e-6, 3.0, 1e4])
def test_fit_is_the_closed_form_with_a_free_intercept(alpha):
    x, y = related()
    proxy = RidgeProxy.fit(x, y, alpha=alpha)
    weights, intercept = closed_form(x, y, alpha)
    np.testing.assert_allclose(proxy.weights, weights, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(proxy.intercept, intercept, rtol=1e-6)
    theirs = Ridge(alpha=alpha).fit(x.numpy(), y.numpy())
    np.testing.assert_allclose(proxy.weights.T, theirs.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(proxy.predict(x), theirs.predict(x.numpy()), rtol=1e-9)


def test_endless_penalty_leaves_the_mean():
    x, y = related()
    proxy = RidgeProxy.fit(x, y, alpha=1e18)
    np.testing.assert_allclose(proxy.predict(x)[0], y.mean(dim=0), rtol=1e-9)


def test_moving_the_data_moves_only_the_intercept():
    x, y = related()
    one, other = RidgeProxy.fit(x, y), RidgeProxy.fit(x - 500, y + 70)
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(one.predict(x) + 70, other.predict(x - 500), rtol=1e-9)


def test_trace_penalty_is_a_thousandth_of_the_mean_square():
    x, y = related()
    centred = (x - x.mean(dim=0)).numpy()
    expected = 1e-3 * np.trace(centred.T @ centred) / 7
    assert RidgeProxy.fit(x, y).alpha == pytest.approx(expected)
    assert RidgeProxy.fit(x, y).held_out == {}


def test_single_tokens_are_fitted_in_float64():
    x, y = related()
    proxy = RidgeProxy.fit(x.float(), y.float(), alpha=3.0)
    weights, _ = closed_form(x.float().double(), y.float().double(), 3.0)
    np.testing.assert_allclose(proxy.weights, weights, rtol=1e-9, atol=1e-11)
    assert proxy.predict(x.float()).dtype == torch.float32
    assert proxy.predict(x.bfloat16()).dtype == torch.float32
    assert proxy.predict(x.reshape(3, 20, 7)).shape == (3, 20, 5)


def test_left_out_errors_are_those_of_refits():
    x, y = related(tokens=40)
    groups = [f"image {(7 * i) % 40 // 9}" for i in range(40)]  # uneven, interleaved
    proxy = RidgeProxy.fit(x, y, alpha="choose", groups=groups)
    assert len(proxy.held_out) == len(CHOICES)
    for alpha, error in proxy.held_out.items():
        total = 0.0
        for name in set(groups):
            out = torch.tensor([g == name for g in groups])
            weights, intercept = closed_form(x[~out], y[~out], alpha)
            total += ((x[out].numpy() @ weights + intercept - y[out].numpy()) ** 2).sum()
        assert error == pytest.approx(total / y.numel(), rel=1e-6)
    assert proxy.alpha == min(proxy.held_out, key=proxy.held_out.get)
    weights, _ = closed_form(x, y, proxy.alpha)
    np.testing.assert_allclose(proxy.weights, weights, rtol=1e-6, atol=1e-8)


def test_choice_goes_with_the_noise():
    clean = RidgeProxy.fit(*related(noise=0.0), alpha="choose", groups=[i // 6 for i in range(60)])
    x, _ = related()
    noise = RidgeProxy.fit(
        x, normal(60, 5, seed=9), alpha="choose", groups=[i // 6 for i in range(60)]
    )
    assert clean.alpha == min(clean.held_out)
    assert noise.alpha == max(noise.held_out)


def test_whole_groups_are_left_out_not_tokens():
    """Twins in one group: leaving out single tokens would find that memory helps."""
    x, y = normal(12, 20), normal(12, 4, seed=1)
    twins, targets = x.repeat_interleave(2, 0), y.repeat_interleave(2, 0)
    by_image = RidgeProxy.fit(twins, targets, alpha="choose", groups=[i // 2 for i in range(24)])
    by_token = RidgeProxy.fit(twins, targets, alpha="choose", groups=list(range(24)))
    assert by_token.alpha < by_image.alpha
    assert min(by_token.held_out.values()) < 1e-3 < 0.5 < min(by_image.held_out.values())


def test_more_dimensions_than_tokens():
    x, y = normal(10, 30), normal(10, 3, seed=1)
    proxy = RidgeProxy.fit(x, y, alpha=0.5)
    weights, intercept = closed_form(x, y, 0.5)
    np.testing.assert_allclose(proxy.weights, weights, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(proxy.intercept, intercept, rtol=1e-7)


def test_identity_copies_to_the_last_bit():
    x = normal(2, 9, 16).float()
    baseline = RidgeProxy.identity(16)
    assert torch.equal(baseline.predict(x), x)
    assert not token_drift(x, baseline.predict(x)).any()


def test_a_residual_stream_makes_copying_good():
    last = normal(300, 16).float()
    final = last + 0.1 * normal(300, 16, seed=1).float()
    drift = token_drift(final[None], RidgeProxy.identity(16).predict(last)[None]).mean().item()
    assert 0 < drift < 0.01


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": torch.zeros(3, 2)}, "same tokens on both sides"),
        ({"x": torch.zeros(1, 2), "y": torch.zeros(1, 2)}, "at least 2"),
        ({"y": torch.full((4, 2), float("nan"))}, "finite tokens"),
        ({"x": torch.ones(4, 2)}, "do not vary"),
        ({"alpha": 0.0}, "positive finite number, got 0"),
        ({"alpha": float("inf")}, "positive finite number"),
        ({"alpha": "choose"}, "group of each of the 4 tokens"),
        ({"alpha": "choose", "groups": [0, 0, 0, 0]}, "at least 2 groups"),
        ({"alpha": "choose", "groups": [0, 1, 0]}, "got 3 tokens in 2 groups"),
    ],
)
def test_refuses_what_it_cannot_fit(changes, message):
    arguments = {"x": normal(4, 2), "y": normal(4, 2, seed=1)} | changes
    with pytest.raises(ValueError, match=message):
        RidgeProxy.fit(**arguments)


def test_refuses_another_width():
    with pytest.raises(ValueError, match="width 4, got 5"):
        RidgeProxy.identity(4).predict(torch.zeros(2, 5))
