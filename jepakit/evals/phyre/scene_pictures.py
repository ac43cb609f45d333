"""Initial scenes with the user's balls drawn in: what an agent sees before anything moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from worlds.phyre import PALETTE, Task, place
from worlds.phyre.task import COLOURS, SIZE, WALLS
from worlds.raster import fill, rasterise, shape_runs
from worlds.scene import Circle

RED = COLOURS.index("red")


@dataclass(frozen=True)
class Drawn:
    """Pictures of actions in a task, top row first.

    Attributes:
        pictures: RGB.
        labels: id of the object on top, 0 for background; ids count the bodies after the walls
            from 1, the user's balls last.
        centres: x to the right and y downwards of each user's ball, as shares of the picture.
    """

    pictures: UInt8[np.ndarray, "s h w 3"]
    labels: UInt8[np.ndarray, "s h w"]
    centres: Float[np.ndarray, "s balls 2"]


def draw_actions(task: Task, actions: Float[np.ndarray, "s a"], size: int) -> Drawn:
    """Pictures of ``size`` x ``size`` pixels, one per action.

    Nothing is simulated: each is drawn as :meth:`worlds.phyre.Simulation.frames` draws, but at the
    start, one step of 1/60 s before the first recorded frame.

    Raises:
        ValueError: an action is invalid in the task.
    """
    bodies = task.bodies
    poses = np.array([[(*body.position, body.angle) for body in bodies]], np.float32)
    scale = size / SIZE
    scene = rasterise(
        [body.shapes for body in bodies], poses, size=(size, size), scale=scale, top_first=True
    )
    tops = np.repeat(scene, len(actions), axis=0)
    centres = []
    for picture, action in zip(tops, actions, strict=True):
        balls = place(task, action)
        if balls is None:
            raise ValueError(f"Action {action.tolist()} is invalid in task {task.identity}.")
        centres.append([(ball.x / SIZE, 1.0 - ball.y / SIZE) for ball in balls])
        for number, ball in enumerate(balls, len(bodies) + 1):
            pose = np.array([[ball.x, ball.y, 0.0]], np.float32)
            disc = (Circle(ball.radius),)
            for runs in shape_runs(disc, pose, size=(size, size), scale=scale):
                fill(picture[None], runs, number, top_first=True)
    balls_per_action = actions.shape[1] // 3
    colours = [0, *(COLOURS.index(body.colour) for body in bodies), *[RED] * balls_per_action]
    ids = [0] * (WALLS + 1) + list(range(1, len(bodies) - WALLS + balls_per_action + 1))
    return Drawn(
        PALETTE[np.array(colours, np.uint8)[tops]],
        np.array(ids, np.uint8)[tops],
        np.array(centres, np.float64).reshape(-1, balls_per_action, 2),
    )
