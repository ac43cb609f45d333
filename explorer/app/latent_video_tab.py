"""The tab of the RGB-mapped latent video."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.desk import Desk
from explorer.app.listening import HEAVY, shown, told
from explorer.app.places import view_place
from explorer.reductions import Mode
from explorer.views.latent_video import SENTENCE, latent_video

COMPONENTS = [str(number) for number in range(1, 11)]
MODES: dict[str, Mode] = {
    "all tokens": "global",
    "averages over time": "spatial",
    "averages over space": "temporal",
}


def latent_video_tab(desk: Desk) -> None:
    """Clip and latent video side by side, any three components as colours."""
    with gr.Tab("Latent video", id="latent-video", elem_id="tab-latent-video") as tab:
        gr.Markdown(SENTENCE, elem_classes="lead")
        drawn = gr.State("")
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                mode = gr.Dropdown(list(MODES), value="all tokens", label="Directions found in")
                red, green, blue = (
                    gr.Dropdown(COMPONENTS, value=str(number), label=f"{name} is component")
                    for number, name in enumerate(("Red", "Green", "Blue"), start=1)
                )
                robust = gr.Checkbox(value=True, label="Clip the outermost 1 % of tokens")
                twin = gr.Checkbox(value=True, label="Untrained encoder beside it")
            with gr.Column(scale=3, min_width=320):
                view = view_place("The latent video appears here.", elem_id="latent-video-view")

    @told
    def draw(
        name: str, mode: str, red: str, green: str, blue: str, *ticks: bool
    ) -> tuple[str, str]:
        robust, twin = ticks
        latents = desk.exhibit(name).latents
        channels = (int(red) - 1, int(green) - 1, int(blue) - 1)
        made = desk.studio.once(
            ("latent video", name, mode, channels, robust, twin),
            lambda: latent_video(
                latents, baseline=desk.studio.baseline(name) if twin else None,
                mode=MODES[mode], channels=channels, robust=robust,
            ),
        )  # fmt: skip
        return shown(made), name

    def refresh(name: str, drawn: str, *options: Any) -> Any:
        return gr.skip() if not name or drawn == name else draw(name, *options)

    options: list[Any] = [mode, red, green, blue, robust, twin]
    tab.select(refresh, [desk.shown, drawn, *options], [view, drawn], **HEAVY)
    gr.on(
        [option.input for option in options], draw, [desk.shown, *options], [view, drawn], **HEAVY
    )
