"""The clip that is there before anybody brings one: things cross a table and bump into each other.

Chosen out of 400 scenes: seven things of as many looks on a light table, four of which travel more
than a fifth of the picture, six touches spread over the clip, nothing out of view.
"""

from __future__ import annotations

from dataclasses import replace

from explorer.clip import Clip
from explorer.clips.generated import SCENES_FROM, scene_clip

LAYOUT, CHOSEN = "crossing", 129


def default_clip(*, frames: int = 16, size: int = 96, seed: int = 0) -> Clip:
    """The designed scene, the same on every call, simulated again without each of its objects.

    Args:
        frames: at 10 Hz; the touches happen within the first 16.
        size: height and width in pixels.
        seed: another number gives another scene of the same kind, as it comes.
    """
    clip = scene_clip(LAYOUT, SCENES_FROM + CHOSEN + seed, frames=frames, size=size)
    return replace(clip, name="Seven things on a table" if seed == 0 else clip.name)
