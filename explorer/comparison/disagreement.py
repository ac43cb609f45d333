"""Where in a clip two models disagree about what is alike."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from explorer.comparison.cka import CentredTokens
from explorer.comparison.common_grid import paired_tokens
from explorer.latents import Latents


def disagreement_map(first: Latents, second: Latents) -> Float[np.ndarray, "tt hh ww"]:
    r"""One less the cosine between a token's similarities to all tokens in both models.

    With centred Gram matrices :math:`K = X X^T` and :math:`L = Y Y^T`,

    .. math:: 1 - \frac{\langle K_i, L_i\rangle}{\|K_i\| \|L_i\|}
        = 1 - \frac{x_i^T X^T Y y_i}{\sqrt{x_i^T X^T X x_i \cdot y_i^T Y^T Y y_i}}.

    Nothing is fitted, and turning or scaling a model's latents changes nothing: 0 where both find
    the same tokens alike, about 1 where their similarities are unrelated, at most 2. Weighted by
    :math:`\|K_i\| \|L_i\|`, the cosines add up to :func:`~explorer.comparison.cka.linear_cka`.

    Args:
        first: of one model.
        second: of the other, of the same clip; where grids differ, the map is of their common one.

    Raises:
        ValueError: other clips, or as :func:`~explorer.comparison.cka.linear_cka`.
    """
    one, other, grid = paired_tokens(first, second)
    cosine, _ = row_cosines(CentredTokens.of(one), CentredTokens.of(other))
    return (1 - cosine).reshape(grid)


def row_cosines(
    x: CentredTokens, y: CentredTokens
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Cosine between the rows of two Gram matrices, and the product of the rows' lengths.

    A row of zeros, of a token that is exactly the mean, has a cosine of 0.
    """
    shared = _quadratic(x.values, x.values.T @ y.values, y.values)
    lengths = np.sqrt(
        np.maximum(_quadratic(x.values, x.values.T @ x.values, x.values), 0)
        * np.maximum(_quadratic(y.values, y.values.T @ y.values, y.values), 0)
    )
    cosine = np.divide(shared, lengths, out=np.zeros_like(shared), where=lengths > 0)
    return np.clip(cosine, -1.0, 1.0), lengths


def _quadratic(
    x: Float[np.ndarray, "n d"], form: Float[np.ndarray, "d e"], y: Float[np.ndarray, "n e"]
) -> Float[np.ndarray, " n"]:
    """``x_i^T form y_i`` for every token."""
    return ((x @ form) * y).sum(axis=1)
