"""How much every token of a clip resembles the clicked ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explorer.latents import Latents, Token
from explorer.tracking.centring import Centring, common_part

SAME = 1e-5  # what is left of a token below this share of what was taken is rounding
BLOCK = 256  # tokens at a time: they stay in the cache between the passes over them


@dataclass(frozen=True)
class Query:
    """What is looked for: tokens that show it, and tokens that do not.

    Attributes:
        positives: clicks on the object, at least one.
        negatives: clicks on what it must not be taken for.
        name: shown to people.
    """

    positives: tuple[Token, ...]
    negatives: tuple[Token, ...] = ()
    name: str = "object 1"


def similarity(
    latents: Latents,
    positives: Sequence[Token],
    negatives: Sequence[Token] = (),
    *,
    average: int = 1,
    centring: Centring = "clip",
) -> Float[np.ndarray, "tt hh ww"]:
    """Cosine of every token with the most similar clicked one.

    ``s(x) = max_i cos(x, p_i) - max_j cos(x, n_j)`` of centred tokens, the second term only where
    there are negatives: then ``s > 0`` exactly where a token is nearer to a positive click than to
    every negative one. A token of which centring leaves nothing has no direction: its cosine is 0.

    Args:
        latents: of one clip.
        positives: clicks on the object.
        negatives: clicks on what it must not be taken for.
        average: side of the square of tokens that stands for a click, 1 or an odd number: 3
            averages a click with its eight neighbours in the slice, fewer at the border. Steadies
            clicks inside of objects of several tokens; blurs those on smaller ones.
        centring: see :data:`explorer.tracking.centring.Centring`.

    Raises:
        ValueError: no positive click, one outside of the clip, or an even ``average``.
    """
    if not positives:
        raise ValueError("A query needs at least one positive click, came none.")
    common = common_part(latents.values, centring)
    clicks = [_clicked(latents, common, token, average) for token in (*positives, *negatives)]
    cosines = _cosines(latents, common, unit_rows(np.stack(clicks)))
    score = cosines[:, : len(positives)].max(axis=1)
    if negatives:
        score = score - cosines[:, len(positives) :].max(axis=1)
    return score.reshape(latents.grid)


def unit_rows(tokens: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Tokens at norm 1; 0 stays 0."""
    return tokens * _inverse(_norms(tokens), 0.0)[:, None]


def check_click(latents: Latents, token: Token) -> None:
    """Refuse a token outside of the clip.

    Raises:
        ValueError: it is one.
    """
    if any(not 0 <= place < size for place, size in zip(token, latents.grid, strict=True)):
        raise ValueError(
            f"A click must lie in the {latents.grid} (slices, rows, columns) of the clip, came "
            f"{token}."
        )


def _cosines(
    latents: Latents, common: Float[np.ndarray, "hh ww d"], directions: Float[np.ndarray, "q d"]
) -> Float[np.ndarray, "n q"]:
    """Cosine of every token, centred, with every direction."""
    slices, rows, columns = latents.grid
    tokens = latents.values.reshape(slices, rows * columns, -1)
    taken = common.reshape(rows * columns, -1)
    rounding = SAME * _norms(taken)
    out = np.empty((slices, rows * columns, len(directions)), np.float32)
    for start in range(0, rows * columns, BLOCK):
        block = slice(start, start + BLOCK)
        for time in range(slices):
            left = tokens[time, block] - taken[block]
            scale = _inverse(_norms(left), rounding[block])
            out[time, block] = (left @ directions.T) * scale[:, None]
    return out.reshape(-1, len(directions))


def _clicked(
    latents: Latents, common: Float[np.ndarray, "hh ww d"], token: Token, average: int
) -> Float[np.ndarray, " d"]:
    """The centred token, or the mean over the square around it, cut at the border."""
    check_click(latents, token)
    if average < 1 or average % 2 == 0:
        raise ValueError(f"average must be 1 or an odd number of tokens, came {average}.")
    time, row, column = token
    half = average // 2
    square = (
        slice(max(0, row - half), row + half + 1),
        slice(max(0, column - half), column + half + 1),
    )
    left = (latents.values[time][square] - common[square]).mean(axis=(0, 1))
    size = float(_norms(left[None])[0])
    return left if size > SAME * float(_norms(common[row, column][None])[0]) else 0 * left


def _norms(tokens: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    return np.sqrt(np.einsum("nd,nd->n", tokens, tokens))


def _inverse(
    norms: Float[np.ndarray, " n"], rounding: Float[np.ndarray, " n"] | float
) -> Float[np.ndarray, " n"]:
    """One over each norm; 0 where only rounding is left."""
    return np.divide(1, norms, out=np.zeros_like(norms), where=norms > rounding)
