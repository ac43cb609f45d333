"""What is shown of tokens: latent videos beside the clip, and clouds of points."""

from explorer.pictures.frames import latent_frames, side_by_side
from explorer.pictures.point_cloud import (
    figure_html,
    plotly_js,
    point_cloud,
    seven_d,
    shown_tokens,
)
from explorer.pictures.video import VideoBytes, encode_video

__all__ = [
    "VideoBytes",
    "encode_video",
    "figure_html",
    "latent_frames",
    "plotly_js",
    "point_cloud",
    "seven_d",
    "shown_tokens",
    "side_by_side",
]
