"""Where results go on the page: a view's HTML, and the button of its file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.listening import waiting


def view_place(text: str, *, elem_id: str) -> Any:
    """Where a view will be, and what stands there before; nothing with an empty text."""
    return gr.HTML(waiting(text) if text else "", elem_id=elem_id, apply_default_css=False)


def file_button(label: str, *, elem_id: str) -> Any:
    """A download button that sleeps until there is a file."""
    return gr.DownloadButton(label, size="sm", interactive=False, elem_id=elem_id)


def sharp_image(label: str, *, elem_id: str) -> Any:
    """A picture to click on, whose coordinates are its own pixels."""
    return gr.Image(
        label=label,
        format="png",
        type="numpy",
        interactive=False,
        buttons=[],
        elem_id=elem_id,
        elem_classes="click",
        container=False,
    )
