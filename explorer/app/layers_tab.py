"""The tab with a slider over the layers of the encoder."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.desk import Desk
from explorer.app.listening import HEAVY, shown, told
from explorer.app.places import view_place
from explorer.latents import Latents
from explorer.views.layer_walk import SENTENCE, layer_walk, one_layer


def layers_tab(desk: Desk) -> None:
    """One layer at a time beside the clip, and all of them in a walk."""
    with gr.Tab("Layers", id="layers", elem_id="tab-layers") as tab:
        gr.Markdown(SENTENCE, elem_classes="lead")
        drawn = gr.State("")
        layer = gr.Slider(0, 1, value=0, step=1, label="Layer", elem_id="layer")
        view = view_place("The layers appear here.", elem_id="layer-view")
        walk = view_place("", elem_id="walk-view")

    def sites(name: str) -> dict[str, Latents]:
        exhibit = desk.exhibit(name)
        if exhibit.choice is None:
            raise ValueError("The model of these latents is not here: extract the clip again.")
        return desk.studio.latents_of(name, exhibit.choice, "all")

    @told
    def turn(name: str, layer: float) -> str:
        found = sites(name)
        key = list(found)[min(int(layer), len(found) - 1)]
        return shown(desk.studio.once(("layer", name, key), lambda: one_layer(found, key)))

    @told
    def begin(name: str) -> Any:
        found = sites(name)
        last = len(found) - 1
        made = desk.studio.once(("walk", name), lambda: layer_walk(found))
        names = ", ".join(f"{number}: {site}" for number, site in enumerate(found))
        slider = gr.update(maximum=last, value=last, info=names)
        return name, slider, turn(name, last), shown(made)

    def enter(name: str, drawn: str) -> Any:
        return gr.skip() if not name or drawn == name else begin(name)

    tab.select(enter, [desk.shown, drawn], [drawn, layer, view, walk], **HEAVY)
    layer.release(turn, [desk.shown, layer], view, **HEAVY)
    layer.input(turn, [desk.shown, layer], view, trigger_mode="always_last", **HEAVY)
