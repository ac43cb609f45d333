"""The page: a head line and one tab per way to look at a clip."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.clip_tab import clip_tab
from explorer.app.compare_tab import compare_tab
from explorer.app.desk import Desk
from explorer.app.latent_space_tab import latent_space_tab
from explorer.app.latent_video_tab import latent_video_tab
from explorer.app.layers_tab import layers_tab
from explorer.app.removal_tab import removal_tab
from explorer.app.report_tab import report_tab
from explorer.app.segment_tab import segment_tab
from explorer.app.studio import Studio
from explorer.app.surprise_tab import surprise_tab
from explorer.app.track_tab import track_tab
from explorer.app.windows_tab import windows_tab

HEAD = """
<h1>Latent explorer</h1>
<p>See what a video model sees: its tokens as colours, as points, as things that can be followed.
Start with the clip below, or bring your own.</p>
"""
TABS = (
    clip_tab, track_tab, latent_video_tab, latent_space_tab, segment_tab, removal_tab, surprise_tab,
    windows_tab, layers_tab, compare_tab, report_tab,
)  # fmt: skip


def build_page(studio: Studio, *, delete_cache: tuple[int, int]) -> Any:
    """The Gradio blocks, ready to be launched.

    Args:
        studio: what the handlers work on.
        delete_cache: seconds between two sweeps of uploads and downloads, and their age.
    """
    with gr.Blocks(
        title="Latent explorer", analytics_enabled=False, delete_cache=delete_cache
    ) as page:
        gr.HTML(HEAD, elem_id="head", apply_default_css=False)
        desk = Desk(studio, shown=gr.State(""), page=page)
        with gr.Tabs(elem_id="views", overflow_behavior="wrap"):
            for tab in TABS:
                tab(desk)
    return page
