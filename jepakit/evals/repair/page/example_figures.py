"""Figure 5: single images without their object and without background, beside their curves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import ndimage

from jepakit.evals.figures.overlays import enlarge
from jepakit.evals.figures.style import BAND, INK, MUTED, PALETTE, RULE, WIDTH, styled
from jepakit.evals.repair.images.mask_pictures import SIDE
from jepakit.evals.repair.images.occluded_images import BACKGROUND, OBJECT
from jepakit.evals.repair.images.pixel_fill import hidden_pixels, occluded
from jepakit.evals.repair.repair_result import ModelRepair
from jepakit.evals.repair.value_text import drift_text

COLOURS = {OBJECT: PALETTE[1], BACKGROUND: PALETTE[0]}
VIEWS = ("image", "object hidden", "background hidden")
CELL, GAP, TOP, BOTTOM, CURVE, LEFT = 1.42, 0.07, 0.56, 0.42, 1.72, 0.78  # inches


class Example(NamedTuple):
    """An image that stands for others.

    Attributes:
        number: of the image.
        place: ``largest``, ``median`` or ``smallest``.
        gap: its late context drift with the object hidden minus that with background hidden.
    """

    number: int
    place: str
    gap: float


def chosen_examples(one: ModelRepair) -> list[Example]:
    """The images of the largest, the median and the smallest difference; not by hand.

    Of ties the first in the order of the images is taken. Fewer than three images give fewer.
    """
    late = {region: drift.late(one.late) for region, drift in one.drift.items()}
    gap = late[OBJECT] - late[BACKGROUND]
    order = np.argsort(-gap, kind="stable")
    places = {"largest": 0, "median": (len(order) - 1) // 2, "smallest": len(order) - 1}
    taken: dict[int, Example] = {}
    for place, rank in places.items():
        number = int(order[rank])
        taken.setdefault(number, Example(number, place, float(gap[number])))
    return list(taken.values())


@styled
def example_figure(one: ModelRepair) -> Figure:
    """A row per example: the image, both occlusions, and drift of visible tokens by block."""
    examples = chosen_examples(one)
    shape = one.images.items[0].frames.shape
    tall = CELL * shape[1] / shape[2]
    height = TOP + len(examples) * (tall + GAP) + BOTTOM
    figure = Figure((WIDTH, height))
    for row, example in enumerate(examples):
        low = height - TOP - (row + 1) * tall - row * GAP
        for column, (view, edge) in enumerate(_pictures(one, example.number)):
            axes = _axes(figure, (LEFT + column * (CELL + GAP), low, CELL, tall))
            axes.imshow(view, interpolation="antialiased", aspect="auto")
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            for spine in axes.spines.values():
                spine.set(visible=True, color=edge, linewidth=1.6 if edge != RULE else 0.6)
            if row == 0:
                axes.set_title(VIEWS[column], loc="center", color=MUTED, fontsize=8,
                               fontweight="normal", pad=4)  # fmt: skip
        label = one.images.items[example.number].label
        text = f"{example.place}\n{drift_text(example.gap, signed=True)}\n{label}"
        place = ((LEFT - 0.1) / WIDTH, (low + tall / 2) / height)
        figure.text(*place, text, ha="right", va="center", fontsize=7.5, color=INK)
        curves = _axes(figure, (WIDTH - CURVE - 0.05, low + 0.03, CURVE, tall - 0.1))
        _draw_curves(curves, one, example.number, last=row == len(examples) - 1)
        if row == 0:
            curves.set_title("drift of visible tokens", loc="center", color=MUTED, fontsize=8,
                             fontweight="normal", pad=4)  # fmt: skip
            handles, names = curves.get_legend_handles_labels()
            figure.legend(handles, names, loc="upper right", ncols=2)
    return figure


def _axes(figure: Figure, inches: tuple[float, float, float, float]) -> Axes:
    size = np.tile(figure.get_size_inches(), 2)
    left, low, width, height = np.array(inches) / size
    return figure.add_axes((left, low, width, height))


def _pictures(one: ModelRepair, number: int) -> list[tuple[UInt8[np.ndarray, "h w 3"], str]]:
    """The frame in which the object is largest, whole and with each region hidden, and frames."""
    images = one.images
    item, pair = images.items[number], images.pairs[number]
    best = int(item.mask.sum(axis=(1, 2)).argmax())
    rng = np.random.default_rng(0)  # of noise, for the picture only
    whole = enlarge(item.frames, SIDE)[best]
    found = [(whole, RULE)]
    for region, colour in COLOURS.items():
        hidden = getattr(pair, region)
        shown = enlarge(occluded(item.frames, hidden, fill=images.rule.fill, rng=rng), SIDE)[best]
        pixels = hidden_pixels(hidden, (len(item.frames), *whole.shape[:2]))[best]
        found.append((_outlined(shown, pixels, colour), colour))
    return found


def _outlined(
    picture: UInt8[np.ndarray, "h w 3"], pixels: Bool[np.ndarray, "h w"], colour: str
) -> UInt8[np.ndarray, "h w 3"]:
    out = picture.copy()
    width = max(2, min(pixels.shape) // 100)
    rim = pixels & ~ndimage.binary_erosion(pixels, iterations=width)
    out[rim] = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return out


def _draw_curves(axes: Axes, one: ModelRepair, number: int, *, last: bool) -> None:
    blocks = np.arange(one.depth)
    axes.axvspan(one.late[0] - 0.5, one.late[-1] + 0.5, color=BAND, linewidth=0, zorder=0)
    for region, colour in COLOURS.items():
        dots = "o" if one.depth <= 12 else ""
        axes.plot(
            blocks, one.drift[region].context[:, number], color=colour, marker=dots, markersize=4,
            label=f"{region} hidden",
        )  # fmt: skip
    axes.set_xlim(-0.5, one.depth - 0.5)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.tick_params(labelsize=7, labelbottom=last)
    if last:
        axes.set_xlabel("block")
