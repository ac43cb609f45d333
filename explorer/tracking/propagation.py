"""Labels of the first time slice carried through a clip by the affinity of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from explorer.tracking.queries import unit_rows

BLOCK_BYTES = 4 << 20  # of affinities at a time


@dataclass(frozen=True)
class Segmentation:
    """A label for every token.

    Attributes:
        labels: 0 background, ``i`` object ``i``.
        soft: share of every label, in the order of ``classes``; they sum to 1.
        classes: the labels that the first slice has, ascending.
    """

    labels: Int[np.ndarray, "tt hh ww"]
    soft: Float[np.ndarray, "tt hh ww c"]
    classes: tuple[int, ...]


def propagate_labels(
    features: Float[np.ndarray, "tt hh ww d"],
    first_labels: Int[np.ndarray, "rows columns"],
    *,
    top_k: int = 5,
    temperature: float = 0.2,
    context: int = 15,
    radius: int = 12,
    rescaled: bool = True,
) -> Segmentation:
    """Label every token by the tokens of earlier slices that it resembles most.

    In this order, for a token of slice ``t``: (1) candidates are the tokens of slice 0 and of the
    ``context`` slices before ``t``, at most ``radius`` rows and columns away (a square window); (2)
    affinity is the cosine; (3) the ``top_k`` highest over all slices together stay, the earlier one
    of equals; (4) ``softmax(affinity / temperature)`` over these alone; (5) the token's shares are
    so weighted shares of theirs; (6) its label is that of the highest share, the smaller one of
    equals, after the shares of each label were divided by their highest in the slice. Without (6)
    the background, which has candidates everywhere, outvotes objects of one or two tokens; with it
    an object that is gone still gets a token. Slice 0 is one-hot; the shares of (5) travel on.

    Source of the settings: V-JEPA 2.1, appendix 8.3; of the scheme: Jabri et al. 2020, "Space-time
    correspondence as a contrastive random walk", and Caron et al. 2021 (DINO), whose window is
    square and whose masks are rescaled too. At most 4 MB of affinities are held at a time.

    Args:
        features: tokens of one clip, centred (:func:`explorer.tracking.centring.centred`) or not.
        first_labels: of the first slice, 0 background.
        top_k: neighbours that vote.
        temperature: of the softmax over their cosines.
        context: earlier slices that may vote beside the first one.
        radius: how far a label may travel from one of these slices, in tokens.
        rescaled: whether (6) divides.

    Raises:
        ValueError: labels of another grid, or settings out of range.
    """
    slices, rows, columns, width = features.shape
    _check(first_labels, (rows, columns), top_k, temperature, context, radius)
    classes, first = np.unique(first_labels, return_inverse=True)
    flat = features.reshape(-1, width).astype(np.float32, copy=False)
    unit = unit_rows(flat).reshape(slices, rows, columns, width)
    soft = np.empty((slices, rows, columns, len(classes)), np.float32)
    soft[0] = np.eye(len(classes), dtype=np.float32)[first.reshape(rows, columns)]
    for time in range(1, slices):
        earlier = np.array(sorted({0, *range(max(0, time - context), time)}))
        for block in _row_blocks(rows, columns, len(earlier), radius):
            near = slice(max(0, block.start - radius), min(rows, block.stop + radius))
            affinity = _affinity(unit[time, block], unit[earlier, near], block, near, radius)
            shares = soft[earlier, near].reshape(-1, len(classes))
            voted = _vote(affinity, shares, top_k, temperature)
            soft[time, block] = voted.reshape(-1, columns, len(classes))
    compared = soft / _peaks(soft) if rescaled else soft
    labels = classes[compared.argmax(axis=-1)].astype(np.int64)
    return Segmentation(labels, soft, tuple(int(label) for label in classes))


def _affinity(
    tokens: Float[np.ndarray, "block ww d"],
    candidates: Float[np.ndarray, "s near ww d"],
    block: slice,
    near: slice,
    radius: int,
) -> Float[np.ndarray, "m n"]:
    """Cosines of a block of rows with its candidates, -inf outside of the window."""
    width, columns = tokens.shape[-1], tokens.shape[1]
    cosines = tokens.reshape(-1, width) @ candidates.reshape(-1, width).T
    apart = _apart(block, near, columns, radius)
    cosines.reshape(len(cosines), len(candidates), -1)[
        np.broadcast_to(apart[:, None], (len(cosines), len(candidates), apart.shape[1]))
    ] = -np.inf
    return cosines


def _apart(block: slice, near: slice, columns: int, radius: int) -> Bool[np.ndarray, "m n"]:
    """Which tokens of rows ``near`` lie outside of the window of which tokens of ``block``."""
    row, other = np.arange(block.start, block.stop), np.arange(near.start, near.stop)
    column = np.arange(columns)
    far_rows = np.abs(row[:, None] - other[None]) > radius
    far_columns = np.abs(column[:, None] - column[None]) > radius
    apart = far_rows[:, None, :, None] | far_columns[None, :, None, :]
    return apart.reshape(len(row) * columns, len(other) * columns)


def _vote(
    affinity: Float[np.ndarray, "m n"],
    shares: Float[np.ndarray, "n c"],
    top_k: int,
    temperature: float,
) -> Float[np.ndarray, "m c"]:
    """Shares of the ``top_k`` best candidates, weighted by the softmax of their affinity."""
    token = np.arange(len(affinity))
    best: list[np.ndarray] = []
    cosine: list[np.ndarray] = []
    # A few passes of arg-max are several times faster than a partition of long rows.
    for _ in range(min(top_k, affinity.shape[1])):
        best.append(affinity.argmax(axis=1))
        cosine.append(affinity[token, best[-1]])
        affinity[token, best[-1]] = -np.inf
    logit = np.stack(cosine) / temperature
    weight = np.exp(logit - logit[0])  # a window with fewer candidates has -inf here, weight 0
    weight /= weight.sum(axis=0)
    return np.einsum("km,kmc->mc", weight, shares[np.stack(best)])


def _peaks(soft: Float[np.ndarray, "tt hh ww c"]) -> Float[np.ndarray, "tt 1 1 c"]:
    """Highest share of every label in every slice; 1 where it has none."""
    peaks = soft.max(axis=(1, 2), keepdims=True)
    return np.where(peaks > 0, peaks, 1)


def _row_blocks(rows: int, columns: int, slices: int, radius: int) -> Iterator[slice]:
    """Rows to do at once, so that their affinities stay below BLOCK_BYTES."""
    span = min(rows, 2 * radius + 4) * columns * slices
    count = max(1, BLOCK_BYTES // (4 * span * columns))
    for start in range(0, rows, count):
        yield slice(start, min(rows, start + count))


def _check(
    labels: np.ndarray,
    grid: tuple[int, int],
    top_k: int,
    temperature: float,
    context: int,
    radius: int,
) -> None:
    if labels.shape != grid:
        raise ValueError(f"The first slice has {grid} tokens, came labels of {labels.shape}.")
    if top_k < 1 or context < 1 or radius < 0 or temperature <= 0:
        raise ValueError(
            "top_k and context must be at least 1, radius at least 0 and temperature above 0, "
            f"came {top_k}, {context}, {radius} and {temperature}."
        )
