"""As much background as object in every tubelet of a clip, still or moving as the object does."""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Bool

from jepakit.interp.region_tokens import Background, background_tokens

Hidden = Bool[np.ndarray, "tt rows columns"]
Layer = Bool[np.ndarray, "rows columns"]


def clip_background(
    blocked: Hidden, hidden: Hidden, *, how: Background = "compact", rng: np.random.Generator
) -> Hidden | None:
    """Tokens of background, in every tubelet as many as are hidden of the object.

    ``compact`` and ``scattered``: one set of tokens that stays where it is, away from the object at
    any time, of which tubelets that need fewer take those nearest to its middle. ``same_shape``:
    the hidden tokens of the whole clip moved by one offset, so that they move as the object does.
    ``radial_matched``: chosen in each tubelet anew, since distances to the centre change. A clip of
    one tubelet is an image.

    Args:
        blocked: tokens that are no background; those of the whole object among them.
        hidden: tokens of the object that are hidden, at least one.
        how: the arrangement, see ``background_tokens``.
        rng: seeds, draws, offsets and ties.

    Returns:
        None where there is no room.
    """
    if how == "same_shape":
        return _moved(blocked, hidden, rng)
    if how == "radial_matched":
        pairs = zip(blocked, hidden, strict=True)
        layers = [_matched(block, like, rng) for block, like in pairs]
        found = [layer for layer in layers if layer is not None]
        return np.stack(found) if len(found) == len(layers) else None
    counts = hidden.sum(axis=(1, 2)).tolist()
    ever = np.logical_or.reduce(blocked, axis=0)
    region = background_tokens(ever, max(counts), how=how, rng=rng)
    return None if region is None else np.stack([_part(region, count) for count in counts])


def _matched(blocked: Layer, like: Layer, rng: np.random.Generator) -> Layer | None:
    count = int(like.sum())
    if not count:
        return np.zeros_like(like)
    return background_tokens(blocked, count, how="radial_matched", rng=rng, like=like)


def _part(region: Layer, count: int) -> Layer:
    """The ``count`` tokens of a region nearest to its middle."""
    if not count:
        return np.zeros_like(region)
    places = np.argwhere(region)
    off = ((places - places.mean(axis=0)) ** 2).sum(axis=1)
    part = np.zeros_like(region)
    part[tuple(places[off.argsort(kind="stable")[:count]].T)] = True
    return part


def _moved(blocked: Hidden, hidden: Hidden, rng: np.random.Generator) -> Hidden | None:
    """A random offset, the same in all tubelets, at which nothing is blocked or out of sight."""
    rows, columns = hidden.shape[1:]
    t, row, column = np.nonzero(hidden)
    down = range(-row.min(), rows - row.max())
    right = range(-column.min(), columns - column.max())
    fits = [(r, c) for r, c in product(down, right) if not blocked[t, row + r, column + c].any()]
    if not fits:
        return None
    r, c = fits[rng.integers(len(fits))]
    moved = np.zeros_like(hidden)
    moved[t, row + r, column + c] = True
    return moved
