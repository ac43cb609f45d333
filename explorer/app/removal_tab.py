"""The tab where a click takes an object out of the scene."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.desk import Desk
from explorer.app.listening import HEAVY, shown, told, waiting
from explorer.app.places import sharp_image, view_place
from explorer.app.surprise_tab import predictors
from explorer.clip import Clip
from explorer.prediction import object_at
from explorer.views.marked_frame import enlargement, marked_frame
from explorer.views.removal import SENTENCE, removal


def removal_tab(desk: Desk) -> None:
    """Counterfactuals of a generated scene."""
    with gr.Tab("What if", id="removal", elem_id="tab-removal") as tab:
        gr.Markdown(SENTENCE, elem_classes="lead")
        drawn = gr.State("")
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                image = sharp_image("Click on the object to take out", elem_id="removal-image")
                which = gr.Radio(
                    [], label="Or choose it here", elem_id="removal-object",
                    info="objects that can move and were simulated without",
                )  # fmt: skip
                go = gr.Button("Take it out", variant="primary", elem_id="removal-go")
            with gr.Column(scale=3, min_width=320):
                view = view_place("Click on an object.", elem_id="removal-view")

    def answer(name: str, number: int) -> str:
        module, twin, clip = predictors(desk, name)
        made = desk.studio.once(
            ("removal", name, number), lambda: removal(module, clip, number, untrained=twin)
        )
        return shown(made)

    @told
    def on_click(event: gr.SelectData, name: str) -> Any:
        latents = desk.exhibit(name).latents
        truth = latents.clip.truth
        if truth is None:
            raise ValueError("This clip has no masks: what if works on generated scenes.")
        x, y = event.index
        factor = enlargement(latents)
        number = object_at(truth.labels, x / factor, y / factor, 0)
        return answer(name, number), gr.update(value=number)

    @told
    def on_choice(name: str, number: int | None) -> Any:
        if number is None:
            raise ValueError("Choose an object first; clips without masks have none.")
        return answer(name, int(number))

    @told
    def begin(name: str) -> Any:
        latents = desk.exhibit(name).latents
        choices = objects_of(latents.clip)
        value = choices[0][1] if choices else None
        text = (
            "Click on an object." if choices else "This clip has no masks: take a generated scene."
        )
        picture = marked_frame(latents, 0).pixels
        return name, picture, gr.update(choices=choices, value=value), waiting(text)

    def enter(name: str, drawn: str) -> Any:
        return gr.skip() if not name or drawn == name else begin(name)

    tab.select(enter, [desk.shown, drawn], [drawn, image, which, view], **HEAVY)
    image.select(on_click, desk.shown, [view, which], **HEAVY)
    go.click(on_choice, [desk.shown, which], view, **HEAVY)


def objects_of(clip: Clip) -> list[tuple[str, int]]:
    """Name and number of the objects that a scene was simulated without."""
    if clip.truth is None:
        return []
    return [(clip.truth.names[number - 1], number) for number in sorted(clip.truth.without)]
