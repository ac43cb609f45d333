"""Captions of the figures of a repair page, and its notes and pictures as parts of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure as Drawing

from jepakit.evals.pages.report import Figure, Part, Text
from jepakit.evals.repair.page.repair_figures import MASKS, figure_name
from jepakit.evals.repair.repair_result import RepairResult

CAPTIONS = {
    "masks": MASKS,
    "clip": "The clip in which most is hidden, over time.",
    "advantage": "Left: a thin line joins object and background of one image, bars are means. "
    "Right: the mean difference. Beside it: images in which hiding the object does more.",
    "drift": "Means over images with their 95 % bootstrap intervals. Grey: the late blocks. "
    "Triangles: the onset.",
    "rescue": "Full bars: clean activations; pale ones: controls of the patch of visible tokens. "
    "Black: 95 % intervals over images. Bars that are cut have their value written on them. "
    "Dashed: the whole stream of the same blocks. Diamonds: the paper's.",
    "sweep": "Late context drift taken back by one site, mean over images, one scale of colours. "
    "Orange takes back, violet adds. Dots: at or below 0.05 after Holm over all sites.",
    "rectangles": "The rectangles, on the first image.",
    "geometry": "Late context drift, and the block after which it sets in. Grey: does not fit.",
    "examples": "The images of the largest, the median and the smallest difference between hiding "
    "the object (orange) and as much background (blue) from the first model, not picked by hand. "
    "Below the rank the difference of late context drift. Grey: the late blocks. Every row has a "
    "scale of its own.",
    "budget": "Late context drift taken back by clean visible tokens, means over images; lines "
    "across bars: 95 % intervals over scenes. Dashed: the drift that there is to take back. Left "
    "as in Figure 6 of the paper, whose bars are not printed as numbers.",
    "contexts": "Means over images with 95 % intervals over scenes. Lower is better; where the "
    "predictor knows something, its error lies left of the two floors below.",
    "carried": "Share of the error on the hidden object that goes when visible tokens of one site "
    "hold what they hold in the whole picture, one scale of colours. Orange: error goes; violet: "
    "error comes. Dots: at or below 0.05 after Holm over all sites of both runs.",
    "proxy": "Each dot an image, large ones means with 95 % intervals. On a scale of logarithms.",
}
"""What stands below a figure, by the first word of its name."""
ALTS = {
    "masks": "Images with the hidden object, the hidden background, and what is left of each",
    "clip": "A clip with the hidden object and background over time",
    "advantage": "Late context drift of every image and the advantage of object over background",
    "drift": "Drift of visible and hidden tokens by block",
    "rescue": "Drift taken back by groups of sites, tokens and controls",
    "sweep": "Rescue by block, part and tokens",
    "rectangles": "One image behind every rectangle of the sweep",
    "geometry": "Late drift by area and aspect of a rectangle",
    "examples": "Three images without object and background, and their drift by block",
    "budget": "Drift taken back by token budget, shape of what is hidden and group of sites",
    "contexts": "Error of the predictor by what it reads",
    "carried": "Share of the predictor's error that each block and part carries",
    "proxy": "Errors of the linear predictor beside those of copying",
}


def notes(said: Sequence[str]) -> list[Part]:
    """Caveats come before what they are about."""
    return [Text(one, style="note") for one in said]


def pictures(
    what: Sequence[str], name: str, drawings: Mapping[str, Drawing], result: RepairResult
) -> list[Part]:
    """Figures of one slice, which is named where there are several."""
    prefix = f"{name}. " if len(result.slices) > 1 else ""
    names = [figure_name(one, name) for one in what]
    return [picture(one, drawings, prefix) for one in names if one in drawings]


def picture(name: str, drawings: Mapping[str, Drawing], prefix: str = "") -> Figure:
    """A figure with the caption of its kind."""
    kind = name.split("_")[0]
    return Figure(drawings[name], alt=ALTS[kind], caption=prefix + CAPTIONS[kind])
