"""What is hidden: rectangles by area and aspect, an object, and as much background as object.

Always whole tokens of the encoder's grid, so that a token is either hidden or seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from jepakit.evals.repair.images.clip_background import clip_background
from jepakit.evals.repair.images.masked_images import MaskedImage, UnusableImage
from jepakit.interp.region_tokens import MAX_TOKENS, Background, capped, object_tokens

Hidden = Bool[np.ndarray, "tt rows columns"]
Grid = tuple[int, int, int]

AREAS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)  # shares of the tokens
ASPECTS = (0.25, 0.5, 1.0, 2.0, 4.0)  # width over height


@dataclass(frozen=True)
class Rectangle:
    """A rectangle in the middle of the picture, the same in all frames.

    Attributes:
        area: share of the tokens that was asked for; ``hidden.mean()`` is the one that it has.
        aspect: width over height in tokens that was asked for.
        hidden: its tokens.
    """

    area: float
    aspect: float
    hidden: Hidden


@dataclass(frozen=True)
class OcclusionPair:
    """Two masks of equally many tokens in every tubelet.

    Attributes:
        touched: all tokens with a pixel of the object.
        object: those of them that are hidden.
        background: tokens without any pixel of the object, nor of void.
    """

    touched: Hidden
    object: Hidden
    background: Hidden

    @property
    def count(self) -> int:
        """Tokens that either mask hides."""
        return int(self.object.sum())


def rectangle(grid: Grid, *, area: float, aspect: float = 1.0) -> Rectangle:
    """The rectangle of whole tokens nearest to an area and an aspect.

    Raises:
        ValueError: it is empty, or does not fit into the grid.
    """
    _, rows, columns = grid
    if not 0 < area < 1 or aspect <= 0:
        raise ValueError(f"area is a share in (0, 1) and aspect positive, got {area}, {aspect}.")
    height, width = _sides(grid, area, aspect)
    if height > rows or width > columns:
        raise ValueError(
            f"{area:.0%} of {rows}x{columns} tokens at aspect {aspect:g} would be {height}x{width} "
            "tokens; choose a smaller area or an aspect nearer to 1."
        )
    hidden = np.zeros(grid, bool)
    top, left = (rows - height) // 2, (columns - width) // 2
    hidden[:, top : top + height, left : left + width] = True
    return Rectangle(area, aspect, hidden)


def rectangle_sweep(
    grid: Grid, *, areas: Sequence[float] = AREAS, aspects: Sequence[float] = ASPECTS
) -> list[Rectangle]:
    """A rectangle for every area and aspect that fit into the grid, areas first.

    Raises:
        ValueError: no area or aspect, or an impossible one.
    """
    if not areas or not aspects:
        raise ValueError("A sweep needs at least one area and one aspect.")
    if not all(0 < area < 1 for area in areas) or not all(aspect > 0 for aspect in aspects):
        raise ValueError(f"Areas lie in (0, 1), aspects are positive; got {areas}, {aspects}.")
    return [
        rectangle(grid, area=area, aspect=aspect)
        for area in areas
        for aspect in aspects
        if _fits(grid, area, aspect)
    ]


def occlusion_pair(
    item: MaskedImage,
    grid: Grid,
    *,
    max_tokens: int = MAX_TOKENS,
    budget: float = 1.0,
    how: Background = "compact",
    rng: np.random.Generator,
) -> OcclusionPair:
    """The object and as much background, at most ``max_tokens`` in every tubelet.

    In a clip the object is hidden where it is in each tubelet. The count never depends on ``how``,
    so the object's mask is the same beside every kind of background.

    Args:
        item: as the encoder sees it.
        grid: tubelets, rows and columns of tokens.
        max_tokens: hidden in a tubelet at most.
        budget: share of ``min(object, background, max_tokens)``, see ``token_budget``.
        how: the arrangement of the background, see ``clip_background``.
        rng: of the arrangement.

    Raises:
        ValueError: the frames do not divide into such tokens, or an impossible cap or budget.
        UnusableImage: no background at all, or no room for this arrangement.
    """
    touched, blocked = token_layers(item, grid)
    free = int((~blocked.any(axis=0)).sum())
    if not free:
        raise UnusableImage(
            "object covers everything",
            f"{item.key}: '{item.label}' and void leave no token of background.",
        )
    most = min(max_tokens, free)
    parts = [capped(layer, max_tokens=most, budget=budget) for layer in touched]
    hidden = np.stack([np.zeros(grid[1:], bool) if part is None else part for part in parts])
    background = clip_background(blocked, hidden, how=how, rng=rng)
    if background is None:
        raise UnusableImage(
            "no room for background", f"{item.key}: {how}, {int(hidden.sum())} tokens."
        )
    assert not (background & blocked).any(), "background overlaps the object"
    assert (background.sum(axis=(1, 2)) == hidden.sum(axis=(1, 2))).all(), "budgets differ"
    return OcclusionPair(touched, hidden, background)


def token_layers(item: MaskedImage, grid: Grid) -> tuple[Hidden, Hidden]:
    """Tokens with a pixel of the object, and tokens with one of the object or of void.

    Raises:
        ValueError: the frames do not divide into such tokens.
    """
    frames = len(item.frames)
    if grid[0] < 1 or frames % grid[0]:
        raise ValueError(f"{item.key} has {frames} frames, which are not {grid[0]} tubelets.")
    layers = []
    for mask in (item.mask, item.mask | item.void):
        tubelets = np.logical_or.reduce(mask.reshape(grid[0], -1, *mask.shape[1:]), axis=1)
        layers.append(np.stack([object_tokens(layer, grid[1:]) for layer in tubelets]))
    return layers[0], layers[1]


def _sides(grid: Grid, area: float, aspect: float) -> tuple[int, int]:
    tokens = area * grid[1] * grid[2]
    height = max(1, round(math.sqrt(tokens / aspect)))
    return height, max(1, round(tokens / height))


def _fits(grid: Grid, area: float, aspect: float) -> bool:
    height, width = _sides(grid, area, aspect)
    return height <= grid[1] and width <= grid[2]
