"""Two models on one clip: how alike their latents are, and colours that can be compared."""

from explorer.comparison.aligned_colours import AlignedColours, Procrustes, aligned_colours
from explorer.comparison.cka import chance_cka, linear_cka
from explorer.comparison.common_grid import common_grid, paired_tokens
from explorer.comparison.disagreement import disagreement_map
from explorer.comparison.layers import Cka, LayerCka, cka_by_layer, latents_cka, layer_figure

__all__ = [
    "AlignedColours",
    "Cka",
    "LayerCka",
    "Procrustes",
    "aligned_colours",
    "chance_cka",
    "cka_by_layer",
    "common_grid",
    "disagreement_map",
    "latents_cka",
    "layer_figure",
    "linear_cka",
    "paired_tokens",
]
