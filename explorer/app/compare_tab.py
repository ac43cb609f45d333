"""The tab with two models on one clip."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.clip_controls import WEIGHTS
from explorer.app.desk import Desk
from explorer.app.listening import HEAVY, LIGHT, shown, told
from explorer.app.places import view_place
from explorer.app.studio import Choice
from explorer.latents import Latents
from explorer.views.two_models import SENTENCE, two_models


def compare_tab(desk: Desk) -> None:
    """The exhibit's model beside another one, or beside its own context or untrained encoder."""
    with gr.Tab("Compare", id="compare", elem_id="tab-compare"):
        gr.Markdown(SENTENCE, elem_classes="lead")
        entries = desk.studio.catalogue.entries()
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                model = gr.Dropdown(
                    [(entry.title, entry.id) for entry in entries], value=entries[0].id,
                    label="Second model", elem_id="second-model",
                )  # fmt: skip
                refresh = gr.Button("Refresh list", size="sm")
                weights = gr.Radio(
                    list(WEIGHTS), value="untrained", label="Its encoder", elem_id="second-weights"
                )
                layers = gr.Checkbox(value=True, label="CKA between all layers")
                go = gr.Button("Compare", variant="primary", elem_id="compare-go")
            with gr.Column(scale=3, min_width=320):
                view = view_place("Choose a second model, then Compare.", elem_id="compare-view")

    @told
    def compare(name: str, model: str, weights: str, *layers: bool) -> str:
        exhibit = desk.exhibit(name)
        other = Choice(model, WEIGHTS[weights])  # type: ignore[arg-type]
        studio, site = desk.studio, exhibit.latents.site
        second = studio.open(other)
        site = site if site in second.sites else "norm"
        (latents,) = studio.latents_of(name, other, [site]).values()
        walks: tuple[list[Latents], list[Latents]] | None = None
        if any(layers) and exhibit.choice is not None:
            walks = (
                list(studio.latents_of(name, exhibit.choice, "all").values()),
                list(studio.latents_of(name, other, "all").values()),
            )
        key = ("compare", name, other, layers)
        return shown(studio.once(key, lambda: two_models(exhibit.latents, latents, layers=walks)))

    def listed(model: str) -> Any:
        now = desk.studio.catalogue.entries()
        known = [entry.id for entry in now]
        value = model if model in known else known[0]
        return gr.update(choices=[(entry.title, entry.id) for entry in now], value=value)

    refresh.click(listed, model, model, **LIGHT)
    go.click(compare, [desk.shown, model, weights, layers], view, **HEAVY)
