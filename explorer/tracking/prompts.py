"""Labels of the first time slice: from clicks on objects, or from a mask of pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from einops import rearrange
from jaxtyping import Int, Integer
from scipy import ndimage

from explorer.latents import Latents, Token
from explorer.tracking.centring import Centring
from explorer.tracking.queries import check_click, similarity


def clicked_labels(
    latents: Latents,
    objects: Mapping[int, Sequence[Token]],
    background: Sequence[Token] = (),
    *,
    grow: float | None = None,
    centring: Centring = "clip",
) -> Int[np.ndarray, "hh ww"]:
    """Labels of the first slice: clicked tokens are objects, all others background.

    Args:
        latents: of the clip.
        objects: clicks in the first slice by object id, 1 or higher. A token that two objects were
            clicked on goes to the higher id.
        background: clicks on what belongs to no object; they matter with ``grow`` only.
        grow: tokens at least this similar to a click on an object join it, if they hang together
            with that click (row or column neighbours), resemble no other object more, and are
            nearer to it than to the background clicks. None adds no token.
        centring: see :func:`similarity`.

    Raises:
        ValueError: no object, an id below 1, or a click outside of the first slice.
    """
    clicks = [*background, *(click for some in objects.values() for click in some)]
    if not any(objects.values()) or min(objects) < 1 or any(click[0] for click in clicks):
        raise ValueError(
            "Label propagation needs clicks in slice 0 on objects with ids from 1, came "
            f"{dict(objects)} and background {list(background)}."
        )
    for click in clicks:
        check_click(latents, click)
    labels = np.zeros(latents.grid[1:], np.int64)
    if grow is not None:
        labels = _grown(latents, objects, background, grow, centring)
    for identity in sorted(objects):
        for _, row, column in objects[identity]:
            labels[row, column] = identity
    for _, row, column in background:
        labels[row, column] = 0
    return labels


def mask_labels(
    mask: Integer[np.ndarray, "h w"] | Integer[np.ndarray, "u h w"], patch: int
) -> Int[np.ndarray, "hh ww"]:
    """Labels of the first slice from a map of pixels: the label of most pixels of every token.

    An object that has the most pixels of no token gets the token that holds most of it, since it
    would be lost otherwise. The smaller label wins a tie.

    Args:
        mask: object ids of one frame, or of all frames of the first slice; 0 background.
        patch: side of a token in pixels.

    Raises:
        ValueError: a mask that tokens do not divide.
    """
    frames = mask.reshape(-1, *mask.shape[-2:])
    if any(size % patch for size in frames.shape[1:]):
        raise ValueError(f"Tokens of {patch} pixels do not divide a mask of {frames.shape[1:]}.")
    pixels = rearrange(frames, "u (hh p) (ww q) -> hh ww (u p q)", p=patch, q=patch)
    ids = np.unique(frames)
    counts = np.stack([(pixels == identity).sum(axis=-1) for identity in ids])
    labels = ids[counts.argmax(axis=0)].astype(np.int64)
    for identity, count in zip(ids, counts, strict=True):
        if identity and not (labels == identity).any():
            labels.flat[count.argmax()] = identity
    return labels


def _grown(
    latents: Latents,
    objects: Mapping[int, Sequence[Token]],
    background: Sequence[Token],
    least: float,
    centring: Centring,
) -> Int[np.ndarray, "hh ww"]:
    ids = sorted(identity for identity, clicks in objects.items() if clicks)
    near = np.stack([similarity(latents, objects[i], centring=centring)[0] for i in ids])
    best = near.argmax(axis=0)
    joins = near.max(axis=0) >= least
    if background:
        joins &= near.max(axis=0) > similarity(latents, background, centring=centring)[0]
    labels = np.zeros(best.shape, np.int64)
    for number, identity in enumerate(ids):
        parts, _ = ndimage.label(joins & (best == number))
        clicked = {parts[row, column] for _, row, column in objects[identity]} - {0}
        labels[np.isin(parts, list(clicked))] = identity
    return labels
