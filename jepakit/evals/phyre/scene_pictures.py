"""Initial scenes with the user's balls drawn in: what an agent sees before anything moves."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from worlds.phyre import PALETTE, Task, place
from worlds.phyre.task import COLOURS, SIZE
from worlds.raster import fill, rasterise, shape_runs
from worlds.scene import Circle

RED = COLOURS.index("red")


def draw_actions(
    task: Task, actions: Float[np.ndarray, "s a"], size: int
) -> UInt8[np.ndarray, "s h w 3"]:
    """RGB pictures of ``size`` x ``size`` pixels, top row first, one per action.

    Nothing is simulated: each is drawn as :meth:`worlds.phyre.Simulation.frames` draws, but at the
    start, one step of 1/60 s before the first recorded frame.

    Raises:
        ValueError: an action is invalid in the task.
    """
    bodies = task.bodies
    poses = np.array([[(*body.position, body.angle) for body in bodies]], np.float32)
    scale = size / SIZE
    tops = rasterise(
        [body.shapes for body in bodies], poses, size=(size, size), scale=scale, top_first=True
    )
    colours = np.array([0, *(COLOURS.index(body.colour) for body in bodies)], np.uint8)
    pictures = np.repeat(colours[tops], len(actions), axis=0)
    for picture, action in zip(pictures, actions, strict=True):
        balls = place(task, action)
        if balls is None:
            raise ValueError(f"Action {action.tolist()} is invalid in task {task.identity}.")
        for ball in balls:
            pose = np.array([[ball.x, ball.y, 0.0]], np.float32)
            disc = (Circle(ball.radius),)
            for runs in shape_runs(disc, pose, size=(size, size), scale=scale):
                fill(picture[None], runs, RED, top_first=True)
    return PALETTE[pictures]
