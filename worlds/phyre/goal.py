"""When a task counts as solved."""

from __future__ import annotations

from collections.abc import Callable

from worlds.phyre.task import PIXELS_PER_METRE, Task
from worlds.physics import World
from worlds.scene import Circle

HOLD_STEPS = 180  # 3 s; how long the relation must hold without a break
GAP = 0.1  # pixels; two balls this close count as touching


class Goal:
    """Counts for how long a relation has been holding; asked after every step."""

    def __init__(self, holds: Callable[[World], bool]) -> None:
        self._holds = holds
        self.streak = 0
        self.solved_at: int | None = None

    def solved(self, world: World) -> bool:
        """Whether the relation has held for 180 steps without a break, now or before."""
        if self.solved_at is None:
            self.streak = self.streak + 1 if self._holds(world) else 0
            if self.streak >= HOLD_STEPS:
                self.solved_at = world.step_count
        return self.solved_at is not None

    def out_of_reach(self, world: World, steps: int) -> bool:
        """Whether the rest of ``steps`` steps is too short to solve the task."""
        return self.streak + steps - world.step_count < HOLD_STEPS


def touching(task: Task, subject: int, other: int) -> Callable[[World], bool]:
    """The relation TOUCHING between the two bodies of a task, found at two places of a scene.

    Two balls touch when their centres are less than ``r1 + r2 + 0.1`` pixels apart; everything else
    when the engine says so, which counts a thin skin around polygons.
    """
    first, second = task.bodies[task.subject], task.bodies[task.object]
    if first.ball and second.ball:
        radii = [s.radius for s in first.shapes + second.shapes if isinstance(s, Circle)]
        limit = ((sum(radii) + GAP) / PIXELS_PER_METRE) ** 2

        def close(world: World) -> bool:
            (ax, ay), (bx, by) = world.position(subject), world.position(other)
            return (ax - bx) ** 2 + (ay - by) ** 2 < limit

        return close
    # Ask the one that moves: few things touch it.
    a, b = (subject, other) if first.dynamic else (other, subject)
    return lambda world: world.touching(a, b)
