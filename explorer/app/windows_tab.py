"""The tab that compares overlapping windows, and finds dimensions that feel them."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.desk import Desk
from explorer.app.listening import HEAVY, shown, told, waiting
from explorer.app.places import file_button, view_place
from explorer.app.studio import Choice, Exhibit
from explorer.clips import generated_clips
from explorer.tour import encoding
from explorer.views.window_shift import SENTENCE, specialist_dimensions, window_shift
from explorer.windows.window_comparison import Encode

LONGEST = 64
EMPTY = "Press Compare windows."


def windows_tab(desk: Desk) -> None:
    """Two windows of the clip, and specialists over several scenes."""
    WindowsTab(desk).listen()


class WindowsTab:
    """Components and handlers of the tab."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        with gr.Tab("Windows", id="windows", elem_id="tab-windows") as self.tab:
            gr.Markdown(SENTENCE, elem_classes="lead")
            self.drawn = gr.State("")
            with gr.Row():
                with gr.Column(scale=1, min_width=240):
                    self._choices()
                with gr.Column(scale=3, min_width=320):
                    self.view = view_place(EMPTY, elem_id="windows-view")
                    self.more = view_place("", elem_id="specialists-view")

    def _choices(self) -> None:
        self.window = gr.Slider(
            2, LONGEST, value=12, step=2, label="Frames of a window", elem_id="window"
        )
        self.shift = gr.Number(
            2, label="Shift in frames", precision=0, minimum=1, elem_id="shift",
            info="whole time slices: an odd shift is refused, and says why",
        )  # fmt: skip
        self.start = gr.Number(0, label="First frame", precision=0, minimum=0)
        self.go = gr.Button("Compare windows", variant="primary", elem_id="windows-go")
        self.file = file_button("Profile as CSV", elem_id="windows-csv")
        self.scenes = gr.Slider(
            3, 8, value=4, step=1, label="Scenes for temporal specialists",
            info="generated scenes beside this clip",
        )  # fmt: skip
        self.find = gr.Button("Find specialists", elem_id="specialists-go")

    def listen(self) -> None:
        """Wire the components."""
        name = self.desk.shown
        fresh = [self.drawn, self.window, self.shift, self.view, self.more]
        self.tab.select(self.enter, [name, self.drawn], fresh, **HEAVY)
        chosen = [name, self.window, self.shift, self.start]
        self.go.click(self.compare, chosen, [self.view, self.file], **HEAVY)
        searched = [name, self.window, self.shift, self.scenes]
        self.find.click(self.search, searched, self.more, **HEAVY)

    def enter(self, name: str, drawn: str) -> Any:
        """Windows of three quarters of the clip, one slice apart, where the exhibit has changed."""
        if not name or drawn == name:
            return gr.skip()
        latents = self.desk.exhibit(name).latents
        frames, step = len(latents.clip), latents.tubelet
        value = max(step, frames * 3 // 4 // step * step)
        slider = gr.update(minimum=step, maximum=max(frames, 2 * step), step=step, value=value)
        return name, slider, gr.update(value=step), waiting(EMPTY), ""

    @told
    def compare(self, name: str, window: float, shift: float, start: float) -> Any:
        """Both windows in the encoder and in its untrained twin."""
        exhibit = self.desk.exhibit(name)
        made = self.desk.studio.once(
            ("windows", name, window, shift, start),
            lambda: window_shift(
                encoders_of(self.desk, exhibit), exhibit.latents.clip, window=int(window),
                shift=int(shift), start=int(start), tubelet=exhibit.latents.tubelet,
            ),
        )  # fmt: skip
        return shown(made), self.desk.offer(made)

    @told
    def search(self, name: str, window: float, shift: float, scenes: float) -> Any:
        """Dimensions that feel the window in the clip and in generated scenes."""
        exhibit = self.desk.exhibit(name)
        clip = exhibit.latents.clip
        others = generated_clips(int(scenes), frames=len(clip), size=clip.size[0], seed=7)
        made = self.desk.studio.once(
            ("specialists", name, window, shift, scenes),
            lambda: specialist_dimensions(
                next(iter(encoders_of(self.desk, exhibit).values())), [clip, *others],
                window=int(window), shift=int(shift), tubelet=exhibit.latents.tubelet,
            ),
        )  # fmt: skip
        return shown(made)


def encoders_of(desk: Desk, exhibit: Exhibit) -> dict[str, Encode]:
    """The exhibit's encoder and its untrained twin, as functions of frames.

    Raises:
        ValueError: only a file of latents is left.
    """
    choice = exhibit.choice
    if choice is None:
        raise ValueError("The model of these latents is not here: extract the clip again.")
    found = {"this encoder": desk.studio.open(choice)}
    if choice.weights != "untrained":
        found["untrained encoder"] = desk.studio.open(Choice(choice.model, "untrained"))
    return {name: encoding(model, exhibit.latents.site) for name, model in found.items()}
