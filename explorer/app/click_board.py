"""A frame to click on, with a slider of frames and a row of numbers for those who do not click."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.places import sharp_image
from explorer.latents import Latents, Token
from explorer.views.marked_frame import enlargement, marked_frame, token_words

Marks = list[tuple[Token, tuple[int, int, int]]]


class ClickBoard:
    """The components, made where the constructor is called.

    Args:
        name: start of the elements' ids.
        label: of the picture.
        slider: whether other frames than the first can be chosen.
    """

    def __init__(self, name: str, label: str, *, slider: bool = True) -> None:
        self.frame = gr.Slider(
            0, 1, value=0, step=1, label="Frame", visible=slider, elem_id=f"{name}-frame"
        )
        self.image = sharp_image(label, elem_id=f"{name}-image")
        self.words = gr.Textbox(
            label="Token", interactive=False, elem_id=f"{name}-token", elem_classes="token",
            value="none yet",
        )  # fmt: skip
        with gr.Accordion("Without a mouse: give the token by numbers", open=False):
            with gr.Row():
                self.slice, self.row, self.column = (
                    gr.Number(0, label=part, precision=0, minimum=0, min_width=80)
                    for part in ("Slice", "Row", "Column")
                )
            self.add = gr.Button("Use this token", size="sm", elem_id=f"{name}-add")

    @property
    def numbers(self) -> list[Any]:
        """The fields of the token by numbers."""
        return [self.slice, self.row, self.column]

    @staticmethod
    def picture(latents: Latents, frame: int, marks: Marks) -> Any:
        """The frame with boxes."""
        return marked_frame(latents, frame, marks).pixels

    @staticmethod
    def clicked(latents: Latents, frame: int, event: gr.SelectData) -> Token:
        """The token under a click."""
        x, y = event.index
        factor = enlargement(latents)
        return latents.token_at(x / factor, y / factor, frame)

    @staticmethod
    def numbered(latents: Latents, slice_: int, row: int, column: int) -> Token:
        """The token with these numbers.

        Raises:
            ValueError: there is none.
        """
        token = int(slice_), int(row), int(column)
        if any(not 0 <= place < size for place, size in zip(token, latents.grid, strict=True)):
            raise ValueError(
                f"Slices, rows and columns are below {latents.grid}, from 0; came {token}."
            )
        return token

    @staticmethod
    def said(token: Token) -> str:
        """``slice 2, row 5, column 7``."""
        return token_words(token)
