"""Tokens in few dimensions, and colours from them."""

from explorer.reductions.colours import ColourRange, colour_range, slice_colours, to_rgb
from explorer.reductions.principal import Mode, Reduction, averaged, pca
from explorer.reductions.umap_points import umap_points

__all__ = [
    "ColourRange",
    "Mode",
    "Reduction",
    "averaged",
    "colour_range",
    "pca",
    "slice_colours",
    "to_rgb",
    "umap_points",
]
