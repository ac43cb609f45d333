"""How the app looks: the colours and type of the reports, no font from elsewhere."""

from __future__ import annotations

from typing import Any

from explorer.markup import CSS as PARTS_CSS
from jepakit.evals.pages.report_style import COLOURS, PARTS

FONT = (
    "ui-sans-serif", "system-ui", "-apple-system", "'Segoe UI'", "Roboto", "'Noto Sans'",
    "'Liberation Sans'", "Arial", "sans-serif",
)  # fmt: skip
MONO = ("ui-monospace", "'SF Mono'", "Menlo", "Consolas", "'Liberation Mono'", "monospace")
BLUE = (
    "#eaf3f9", "#d3e6f2", "#a9cfe7", "#7cb5d9", "#3f94c6", "#0066a1", "#005c91", "#004f7d",
    "#054064", "#0b314b", "#081f30",
)  # fmt: skip
GREY = (
    "#f7f8fa", "#eef0f4", "#e1e5ec", "#cbd1db", "#a0aabb", "#7b8698", "#5a6474", "#434b59",
    "#2b323d", "#1c2230", "#0f1217",
)  # fmt: skip

# The reports' rules hold inside of our own pictures and tables only.
APP_CSS = """
.gradio-container { max-width: 1240px !important; width: 100% !important;
  margin: 0 auto !important; }
.gradio-container > main { width: 100% !important; max-width: 100% !important; }
.gradio-container .prose p, .jx p { text-wrap: pretty; }
#head h1 { margin: 0; font-size: 1.7rem; letter-spacing: -.02em; line-height: 1.2; }
#head p { margin: 4px 0 0; color: var(--body-text-color-subdued); max-width: 52rem; }
.lead p { margin: 0; max-width: 52rem; color: var(--body-text-color-subdued); }
.click img { cursor: crosshair; image-rendering: pixelated; }
.token textarea, .token input { font-variant-numeric: tabular-nums; }
.jx { font-size: 15px; line-height: 1.55; color: var(--ink); }
.jx figure { margin: 4px 0 14px; }
.jx dl.facts { margin: 4px 0 14px; }
.jx dl.facts dd { font-size: 1.02rem; }
.jx .wait { color: var(--muted); padding: 28px 4px; }
.cloud-box { border: 1px solid #e1e5ec; border-radius: 10px; background: #fff; padding: 10px; }
.cloud-plot { width: 100%; min-height: 520px; }
.cloud-bar { display: flex; gap: 8px; }
.cloud-bar button { font: inherit; font-size: .85rem; padding: 3px 12px; border: 1px solid #d5dae3;
  border-radius: 6px; background: #fff; color: #1c2230; cursor: pointer; }
.estimate-green, .estimate-amber, .estimate-red { padding: 8px 12px; border-left: 3px solid;
  border-radius: 0 6px 6px 0; }
.estimate-green { border-color: #009e73; background: #009e7318; }
.estimate-amber { border-color: #e69f00; background: #e69f0022; }
.estimate-red { border-color: #d55e00; background: #d55e0022; }
button:focus-visible, [role=tab]:focus-visible, input:focus-visible, video:focus-visible,
a:focus-visible { outline: 2px solid #0066a1; outline-offset: 2px; }
footer { display: none !important; }
@media (max-width: 640px) {
  .gradio-container { padding: 8px !important; }
  .jx .card { padding: 6px; }
  .cloud-plot { min-height: 400px; }
}
"""


def head() -> str:
    """HTML of the page's head: our rules, which Gradio would rewrite if given as its ``css``."""
    return f"<style>{COLOURS}\n.jx {{ {PARTS} {PARTS_CSS} }}\n{APP_CSS}</style>"


def theme() -> Any:
    """The Gradio theme."""
    import gradio as gr

    blue = gr.themes.Color(*BLUE, name="house-blue")
    grey = gr.themes.Color(*GREY, name="house-grey")
    made = gr.themes.Base(
        primary_hue=blue, secondary_hue=blue, neutral_hue=grey, font=FONT, font_mono=MONO,
        radius_size=gr.themes.sizes.radius_md, text_size=gr.themes.sizes.text_md,
    )  # fmt: skip
    return made.set(
        body_background_fill="#f7f8fa",
        body_background_fill_dark="#0f1217",
        block_background_fill="#ffffff",
        block_background_fill_dark="#171b22",
        block_border_color="#e1e5ec",
        block_border_color_dark="#2b323d",
        button_primary_background_fill="#0066a1",
        button_primary_background_fill_dark="#0b6ba6",
        button_primary_background_fill_hover="#005c91",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        body_text_color_subdued="#5a6474",
        body_text_color_subdued_dark="#a0aabb",
        block_info_text_color="#5a6474",
        block_info_text_color_dark="#a0aabb",
        block_label_text_color="#434b59",
        block_label_text_color_dark="#cbd1db",
        block_title_text_color="#434b59",
        block_title_text_color_dark="#cbd1db",
        block_title_text_weight="600",
        link_text_color="#0066a1",
        link_text_color_dark="#6cb8ea",
    )
