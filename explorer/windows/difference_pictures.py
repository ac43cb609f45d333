"""Signed differences of shared slices as pictures, all slices on one symmetric colour scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from explorer.windows.window_comparison import WindowComparison
from jepakit.evals.figures.style import MUTED, WIDTH, new_figure, styled

QUANTILE = 0.999  # of absolute differences: a few massive dimensions must not turn the rest white
RED, BLUE = (178, 24, 43), (33, 102, 172)  # the ends of ColorBrewer's RdBu
# Exactly 0 is exactly white, which the usual maps miss by a shade.
COLOURS = LinearSegmentedColormap.from_list(
    "blue_white_red", np.array([BLUE, (255, 255, 255), RED]) / 255, 511
)


def colour_scale(*comparisons: WindowComparison, quantile: float = QUANTILE) -> float:
    """The absolute difference that gets the full colour, one for all slices of all comparisons.

    The largest of the comparisons' quantiles; where that is 0, their largest difference, and 1
    where nothing differs.

    Raises:
        ValueError: no comparison, or a quantile outside 0 to 1.
    """
    if not comparisons or not 0 < quantile <= 1:
        raise ValueError(
            f"A scale needs a comparison and a quantile in (0, 1], came {len(comparisons)} and "
            f"{quantile}."
        )
    sizes = [np.abs(comparison.difference) for comparison in comparisons]
    scale = max(float(np.quantile(size, quantile)) for size in sizes)
    return scale or max(float(size.max()) for size in sizes) or 1.0


def signed_colours(
    values: Float[np.ndarray, "*axes"], *, scale: float
) -> UInt8[np.ndarray, "*axes 3"]:
    """Blue for ``-scale`` and below, white for exactly 0, red for ``scale`` and above."""
    strength = np.clip(values / scale, -1, 1)[..., None].astype(np.float64)
    ends = np.where(strength > 0, np.array(RED), np.array(BLUE))
    return np.rint(255 + np.abs(strength) * (ends - 255)).astype(np.uint8)


def difference_picture(
    comparison: WindowComparison, shared: int, *, scale: float | None = None
) -> UInt8[np.ndarray, "n d 3"]:
    """One shared slice, a pixel per value: tokens downwards, dimensions across.

    Args:
        comparison: of two windows.
        shared: number of the shared slice.
        scale: see :func:`colour_scale`, which the whole comparison gets by default.

    Raises:
        ValueError: no such slice.
    """
    if not 0 <= shared < len(comparison):
        raise ValueError(f"Shared slices are 0 to {len(comparison) - 1}, came {shared}.")
    values = comparison.difference[shared]
    return signed_colours(
        values.reshape(-1, values.shape[-1]), scale=scale or colour_scale(comparison)
    )


@styled
def difference_maps(
    comparison: WindowComparison,
    *,
    slices: Sequence[int] | None = None,
    scale: float | None = None,
) -> Figure:
    """Heat maps of some slices beside each other, with the numbers that colours cannot tell.

    Args:
        comparison: of two windows.
        slices: numbers of shared slices; the first, the middle and the last by default.
        scale: see :func:`colour_scale`.

    Raises:
        ValueError: no such slice.
    """
    shown = _ends_and_middle(comparison) if slices is None else list(slices)
    scale = scale or colour_scale(comparison)
    figure = new_figure(WIDTH, 3.1)
    grid = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    profile, close = comparison.profile, comparison.all_close()
    for axes, shared in zip(grid, shown, strict=True):
        picture = difference_picture(comparison, shared, scale=scale)
        axes.imshow(picture, aspect="auto", interpolation="nearest")
        axes.grid(visible=False)
        frames = comparison.windows.frames_of(shared)
        axes.set_title(f"slice {shared + 1}/{len(comparison)}")
        equal = "all close" if close[shared] else "not all close"
        label = f"dimension\nframes {frames[0] + 1} to {frames[-1] + 1}\n"
        axes.set_xlabel(f"{label}mean |difference| {profile[shared]:.2g}\n{equal}")
    grid[0].set_ylabel("token")
    _colour_bar(figure, list(grid), scale)
    return figure


def _ends_and_middle(comparison: WindowComparison) -> list[int]:
    return sorted({0, comparison.windows.middle[0], len(comparison) - 1})


def _colour_bar(figure: Figure, grid: list[Axes], scale: float) -> None:
    shades = ScalarMappable(Normalize(-scale, scale), COLOURS)
    bar = figure.colorbar(shades, ax=grid, fraction=0.03, pad=0.01)
    bar.outline.set_visible(False)
    bar.set_ticks([-scale, 0, scale], labels=[f"-{scale:.2g}", "0", f"{scale:.2g}"])
    bar.set_label("first window less second", color=MUTED)
