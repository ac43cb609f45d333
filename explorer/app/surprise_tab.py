"""The tab of the predictor: surprise over time, and energies of futures."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.desk import Desk
from explorer.app.listening import HEAVY, shown, told
from explorer.app.places import file_button, view_place
from explorer.app.studio import Choice
from explorer.views.surprising import futures, surprising

HIDES = {
    "one slice at a time": "slice", "all that comes after": "future", "squares": "blocks",
}  # fmt: skip
LEAD = (
    "The model predicts what it is not shown. Where it errs it is surprised: a touch, a thing that "
    "turns up. An untrained twin is about equally wrong everywhere."
)


def surprise_tab(desk: Desk) -> None:
    """Prediction errors of the clip, and which future has the least energy."""
    with gr.Tab("Surprise", id="surprise", elem_id="tab-surprise"):
        lead = gr.Markdown(LEAD, elem_classes="lead")
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                hide = gr.Radio(list(HIDES), value="one slice at a time", label="Hidden in turn")
                go = gr.Button("Measure surprise", variant="primary", elem_id="surprise-go")
                file = file_button("Errors as CSV", elem_id="surprise-csv")
                ask = gr.Button("Compare futures", elem_id="futures-go")
            with gr.Column(scale=3, min_width=320):
                view = view_place("Press Measure surprise.", elem_id="surprise-view")
                told_of = gr.Markdown("", elem_classes="lead")
                more = view_place("", elem_id="futures-view")

    @told
    def measure(name: str, hide: str) -> Any:
        module, twin, clip = predictors(desk, name)
        made = desk.studio.once(
            ("surprise", name, hide),
            lambda: surprising(module, clip, untrained=twin, hide=HIDES[hide]),  # type: ignore[arg-type]
        )
        return shown(made), made.sentence, desk.offer(made)

    @told
    def compare(name: str) -> Any:
        module, twin, clip = predictors(desk, name)
        other = desk.studio.scene(frames=len(clip), size=clip.size[0], seed=1)
        made = desk.studio.once(
            ("futures", name), lambda: futures(module, clip, others=[other], untrained=twin)
        )
        return shown(made), made.sentence

    go.click(measure, [desk.shown, hide], [view, lead, file], **HEAVY)
    ask.click(compare, desk.shown, [more, told_of], **HEAVY)


def predictors(desk: Desk, name: str) -> tuple[Any, Any, Any]:
    """The whole model, its untrained twin and the clip.

    Raises:
        ValueError: only a file of latents is left.
    """
    exhibit = desk.exhibit(name)
    if exhibit.choice is None:
        raise ValueError("The model of these latents is not here: extract the clip again.")
    module = desk.studio.open(exhibit.choice).module
    twin = desk.studio.open(Choice(exhibit.choice.model, "untrained")).module
    return module, None if exhibit.choice.weights == "untrained" else twin, exhibit.latents.clip
