"""The tab where a click follows a thing."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.click_board import ClickBoard, Marks
from explorer.app.desk import Desk
from explorer.app.listening import HEAVY, shown, told, waiting
from explorer.app.places import file_button, view_place
from explorer.latents import Token
from explorer.tracking import Centring, Query
from explorer.views.following import SENTENCE, following

OBJECTS = [f"object {number}" for number in range(1, 6)]
THIS, NOT = "this", "not this"
WHITE, BLUE = (255, 255, 255), (0, 114, 178)
CENTRINGS: dict[str, Centring] = {
    "mean token": "clip",
    "mean token, row and column": "position",
    "nothing": "none",
}
EMPTY = "Click on a thing in the frame."
Clicks = dict[str, dict[str, list[Token]]]


def track_tab(desk: Desk) -> None:
    """Several objects, each with clicks for and against it."""
    TrackTab(desk).listen()


class TrackTab:
    """Components and handlers of the tab."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        with gr.Tab("Follow", id="track", elem_id="tab-track") as self.tab:
            gr.Markdown(SENTENCE, elem_classes="lead")
            self.drawn, self.clicks = gr.State(""), gr.State({})
            with gr.Row():
                with gr.Column(scale=2, min_width=300):
                    self._choices()
                with gr.Column(scale=3, min_width=320):
                    self.view = view_place(EMPTY, elem_id="track-view")

    def _choices(self) -> None:
        self.board = ClickBoard("track", "Click on a thing")
        with gr.Row():
            self.which = gr.Dropdown(OBJECTS, value=OBJECTS[0], label="Object", min_width=120)
            self.kind = gr.Radio([THIS, NOT], value=THIS, label="A click means", min_width=150)
        self.clear = gr.Button("Clear clicks", size="sm", elem_id="track-clear")
        with gr.Accordion("Settings", open=False):
            self.settings: list[Any] = [
                gr.Checkbox(value=False, label="Average a click over 3 x 3 tokens"),
                gr.Checkbox(value=True, label="Paths may not jump"),
                gr.Dropdown(
                    list(CENTRINGS), value="mean token", label="Taken away from all tokens"
                ),
                gr.Checkbox(value=True, label="Untrained encoder beside it"),
            ]
        self.file = file_button("Trajectory as CSV", elem_id="track-csv")

    def listen(self) -> None:
        """Wire the components."""
        desk, board = self.desk, self.board
        fresh = [self.drawn, self.clicks, board.frame, board.image, board.words, self.view]
        results = [self.clicks, board.image, board.words, self.view, self.file]
        state = [desk.shown, self.clicks, self.which, self.kind, board.frame]
        self.tab.select(self.enter, [desk.shown, self.drawn], fresh, **HEAVY)
        self.clear.click(self.begin, desk.shown, fresh, **HEAVY)
        board.image.select(self.on_click, [*state, *self.settings], results, **HEAVY)
        board.add.click(self.on_numbers, [*state, *board.numbers, *self.settings], results, **HEAVY)
        board.frame.input(self.turn, [desk.shown, self.clicks, board.frame], board.image, **HEAVY)
        changes = [self.which.input, *(one.input for one in self.settings)]
        chosen = [desk.shown, self.clicks, self.which, *self.settings]
        gr.on(changes, self.redraw, chosen, [self.view, self.file], **HEAVY)

    @told
    def begin(self, name: str) -> Any:
        """The first frame, without clicks."""
        latents = self.desk.exhibit(name).latents
        slider = gr.update(maximum=len(latents.clip) - 1, value=0)
        picture = self.board.picture(latents, 0, [])
        return name, {}, slider, picture, "none yet", waiting(EMPTY)

    def enter(self, name: str, drawn: str) -> Any:
        """Begin anew where the exhibit has changed."""
        return gr.skip() if not name or drawn == name else self.begin(name)

    @told
    def turn(self, name: str, clicks: Clicks, frame: float) -> Any:
        """Another frame."""
        return self.board.picture(self.desk.exhibit(name).latents, int(frame), marks_of(clicks))

    @told
    def on_click(
        self, event: gr.SelectData, name: str, clicks: Clicks, which: str, kind: str,
        frame: float, *options: Any,
    ) -> Any:  # fmt: skip
        """A click on the picture."""
        token = self.board.clicked(self.desk.exhibit(name).latents, int(frame), event)
        return self._added(name, clicks, which, kind, frame, token, *options)

    @told
    def on_numbers(
        self, name: str, clicks: Clicks, which: str, kind: str, frame: float, *more: Any
    ) -> Any:
        """A token by its numbers."""
        token = self.board.numbered(self.desk.exhibit(name).latents, *more[:3])
        return self._added(name, clicks, which, kind, frame, token, *more[3:])

    @told
    def redraw(self, name: str, clicks: Clicks, which: str, *options: Any) -> Any:
        """The same clicks with other settings, or another object."""
        if not clicks.get(which, {}).get(THIS):
            return gr.skip()
        return self._answer(name, clicks, which, *options)

    def _added(
        self, name: str, clicks: Clicks, which: str, kind: str, frame: float, token: Token,
        *options: Any,
    ) -> Any:  # fmt: skip
        clicks = with_click(clicks, which, kind, token)
        latents = self.desk.exhibit(name).latents
        picture = self.board.picture(latents, int(frame), marks_of(clicks))
        if not clicks[which][THIS]:
            text = waiting("Click on the thing itself too: only “not this” is known of it.")
            return clicks, picture, self.board.said(token), text, gr.skip()
        answer = self._answer(name, clicks, which, *options)
        return clicks, picture, self.board.said(token), *answer

    def _answer(self, name: str, clicks: Clicks, which: str, *options: Any) -> Any:
        average, motion, centring, twin = options
        queries = queries_of(clicks)
        made = following(
            self.desk.exhibit(name).latents, queries,
            shown=[query.name for query in queries].index(which),
            average=3 if average else 1, motion=motion, centring=CENTRINGS[centring],
            baseline=self.desk.studio.baseline(name) if twin else None,
        )  # fmt: skip
        return shown(made), self.desk.offer(made)


def with_click(clicks: Clicks, which: str, kind: str, token: Token) -> Clicks:
    """The clicks and one more; the given ones stay as they are."""
    grown = {name: {k: list(tokens) for k, tokens in one.items()} for name, one in clicks.items()}
    mine = grown.setdefault(which, {THIS: [], NOT: []})
    if token not in mine[kind]:
        mine[kind].append(token)
    return grown


def queries_of(clicks: Clicks) -> list[Query]:
    """A query for each object that was clicked on."""
    return [
        Query(_tokens(one[THIS]), _tokens(one[NOT]), name)
        for name, one in sorted(clicks.items())
        if one[THIS]
    ]


def marks_of(clicks: Clicks) -> Marks:
    """Boxes around all clicks."""
    colours = {THIS: WHITE, NOT: BLUE}
    return [
        (token, colours[kind])
        for one in clicks.values()
        for kind, tokens in one.items()
        for token in _tokens(tokens)
    ]


def _tokens(tokens: list[Token]) -> tuple[Token, ...]:
    return tuple((int(t), int(row), int(column)) for t, row, column in tokens)
