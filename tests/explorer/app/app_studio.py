"""A studio on the bundled model, and latents of its first clip."""

from __future__ import annotations

from pathlib import Path

from explorer.app.studio import Choice, Studio
from explorer.models import BUNDLED_ID

CHOICE = Choice(BUNDLED_ID)


def small_studio(folder: Path) -> Studio:
    return Studio(None, folder)


def extracted(studio: Studio, *, frames: int = 8, size: int = 48, choice: Choice = CHOICE) -> str:
    """An exhibit of a small generated scene."""
    clip = studio.keep_clip(studio.scene(frames=frames, size=size))
    return studio.extract(clip, choice)
