"""Tokens of an object, and equally many background tokens that share no pixel with it."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import binary_dilation, label
from scipy.optimize import linear_sum_assignment

Uncertain = Literal["object", "background"]
Background = Literal["compact", "scattered", "same_shape", "radial_matched"]
Tokens = Bool[np.ndarray, "rows columns"]

MAX_TOKENS = 64


def patch_fractions(
    mask: Bool[np.ndarray, "h w"], grid: tuple[int, int]
) -> Float[np.ndarray, "rows columns"]:
    """Share of every patch's pixels that the mask covers, 0 to 1.

    Args:
        mask: at the size of the image that the encoder sees.
        grid: rows and columns of patches.

    Raises:
        ValueError: the mask cannot be cut into such patches.
    """
    (height, width), (rows, columns) = mask.shape, grid
    if min(rows, columns) < 1 or not mask.size or height % rows or width % columns:
        raise ValueError(
            f"A mask of {height} x {width} pixels does not divide into {rows} x {columns} patches: "
            "resize and crop it as the image (nearest)."
        )
    patches = mask.reshape(rows, height // rows, columns, width // columns)
    return patches.mean(axis=(1, 3), dtype=np.float64)


def object_tokens(
    mask: Bool[np.ndarray, "h w"],
    grid: tuple[int, int],
    *,
    border: Bool[np.ndarray, "h2 w2"] | None = None,
    void: Bool[np.ndarray, "h3 w3"] | None = None,
    border_is: Uncertain = "object",
    void_is: Uncertain = "object",
) -> Tokens:
    """Patches with any pixel of the object; all others have exactly zero overlap with it.

    Source: Late semantic repair, section 2.3. Its text is silent on uncertain pixels; they count as
    object by default, so that background stays strict.

    Args:
        mask: pixels of the object.
        grid: rows and columns of patches.
        border: pixels between object and background (value 3 of an Oxford-IIIT Pet trimap).
        void: pixels that nobody labelled (value 255 of Pascal VOC).
        border_is: what border pixels count as.
        void_is: what void pixels count as.

    Raises:
        ValueError: masks of several sizes or that cannot be cut into such patches, or an unknown
            rule.
    """
    covered = mask
    for extra, rule in ((border, border_is), (void, void_is)):
        if rule not in get_args(Uncertain):
            raise ValueError(f"Uncertain pixels are 'object' or 'background', got {rule!r}.")
        if extra is not None and extra.shape != mask.shape:
            raise ValueError(
                f"Border and void need the size of the object mask, {mask.shape}, got "
                f"{extra.shape}."
            )
        if extra is not None and rule == "object":
            covered = covered | extra
    return patch_fractions(covered, grid) > 0


def token_budget(touched: Tokens, *, max_tokens: int = MAX_TOKENS, budget: float = 1.0) -> int:
    """Tokens to hide: a share of ``min(object, background, max_tokens)``, and at least 1.

    0 where there is no object, or no background to compare with. Late semantic repair says neither
    how tokens were capped nor of what its budgets are shares, but its means of 52 to 56 of 256 lie
    far below the area of a pet. Here budgets are shares of the capped count, so that they differ
    for large objects too.

    Args:
        touched: tokens of the object.
        max_tokens: the cap.
        budget: above 0, up to 1; the usual ones are 0.25, 0.5 and 1.

    Raises:
        ValueError: an impossible cap or budget.
    """
    if max_tokens < 1 or not 0 < budget <= 1:
        raise ValueError(
            f"max_tokens must be at least 1 and budget in (0, 1], got {max_tokens} and {budget}."
        )
    most = min(int(touched.sum()), int((~touched).sum()), max_tokens)
    return max(1, round(budget * most)) if most else 0


def capped(touched: Tokens, *, max_tokens: int = MAX_TOKENS, budget: float = 1.0) -> Tokens | None:
    """The part of the object that is hidden, grown from its middle; None where there is none.

    ``token_budget`` tokens, joined one by one, always the one nearest to the object token nearest
    to the centroid. Raises as :func:`token_budget`.
    """
    count = token_budget(touched, max_tokens=max_tokens, budget=budget)
    if not count:
        return None
    places = np.argwhere(touched)
    off = ((places - places.mean(axis=0)) ** 2).sum(axis=1)
    return _grown(touched, count, places[off.argmin()])


def background_tokens(
    touched: Tokens,
    count: int,
    *,
    how: Background = "compact",
    rng: np.random.Generator,
    like: Bool[np.ndarray, "rows2 columns2"] | None = None,
) -> Tokens | None:
    """Exactly ``count`` tokens that the object does not touch; None where there is no room.

    ``compact``: grown from a random seed, so connected (over edges) where a piece of the background
    has room; elsewhere from the largest piece on to the nearest tokens of others.
    ``scattered``: drawn one by one.
    ``same_shape``: a random translate of ``like`` inside the image; None where none fits.
    ``radial_matched``: the tokens whose distances to the image's centre are, paired in the best
    way, nearest to those of ``like`` (least sum of differences); ties at random.

    Source: Late semantic repair, section 2.3 and appendix B, which leave the choice open. Objects
    tend to be connected and central: compare several.

    Args:
        touched: all tokens of the object, hidden or not.
        count: tokens to choose.
        how: the arrangement.
        rng: seeds, draws, translates and ties.
        like: hidden tokens whose shape or distances are matched; by default ``touched``.

    Raises:
        ValueError: no tokens wanted, an unknown arrangement, or a ``like`` of another grid or
            another number of tokens where it matters.
    """
    if count < 1 or how not in get_args(Background):
        raise ValueError(
            f"Background needs at least 1 token and one of {', '.join(get_args(Background))}, got "
            f"{count} and {how!r}."
        )
    places = np.argwhere(~touched)
    if len(places) < count:
        return None
    if how == "scattered":
        return _at(rng.permutation(places)[:count], touched.shape)
    if how == "compact":
        return _grown(~touched, count, _seed(touched, count, rng))
    shape = touched if like is None else like
    if shape.shape != touched.shape or int(shape.sum()) != count:
        raise ValueError(
            f"{how} background needs as 'like' the {count} hidden tokens on a grid of "
            f"{touched.shape}, got {int(shape.sum())} on {shape.shape}."
        )
    return _translate(touched, shape, rng) if how == "same_shape" else _ring(touched, shape, rng)


def pieces(tokens: Tokens) -> int:
    """Number of parts that hang together over edges."""
    return int(label(tokens)[1])


def _at(places: Int[np.ndarray, "k 2"], grid: tuple[int, ...]) -> Tokens:
    chosen = np.zeros(grid, dtype=bool)
    chosen[places[:, 0], places[:, 1]] = True
    return chosen


def _grown(allowed: Tokens, count: int, seed: Int[np.ndarray, " 2"]) -> Tokens:
    """Neighbours join one by one, nearest to the seed first; without any, the nearest token."""
    distance = ((np.indices(allowed.shape) - seed[:, None, None]) ** 2).sum(axis=0)
    chosen = np.zeros_like(allowed)
    for _ in range(count):
        free = allowed & ~chosen
        frontier = free & binary_dilation(chosen)
        nearest = np.where(frontier if frontier.any() else free, distance, distance.max() + 1)
        chosen.flat[nearest.argmin()] = True
    return chosen


def _seed(touched: Tokens, count: int, rng: np.random.Generator) -> Int[np.ndarray, " 2"]:
    """A token of a piece of background that has room for all, or else of the largest piece."""
    piece, _ = label(~touched)
    sizes = np.bincount(piece.ravel())
    sizes[0] = 0  # the object
    roomy = np.flatnonzero(sizes >= min(count, sizes.max()))
    return rng.choice(np.argwhere(np.isin(piece, roomy)))


def _translate(touched: Tokens, shape: Tokens, rng: np.random.Generator) -> Tokens | None:
    occupied = np.argwhere(shape)
    corner = occupied.min(axis=0)
    bottom, right = occupied.max(axis=0) + 1
    cut = shape[corner[0] : bottom, corner[1] : right]
    overlaps = (sliding_window_view(touched, cut.shape) & cut).any(axis=(2, 3))
    fits = np.argwhere(~overlaps)
    return _at(occupied - corner + rng.choice(fits), touched.shape) if len(fits) else None


def _ring(touched: Tokens, shape: Tokens, rng: np.random.Generator) -> Tokens:
    centre = (np.array(touched.shape) - 1) / 2
    candidates = rng.permutation(np.argwhere(~touched))
    wanted, offered = (np.linalg.norm(p - centre, axis=1) for p in (np.argwhere(shape), candidates))
    _, pick = linear_sum_assignment(np.abs(wanted[:, None] - offered))
    return _at(candidates[pick], touched.shape)
