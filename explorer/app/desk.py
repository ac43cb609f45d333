"""What all tabs share: the studio, and which exhibit a visitor looks at."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import gradio as gr

from explorer.app.studio import Exhibit, Studio
from explorer.view import View


@dataclass(frozen=True)
class Desk:
    """Handed to every tab.

    Attributes:
        studio: clips, models and latents by id.
        shown: Gradio state with the id of the visitor's exhibit.
        page: the Gradio blocks, whose loading is an event.
    """

    studio: Studio
    shown: Any
    page: Any

    def exhibit(self, name: str) -> Exhibit:
        """The exhibit that a visitor looks at.

        Raises:
            ValueError: there is none yet.
        """
        if not name:
            raise ValueError("There are no latents yet: extract a clip first.")
        return self.studio.exhibit(name)

    def download(self, name: str, content: bytes) -> str:
        """A file for a download button, in the folder that the app hands files out of."""
        folder = self.studio.served / f"file-{secrets.token_hex(8)}"
        folder.mkdir(parents=True)
        place = folder / name
        place.write_bytes(content)
        return str(place)

    def offer(self, view: View) -> Any:
        """The first file of a view on its download button, which sleeps where there is none."""
        for name, content in view.files.items():
            return gr.update(value=self.download(name, content), interactive=True)
        return gr.update(value=None, interactive=False)
