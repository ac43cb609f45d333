"""Small PHYRE tasks made here, and banks whose outcomes follow a rule instead of a simulation."""

import numpy as np

from jepakit.evals.phyre.actions import TaskActions
from worlds.phyre import Relation, Status, Task, TaskBody, place, random_actions
from worlds.scene import Circle, Polygon


def box(x, y, width, height, colour="black", kind="other", *, dynamic=False):
    half = width / 2, height / 2
    corners = ((1, 1), (-1, 1), (-1, -1), (1, -1))
    shape = Polygon(tuple((half[0] * i, half[1] * j) for i, j in corners))
    return TaskBody((x, y), (shape,), dynamic, colour, kind, 0.0, max(width, height))


WALLS = (
    box(128.0, -2.5, 256.0, 5.0),
    box(-2.5, 128.0, 5.0, 256.0),
    box(128.0, 258.5, 256.0, 5.0),
    box(258.5, 128.0, 5.0, 256.0),
)


def toy_task(identity="00000:000", *, x=100.0, bodies=(), tier="BALL", subject=4, other=5):
    """A ball at ``x`` that lies on a shelf, so that it touches what it has to touch."""
    ball = TaskBody((x, 60.0), (Circle(10.0),), True, "green", "ball", 0.0, 20.0)
    shelf = box(x, 47.4, 60.0, 5.0, "purple", "bar")
    return Task(
        identity, tier, (*WALLS, ball, shelf, *bodies), subject, other, Relation.TOUCHING, "toy"
    )


def hopeless_task(identity="00000:000"):
    """The same, but the ball would have to touch a small bar in a corner."""
    corner = box(240.0, 240.0, 10.0, 5.0, "purple", "bar")
    return toy_task(identity, bodies=(corner,), other=6)


def near(task, action):
    """Solved when the user's ball is within 25 pixels left or right of the task's ball."""
    if place(task, action) is None:
        return Status.INVALID
    solved = abs(action[0] * 255 - task.bodies[4].position[0]) < 25
    return Status.SOLVED if solved else Status.NOT_SOLVED


def ruled_bank(task, count, rule=near, seed=0):
    """``count`` valid actions judged by ``rule``."""
    rows, solved = [], []
    for action in random_actions(task, seed):
        status = rule(task, action)
        if status is not Status.INVALID:
            rows.append(action)
            solved.append(status is Status.SOLVED)
        if len(rows) == count:
            return TaskActions(task, np.array(rows), np.array(solved))
    raise AssertionError


def toy_tasks(templates=10, each=2):
    """Tasks of several templates; the ball lies elsewhere in each."""
    rng = np.random.default_rng(0)
    return {
        f"{t:05d}:{i:03d}": toy_task(f"{t:05d}:{i:03d}", x=float(rng.integers(40, 216)))
        for t in range(templates)
        for i in range(each)
    }
