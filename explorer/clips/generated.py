"""Clips of designed scenes, which know where everything is and what would be without it."""

from __future__ import annotations

from collections.abc import Iterator

from explorer.clip import Clip, SceneTruth
from explorer.clips.resizing import centres_of
from worlds.scenes import LAYOUTS, SceneClip, SceneObject, sample, simulate

RATE = 10.0  # Hz: things move a fifth of their size or so from frame to frame
SCENES_FROM = 3 << 40  # scenes beyond those of any split that data_prep writes


def scene_clip(
    layout: str, number: int, *, frames: int, size: int, rate: float = RATE, without: bool = True
) -> Clip:
    """The clip of one designed scene.

    Args:
        layout: key of :data:`worlds.scenes.LAYOUTS`.
        number: of the scene.
        frames: of the clip.
        size: height and width in pixels.
        rate: frames per second; divides 60.
        without: simulate again without each movable object.

    Raises:
        ValueError: no such layout, or a number that is not positive.
    """
    scene = simulate(sample(layout, number), frames=frames, rate=rate, size=size)
    return Clip(
        frames=scene.frames,
        fps=rate,
        name=f"{layout} {number % SCENES_FROM}",
        source_frames=tuple(range(frames)),
        truth=scene_truth(scene, without=without),
    )


def scene_truth(scene: SceneClip, *, without: bool) -> SceneTruth:
    """Labels, places and names of the objects, and frames of the scene without each movable one."""
    movable = [item.identity for item in scene.objects if item.dynamic]
    others = {identity: scene.without(identity).frames for identity in movable if without}
    return SceneTruth(
        labels=scene.labels,
        centres=centres_of(scene.labels, len(scene.identities)),
        names=tuple(object_name(item) for item in scene.objects),
        without=others,
    )


def object_name(item: SceneObject) -> str:
    """Such as ``red striped ball``."""
    look = {"stripes": "striped ", "checks": "checked ", "dots": "dotted ", "plain": ""}
    return f"{item.colour} {look.get(item.pattern, '')}{item.kind}"


def generated_clips(
    count: int, *, frames: int = 16, size: int = 96, seed: int = 0, without: bool = False
) -> Iterator[Clip]:
    """Different scenes, the layouts in turn.

    Args:
        count: how many.
        frames: of each clip.
        size: height and width in pixels.
        seed: of the scenes; below 1000.
        without: simulate again without each movable object, which takes as long again for each.

    Raises:
        ValueError: a seed out of range.
    """
    if not 0 <= seed < 1000:
        raise ValueError(f"seed is from 0 to 999, got {seed}.")
    layouts = list(LAYOUTS)
    for index in range(count):
        number = SCENES_FROM + ((seed + 1) << 24) + index // len(layouts)
        layout = layouts[index % len(layouts)]
        yield scene_clip(layout, number, frames=frames, size=size, without=without)
