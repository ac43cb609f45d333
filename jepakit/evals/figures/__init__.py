"""Figures of reports: arrays in, a matplotlib ``Figure`` out."""

from jepakit.evals.figures.animation import animated_webp, join_clips, still_png
from jepakit.evals.figures.clips import clip_strip
from jepakit.evals.figures.counterfactual import (
    counterfactual_figure,
    pixel_change,
    rank_agreement,
)
from jepakit.evals.figures.curves import training_curves
from jepakit.evals.figures.forest import ForestPanel, ForestPoint, forest_plot
from jepakit.evals.figures.overlays import enlarge, hide_tokens, paint_objects
from jepakit.evals.figures.style import to_png
from jepakit.evals.figures.tokens import token_components, token_similarity

__all__ = [
    "ForestPanel",
    "ForestPoint",
    "animated_webp",
    "clip_strip",
    "counterfactual_figure",
    "enlarge",
    "forest_plot",
    "hide_tokens",
    "join_clips",
    "paint_objects",
    "pixel_change",
    "rank_agreement",
    "still_png",
    "to_png",
    "token_components",
    "token_similarity",
    "training_curves",
]
