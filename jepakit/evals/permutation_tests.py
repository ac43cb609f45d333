"""Tests by exchange: sign flips of paired differences, permuted labels, many tests at once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

EXACT_UP_TO = 20_000  # sign patterns: 14 differences
CHUNK_ELEMENTS = 4_000_000  # 32 MB of signs at a time
TIE = 1e-9  # relative: sums of the same numbers in another order are ties


def sign_flip_p(
    d: Float[np.ndarray, " n"], *, rng: np.random.Generator, draws: int = 20_000
) -> float:
    """Two-sided p of a mean paired difference under random signs (Fisher's randomisation test).

    Exact, the share of all ``2^n`` sign patterns whose ``|sum s_i d_i|`` is at least that of the
    data, where these are at most 20 000 (n up to 14); the smallest possible is then ``2 / 2^n``.
    Otherwise ``(1 + b) / (1 + B)`` with ``b`` of ``B`` random patterns (Phipson and Smyth 2010).

    Args:
        d: differences that are symmetric around 0 where there is no effect.
        rng: draws the signs; not used where the test is exact.
        draws: number of random patterns.

    Raises:
        ValueError: no differences, one that is not finite, or no draws.
    """
    if not d.size or not np.isfinite(d).all() or draws < 1:
        raise ValueError(
            f"A sign-flip test needs finite differences and at least 1 draw, got {d.size} of which "
            f"{int((~np.isfinite(d)).sum())} not finite, and {draws} draws."
        )
    values = d.astype(np.float64)
    observed = abs(float(values.sum())) - TIE * float(np.abs(values).sum())
    if len(values) < 63 and 2 ** len(values) <= EXACT_UP_TO:
        patterns = np.arange(2 ** len(values))[:, None] >> np.arange(len(values)) & 1
        return float((np.abs((1 - 2 * patterns) @ values) >= observed).mean())
    rows = max(1, CHUNK_ELEMENTS // len(values))
    as_large = 0
    for start in range(0, draws, rows):
        signs = 1 - 2 * rng.integers(0, 2, (min(rows, draws - start), len(values)))
        as_large += int((np.abs(signs @ values) >= observed).sum())
    return (1 + as_large) / (1 + draws)


def permutation_p(observed: float, null: Float[np.ndarray, " draws"]) -> float:
    """``(1 + b) / (1 + B)`` with ``b`` of ``B`` permuted values at or above the observed one.

    One-sided: large is what the test looks for. Never 0, as the observed order of labels is one of
    the permutations (Phipson and Smyth 2010).

    Raises:
        ValueError: no permuted values, or a value that is not finite.
    """
    if not null.size or not np.isfinite(null).all() or not np.isfinite(observed):
        raise ValueError(
            f"A permutation test needs finite values, got {observed} observed and {null.size} "
            f"permuted, {int((~np.isfinite(null)).sum())} of them not finite."
        )
    return (1 + int((null >= observed).sum())) / (1 + null.size)


def holm(p: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    """Holm's step-down adjustment: reject where the adjusted p is at most the wanted error rate.

    In rising order ``max_(j <= i) min(1, (m - j + 1) p_j)``, given back in the order that came
    (Holm 1979). Holds whatever the dependence between the tests.

    Raises:
        ValueError: a value outside 0 to 1.
    """
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p values lie between 0 and 1, got {p.tolist()}.")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(1.0, stepped)
    return adjusted
