"""Trying actions: with everything recorded, or for the outcome alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worlds import physics
from worlds.phyre.action import place
from worlds.phyre.goal import Goal, touching
from worlds.phyre.simulation import Simulation, Status
from worlds.phyre.task import WALLS, Relation, Task
from worlds.scene import Scene

MAX_STEPS = 1000

Action = Sequence[float] | NDArray[np.floating]


def simulate(
    task: Task,
    action: Action,
    stride: int = 60,
    *,
    steps: int = MAX_STEPS,
    without: int | None = None,
    stop_when_solved: bool = True,
    log_contacts: bool = True,
) -> Simulation:
    """Try an action and record what happens.

    Args:
        task: a task whose relation is TOUCHING.
        action: 3 numbers in [0, 1] for one ball or 6 for two, see `worlds.phyre.action`.
        stride: steps between recorded frames.
        steps: how many steps at most.
        without: id of an object that is left out, all else equal; also a user's ball. A task whose
            relation names the object cannot be solved without it.
        stop_when_solved: end as the official simulator does; otherwise always make ``steps`` steps.
        log_contacts: whether to keep the contact log; without it ``contacts`` is empty.

    Raises:
        ValueError: another relation, an unknown object, a wrong count.
    """
    balls = place(task, action)
    scene = task.scene(balls or ())
    if without is not None:
        scene = scene.without(without)
    goal = goal_of(task, scene)
    trajectory = physics.simulate(
        scene,
        0 if balls is None else steps,
        record_every=stride,
        record_from=1,
        until=lambda world: goal.solved(world) and stop_when_solved,
        log_contacts=log_contacts,
    )
    status = Status.SOLVED if goal.solved_at else Status.NOT_SOLVED
    return Simulation(
        task=task,
        balls=balls or (),
        status=Status.INVALID if balls is None else status,
        identities=scene.identities,
        trajectory=trajectory,
        solved_at=goal.solved_at,
    )


def attempt(task: Task, action: Action) -> Status:
    """The status of an action and nothing else, ending as soon as it is certain.

    Raises:
        ValueError: the relation of the task is not TOUCHING.
    """
    balls = place(task, action)
    if balls is None:
        return Status.INVALID
    scene = task.scene(balls)
    goal = goal_of(task, scene)
    physics.simulate(
        scene,
        MAX_STEPS,
        record_from=MAX_STEPS + 1,
        until=lambda world: goal.solved(world) or goal.out_of_reach(world, MAX_STEPS),
        log_contacts=False,
    )
    return Status.SOLVED if goal.solved_at else Status.NOT_SOLVED


def goal_of(task: Task, scene: Scene) -> Goal:
    """What must come to hold between the bodies of a task in ``scene``, where some may be missing.

    Raises:
        ValueError: the relation of the task is not TOUCHING.
    """
    if task.relation is not Relation.TOUCHING:
        raise ValueError(
            f"Task {task.identity} asks for {task.relation.name}; only TOUCHING is judged, the "
            "relation of all tasks of the tiers BALL, TWO_BALLS and VIRTUAL_TOOLS."
        )
    places = {body.identity: index for index, body in enumerate(scene.bodies) if body.identity}
    places |= {index - WALLS + 1: index for index in range(WALLS)}
    subject = places.get(task.subject - WALLS + 1)
    other = places.get(task.object - WALLS + 1)
    if subject is None or other is None:
        return Goal(lambda _: False)
    return Goal(touching(task, subject, other))
