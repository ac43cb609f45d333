"""The tab of the point clouds: PCA, UMAP, and seven dimensions at once."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.cloud import cloud_component
from explorer.app.desk import Desk
from explorer.app.latent_video_tab import MODES
from explorer.app.listening import HEAVY, cloud_json, shown, told
from explorer.app.places import file_button, view_place
from explorer.views.latent_space import SENTENCES, latent_space

METHODS = {"Principal components": "pca", "UMAP": "umap"}
DIMENSIONS = {"2-D": 2, "3-D": 3, "7-D": 7}
COLOURS = {"components": "components", "the clip's pixels": "pixels", "time slice": "time"}


def latent_space_tab(desk: Desk) -> None:
    """Tokens as points."""
    with gr.Tab("Latent space", id="latent-space", elem_id="tab-latent-space") as tab:
        lead = gr.Markdown(SENTENCES["pca"], elem_classes="lead")
        drawn = gr.State("")
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                method = gr.Radio(list(METHODS), value="Principal components", label="Method")
                dimensions = gr.Radio(
                    list(DIMENSIONS), value="3-D", label="Dimensions",
                    info="7-D: three of place, three of colour, one of opacity",
                )  # fmt: skip
                colour = gr.Dropdown(list(COLOURS), value="components", label="Colour of a point")
                mode = gr.Dropdown(
                    list(MODES), value="all tokens", label="Components found in",
                    info="For principal components",
                )  # fmt: skip
                button = gr.Button("Draw", variant="primary", elem_id="space-draw")
                file = file_button("Points as CSV", elem_id="space-csv")
            with gr.Column(scale=3, min_width=320):
                cloud = cloud_component("Tokens as points", elem_id="space-cloud")
                view = view_place("Points appear here.", elem_id="space-view")

    @told
    def draw(name: str, method: str, dimensions: str, colour: str, mode: str) -> Any:
        latents = desk.exhibit(name).latents
        options: dict[str, Any] = {
            "method": METHODS[method], "dimensions": DIMENSIONS[dimensions],
            "colour": COLOURS[colour], "mode": MODES[mode],
        }  # fmt: skip
        made = desk.studio.once(
            ("latent space", name, *options.values()), lambda: latent_space(latents, **options)
        )
        return cloud_json(made), shown(made), made.sentence, desk.offer(made), name

    def refresh(name: str, drawn: str, *options: Any) -> Any:
        return gr.skip() if not name or drawn == name else draw(name, *options)

    options = [method, dimensions, colour, mode]
    results = [cloud, view, lead, file, drawn]
    tab.select(refresh, [desk.shown, drawn, *options], results, **HEAVY)
    button.click(draw, [desk.shown, *options], results, **HEAVY)
