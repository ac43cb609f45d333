"""The first tab: choose a clip and a model, see what it will cost, extract, look."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.clip_controls import ClipControls
from explorer.app.desk import Desk
from explorer.app.listening import HEAVY, LIGHT, shown, told
from explorer.app.places import view_place
from explorer.app.saved_latents import saved_latents
from explorer.app.studio import Studio
from explorer.view import View
from explorer.views.latent_video import SENTENCE, latent_video


def clip_tab(desk: Desk) -> None:
    """Clip, model, estimate, extraction, and the first picture."""
    with gr.Tab("Clip", id="clip", elem_id="tab-clip"), gr.Row():
        with gr.Column(scale=2, min_width=320):
            controls = ClipControls(desk)
            cost = view_place("", elem_id="estimate")
            with gr.Row():
                extract = gr.Button("Extract", variant="primary", elem_id="extract")
                stop = gr.Button("Stop", elem_id="stop")
        with gr.Column(scale=3, min_width=320):
            gr.Markdown(SENTENCE, elem_classes="lead")
            view = view_place("The first clip is being encoded: a moment.", elem_id="first-view")
            opened = saved_latents(desk, view)
    controls.listen(cost)

    @told
    def first() -> tuple[str, str]:
        name = desk.studio.first()
        if not name:
            raise ValueError(
                "The first clip could not be encoded; the terminal that the explorer runs in says "
                "why. Choose another model and press Extract."
            )
        return name, shown(opening(desk.studio, name))

    @told
    def run(
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
        *options: Any,
    ) -> tuple[str, str]:
        visitor = request.session_hash or ""
        progress(0, desc="Reading the clip")
        clip, choice, site, window = controls.chosen(*options)
        name = desk.studio.extract(
            desk.studio.keep_clip(clip), choice, site=site, window=window, visitor=visitor,
            progress=lambda share: progress(share, desc="Encoding"),
        )  # fmt: skip
        progress(1, desc="The untrained encoder beside it")
        return name, shown(opening(desk.studio, name))

    def halt(request: gr.Request) -> None:
        desk.studio.stop(request.session_hash or "")

    desk.page.load(controls.cost_of, controls.priced, cost, **LIGHT)
    desk.page.load(first, None, [desk.shown, view], **HEAVY)
    extract.click(run, controls.inputs, [desk.shown, view], **HEAVY)
    stop.click(halt, None, None, queue=False, **LIGHT)
    opened(desk.shown)


def opening(studio: Studio, name: str) -> View:
    """The clip beside its latent video and that of the untrained encoder."""
    latents = studio.exhibit(name).latents
    return studio.once(
        ("opening", name), lambda: latent_video(latents, baseline=studio.baseline(name))
    )
