"""Sliding windows: how far a slice's latent depends on the frames around it."""

from explorer.windows.difference_pictures import (
    colour_scale,
    difference_maps,
    difference_picture,
    signed_colours,
)
from explorer.windows.edges import EdgeSlices
from explorer.windows.profile_figure import profile_figure
from explorer.windows.shared_slices import SharedSlices
from explorer.windows.specialists import Specialist, Specialists, specialists
from explorer.windows.top_overlap import TopOverlap
from explorer.windows.window_comparison import (
    Encode,
    WindowComparison,
    compare_encoders,
    compare_runs,
    compare_windows,
)
from explorer.windows.window_encoder import window_encoder

__all__ = [
    "EdgeSlices",
    "Encode",
    "SharedSlices",
    "Specialist",
    "Specialists",
    "TopOverlap",
    "WindowComparison",
    "colour_scale",
    "compare_encoders",
    "compare_runs",
    "compare_windows",
    "difference_maps",
    "difference_picture",
    "profile_figure",
    "signed_colours",
    "specialists",
    "window_encoder",
]
