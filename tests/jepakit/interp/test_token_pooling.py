from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from jepakit.interp.pooling import StreamedPools, pool_tokens, pooled_width

GRID = (3, 2, 4)
TOKENS = torch.randn(2, 24, 5, generator=torch.Generator().manual_seed(0))


def slow(pool: str) -> np.ndarray:
    """Sums over every token of its place, one by one, in float64."""
    x = TOKENS.double().numpy()
    tubelets, rows, columns = GRID
    slots = {"mean": 1, "time_mean": tubelets, "space_mean": rows * columns, "tokens": 24}[pool]
    sums, counts = np.zeros((2, slots, 5)), np.zeros(slots)
    for token in range(24):
        time, place = divmod(token, rows * columns)
        slot = {"mean": 0, "time_mean": time, "space_mean": place, "tokens": token}[pool]
        sums[:, slot] += x[:, token]
        counts[slot] += 1
    return (sums / counts[:, None]).reshape(2, -1)


@pytest.mark.parametrize("pool", ["mean", "time_mean", "space_mean", "tokens"])
def test_agrees_with_sums_token_by_token(pool: str) -> None:
    rows = pool_tokens(TOKENS, pool, grid=GRID)
    assert rows.shape == (2, pooled_width(pool, 5, grid=GRID))
    np.testing.assert_allclose(rows.numpy(), slow(pool), atol=1e-6)


def test_means_of_half_precision_are_single_precision() -> None:
    half = pool_tokens(TOKENS.bfloat16(), "mean", grid=GRID)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, TOKENS.bfloat16().float().mean(dim=1))


def test_a_finer_mean_averages_to_the_coarser_one() -> None:
    mean = pool_tokens(TOKENS, "mean", grid=GRID)
    for pool in ("time_mean", "space_mean"):
        fine = pool_tokens(TOKENS, pool, grid=GRID).unflatten(1, (-1, 5))
        torch.testing.assert_close(fine.mean(dim=1), mean)


def test_readings_of_a_packed_activation() -> None:
    pools = StreamedPools({("a", "mean"): 5, ("a", "time_mean"): 5}, batch=2, grid=GRID)
    packed = TOKENS.flatten(0, 1)
    assert torch.equal(pools.edits["a"]("a", packed), packed)
    assert set(pools.rows) == {("a", "mean"), ("a", "time_mean")}
    for name, pool in pools.rows:
        assert torch.equal(pools.rows[name, pool], pool_tokens(TOKENS, pool, grid=GRID))


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(ValueError, match="Unknown pooling 'max'; choose from mean, time_mean"):
        inspect.unwrap(pooled_width)("max", 5, grid=GRID)
