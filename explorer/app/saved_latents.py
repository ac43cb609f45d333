"""Latents kept as files: save what is shown, open what was saved, take it along."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from explorer.app.desk import Desk
from explorer.app.listening import HEAVY, LIGHT, shown, told
from explorer.app.places import file_button


def saved_latents(desk: Desk, view: Any) -> Callable[[Any], None]:
    """The controls; the returned function wires them once the state of the page is known.

    Args:
        desk: what all tabs share.
        view: where an opened file is shown.
    """
    with gr.Accordion("Saved latents", open=False, elem_id="saved"):
        gr.Markdown(
            "Latents as safetensors, with the model's hash, the transform and versions. Files "
            "older than a week are deleted.",
            elem_classes="lead",
        )
        with gr.Row():
            save = gr.Button("Save these latents", size="sm", elem_id="save")
            half = gr.Checkbox(value=False, label="Half precision")
        saved = gr.Dropdown(_choices(desk), label="Files", elem_id="files", value=None)
        with gr.Row():
            open_ = gr.Button("Open", size="sm", elem_id="open")
            take = file_button("Download", elem_id="take")

    @told
    def keep(name: str, *half: bool) -> Any:
        artifact = desk.studio.store.save(desk.exhibit(name).latents, half=any(half))
        path = str(desk.studio.hand_out(artifact))
        offered = gr.update(value=path, interactive=True)
        return gr.update(choices=_choices(desk), value=artifact), offered

    @told
    def reopen(artifact: str | None) -> Any:
        from explorer.app.clip_tab import opening

        if not artifact:
            raise ValueError("Choose a file first.")
        name = desk.studio.reopen(artifact)
        path = str(desk.studio.hand_out(artifact))
        offered = gr.update(value=path, interactive=True)
        return name, shown(opening(desk.studio, name)), offered

    def wire(state: Any) -> None:
        save.click(keep, [state, half], [saved, take], **LIGHT)
        open_.click(reopen, saved, [state, view, take], **HEAVY)

    return wire


def _choices(desk: Desk) -> list[tuple[str, str]]:
    found = []
    for artifact in desk.studio.store.list():
        at = datetime.fromtimestamp(artifact.saved, UTC).strftime("%d %b %H:%M UTC")
        about = artifact.about
        found.append((f"{about['clip']}, {about['model']}, {about['site']}, {at}", artifact.id))
    return found
