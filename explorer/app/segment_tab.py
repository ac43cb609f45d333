"""The tab where clicks, or true masks, cut out objects through the whole clip."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.click_board import ClickBoard, Marks
from explorer.app.desk import Desk
from explorer.app.listening import HEAVY, shown, told, waiting
from explorer.app.places import file_button, view_place
from explorer.app.track_tab import CENTRINGS
from explorer.latents import Latents, Token
from explorer.tracking import clicked_labels
from explorer.views.following import thing_at
from explorer.views.segmenting import SENTENCE, segmenting, true_labels
from jepakit.evals.figures.overlays import object_colour

OBJECTS = [f"object {number}" for number in range(1, 8)]
BACKGROUND = "background"
GROW = 0.6  # similarity to a click at which a neighbouring token joins it
GREY = (150, 150, 150)
EMPTY = "Click on objects, then press Cut out."
Clicks = list[tuple[str, Token]]


def segment_tab(desk: Desk) -> None:
    """Clicks in the first slice, or the scene's own masks, and their propagation."""
    SegmentTab(desk).listen()


class SegmentTab:
    """Components and handlers of the tab."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        with gr.Tab("Segment", id="segment", elem_id="tab-segment") as self.tab:
            gr.Markdown(SENTENCE, elem_classes="lead")
            self.drawn, self.clicks = gr.State(""), gr.State([])
            with gr.Row():
                with gr.Column(scale=2, min_width=300):
                    self._choices()
                with gr.Column(scale=3, min_width=320):
                    self.view = view_place(EMPTY, elem_id="segment-view")

    def _choices(self) -> None:
        self.board = ClickBoard("segment", "Click on objects in the first frame", slider=False)
        self.which = gr.Dropdown([*OBJECTS, BACKGROUND], value=OBJECTS[0], label="A click means")
        with gr.Row():
            self.go = gr.Button("Cut out", variant="primary", elem_id="segment-go")
            self.clear = gr.Button("Clear clicks", elem_id="segment-clear")
        self.true = gr.Button("Use the scene's true masks", elem_id="segment-true")
        with gr.Accordion("Settings", open=False):
            self.grow = gr.Checkbox(value=True, label="A click spreads to similar neighbours")
            self.settings: list[Any] = [
                gr.Dropdown(
                    list(CENTRINGS), value="mean token", label="Taken away from all tokens"
                ),
                gr.Slider(1, 15, value=5, step=1, label="Neighbours that vote"),
                gr.Slider(1, 31, value=15, step=1, label="Earlier slices that vote"),
                gr.Slider(1, 24, value=12, step=1, label="How far a label travels"),
                gr.Checkbox(value=True, label="Untrained encoder beside it"),
            ]
        self.file = file_button("Labels as .npy", elem_id="segment-npy")

    def listen(self) -> None:
        """Wire the components."""
        shown_, board = self.desk.shown, self.board
        fresh = [self.drawn, self.clicks, board.image, board.words, self.true, self.view]
        clicked = [self.clicks, board.image, board.words]
        state, results = [shown_, self.clicks, self.which], [self.view, self.file]
        self.tab.select(self.enter, [shown_, self.drawn], fresh, **HEAVY)
        self.clear.click(self.begin, shown_, fresh, **HEAVY)
        board.image.select(self.on_click, state, clicked, **HEAVY)
        board.add.click(self.on_numbers, [*state, *board.numbers], clicked, **HEAVY)
        chosen = [shown_, self.clicks, self.grow, *self.settings]
        self.go.click(self.cut, chosen, results, **HEAVY)
        self.true.click(self.by_masks, [shown_, *self.settings], results, **HEAVY)

    @told
    def begin(self, name: str) -> Any:
        """The first frame, without clicks."""
        latents = self.desk.exhibit(name).latents
        known = gr.update(interactive=latents.clip.truth is not None)
        picture = self.board.picture(latents, 0, [])
        return name, [], picture, "none yet", known, waiting(EMPTY)

    def enter(self, name: str, drawn: str) -> Any:
        """Begin anew where the exhibit has changed."""
        return gr.skip() if not name or drawn == name else self.begin(name)

    @told
    def on_click(self, event: gr.SelectData, name: str, clicks: Clicks, which: str) -> Any:
        """A click on the picture."""
        token = self.board.clicked(self.desk.exhibit(name).latents, 0, event)
        return self._added(name, clicks, which, token)

    @told
    def on_numbers(self, name: str, clicks: Clicks, which: str, *place: int) -> Any:
        """A token by its numbers; its slice is the first."""
        _, row, column = self.board.numbered(self.desk.exhibit(name).latents, *place)
        return self._added(name, clicks, which, (0, row, column))

    @told
    def cut(self, name: str, clicks: Clicks, *options: Any) -> Any:
        """Carry the clicked labels on."""
        grow, *rest = options
        latents = self.desk.exhibit(name).latents
        return self._answer(name, labels_of(latents, clicks, grow=grow), *rest)

    @told
    def by_masks(self, name: str, *options: Any) -> Any:
        """Carry the scene's own labels on."""
        return self._answer(name, true_labels(self.desk.exhibit(name).latents), *options)

    def _added(self, name: str, clicks: Clicks, which: str, token: Token) -> Any:
        clicks = [*clicks, (which, token)]
        picture = self.board.picture(self.desk.exhibit(name).latents, 0, marks_of(clicks))
        return clicks, picture, f"{self.board.said(token)}: {which}"

    def _answer(self, name: str, first: Any, *options: Any) -> Any:
        centring, votes, context, radius, twin = options
        made = segmenting(
            self.desk.exhibit(name).latents, first, centring=CENTRINGS[centring],
            top_k=int(votes), context=int(context), radius=int(radius),
            baseline=self.desk.studio.baseline(name) if twin else None,
        )  # fmt: skip
        return shown(made), self.desk.offer(made)


def labels_of(latents: Latents, clicks: Clicks, *, grow: bool) -> Any:
    """Labels of the first slice. Objects of a scene that knows its truth keep their numbers there.

    Raises:
        ValueError: no click on an object.
    """
    objects: dict[int, list[Token]] = {}
    background: list[Token] = []
    for which, place in clicks:
        token = (int(place[0]), int(place[1]), int(place[2]))
        if which == BACKGROUND:
            background.append(token)
        else:
            number = thing_at(latents, token) or OBJECTS.index(which) + 1
            objects.setdefault(number, []).append(token)
    if not objects:
        raise ValueError("Nothing is labelled yet: click on an object in the first frame.")
    return clicked_labels(latents, objects, background, grow=GROW if grow else None)


def marks_of(clicks: Clicks) -> Marks:
    """Boxes in the colours of the objects; grey for background."""
    marks: Marks = []
    for which, (_, row, column) in clicks:
        colour = GREY
        if which != BACKGROUND:
            red, green, blue = object_colour(OBJECTS.index(which) + 1)
            colour = (round(255 * red), round(255 * green), round(255 * blue))
        marks.append(((0, int(row), int(column)), colour))
    return marks
