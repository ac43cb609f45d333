"""Linear CKA: whether two models find the same tokens alike, whatever their axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class CentredTokens:
    """Tokens less their mean, in float64, with what CKA asks of one side alone.

    Attributes:
        values: tokens in rows.
        energy: sum of squares, the trace of their Gram matrix.
        self_similarity: Frobenius norm of their Gram matrix.
    """

    values: Float[np.ndarray, "n d"]
    energy: float
    self_similarity: float

    @classmethod
    def of(cls, tokens: Float[np.ndarray, "n d"]) -> CentredTokens:
        """Centre the tokens.

        Raises:
            ValueError: fewer than two tokens, values that are not finite, or tokens all alike.
        """
        if len(tokens) < 2 or not np.isfinite(tokens).all():
            raise ValueError(
                f"CKA needs at least 2 tokens of finite values, came {len(tokens)} with "
                f"{int((~np.isfinite(tokens)).sum())} values not finite."
            )
        values = tokens.astype(np.float64)
        values -= values.mean(axis=0)
        energy = float((values**2).sum())
        # Rounding of the mean leaves crumbs in place of zeros.
        if energy <= values.size * (1e-14 * float(np.abs(tokens).max())) ** 2:
            raise ValueError(f"All {len(tokens)} tokens are equal: they have no similarities.")
        return cls(values, energy, _product_norm(values, values))


def linear_cka(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m e"]) -> float:
    """``||X^T Y||_F^2 / (||X^T X||_F ||Y^T Y||_F)`` of centred tokens, all at once.

    1 where one is a rotated and scaled copy of the other. Independent tokens do not give 0, see
    :func:`chance_cka`. Kornblith et al. 2019, "Similarity of neural network representations
    revisited", eq. 4; the biased estimate over all tokens, in float64.

    Raises:
        ValueError: numbers of tokens differ or are below 2, values that are not finite, or tokens
            that are all alike.
    """
    return centred_cka(CentredTokens.of(x), CentredTokens.of(y))


def chance_cka(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m e"]) -> float:
    r"""Mean CKA over all ways of pairing the tokens of one side with those of the other.

    .. math:: \frac{\mathrm{tr}(K)\,\mathrm{tr}(L)}{(n - 1)\,\|K\|_F \|L\|_F},\quad
        K = X X^T,\ L = Y Y^T

    exactly, as a random order maps a centred Gram matrix to ``tr(L) / (n - 1)`` times the centring
    matrix on average. Of Gaussian noise of widths ``d`` and ``e`` about
    ``sqrt(d e / ((n + d) (n + e)))``.

    Raises:
        ValueError: as :func:`linear_cka`.
    """
    return centred_chance(CentredTokens.of(x), CentredTokens.of(y))


def centred_cka(x: CentredTokens, y: CentredTokens) -> float:
    """:func:`linear_cka` of tokens that are centred already."""
    _same_tokens(x, y)
    return _product_norm(x.values, y.values) ** 2 / (x.self_similarity * y.self_similarity)


def centred_chance(x: CentredTokens, y: CentredTokens) -> float:
    """:func:`chance_cka` of tokens that are centred already."""
    _same_tokens(x, y)
    aligned = x.energy * y.energy / (len(x.values) - 1)
    return aligned / (x.self_similarity * y.self_similarity)


def _product_norm(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n e"]) -> float:
    """``||X^T Y||_F``."""
    return float(np.linalg.norm(x.T @ y))


def _same_tokens(x: CentredTokens, y: CentredTokens) -> None:
    if len(x.values) != len(y.values):
        raise ValueError(
            f"CKA compares the same tokens in two models, came {len(x.values)} and {len(y.values)}."
        )
