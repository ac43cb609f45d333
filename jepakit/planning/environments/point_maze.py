"""PointMaze of gymnasium-robotics, seen from above: a ball that forces move through a maze."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# MuJoCo decides when it is imported how it draws; without a screen only EGL and OSMesa can.
if sys.platform == "linux" and "DISPLAY" not in os.environ:
    os.environ.setdefault("MUJOCO_GL", "egl")

# Mesa, which draws without a GPU, and Triton have an LLVM each: Triton crashes if it comes second.
with suppress(ModuleNotFoundError):
    import triton  # noqa: F401

import gymnasium_robotics.envs.maze
import mujoco
from gymnasium_robotics.envs.maze.point_maze import PointMazeEnv

from jepakit.actions import ActionSpace
from jepakit.planning.environments.restorable import Floats, Pilot, RestorableSuite, Simulator

MOST_PIXELS = 480  # that MuJoCo draws along a side
ABOVE = {"distance": 6.6, "elevation": -90.0, "azimuth": 90.0, "lookat": np.zeros(3)}
SUBSTEPS = 5  # of 0.01 s; as many as DINO-WM repeats an action
NEAR = 0.45  # m
ROOM = 0.25  # m from the middle of a cell that the ball is put to at most
FORCES = ActionSpace(("force_x", "force_y"), (-1.0, -1.0), (1.0, 1.0))

Cell = tuple[int, int]


class Engine:
    """MuJoCo with the maze and what draws it, 100 MB, for all episodes.

    A step follows from state and action alone: the solver starts afresh each time.

    Args:
        pixels: height and width of the pictures.

    Raises:
        ValueError: it cannot draw here.
    """

    def __init__(self, pixels: int) -> None:
        self._env: Any = PointMazeEnv(render_mode="rgb_array", width=pixels, height=pixels)
        self._env.reset(seed=0)
        Path(self._env.tmp_xml_file_path).unlink(missing_ok=True)  # which the package leaves behind
        self.maze: Any = self._env.maze
        self._env.point_env.mujoco_renderer.default_cam_config = ABOVE
        self._env.model.site_rgba[self._env.target_site_id, 3] = 0.0  # the goal must not be seen
        try:
            self.picture(np.zeros(4))
        except mujoco.FatalError as error:
            raise ValueError(
                "point-maze cannot draw: a display is needed, or the environment variable "
                "MUJOCO_GL set to egl or osmesa."
            ) from error

    def step(self, state: Floats, action: NDArray[np.float32]) -> Floats:
        """The state after the action was held for 0.05 s."""
        self._set(state)
        for _ in range(SUBSTEPS):
            self._env.point_env.step(action)
        return np.concatenate([self._env.data.qpos, self._env.data.qvel])

    def picture(self, state: Floats) -> NDArray[np.uint8]:
        """The maze ``(pixels, pixels, 3)`` from above, without the goal."""
        self._set(state)
        return self._env.render()

    def _set(self, state: Floats) -> None:
        mujoco.mj_resetData(self._env.model, self._env.data)
        self._env.point_env.set_state(state[:2], state[2:])


class PointMaze(Simulator):
    """``PointMaze_UMaze-v3``; state: x, y of the ball in metres, y up, and its velocity in m/s."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._state = engine, np.zeros(4)
        self.maze = engine.maze

    @property
    def state(self) -> Floats:
        """Of the ball."""
        return self._state.copy()

    def restore(self, state: Floats) -> None:
        """The ball at rest."""
        self._state = np.concatenate([state[:2], np.zeros(2)])

    def act(self, action: NDArray[np.float32]) -> None:
        """Push the ball with a force for 0.05 s."""
        self._state = self._engine.step(self._state, action)

    def picture(self) -> NDArray[np.uint8]:
        """From above."""
        return self._engine.picture(self._state)


class PointMazeSuite(RestorableSuite):
    """Bring the ball to its place in the goal picture.

    Pictures need a display, or EGL or OSMesa, which ``MUJOCO_GL`` chooses.

    Args:
        size: height and width of the pictures in pixels.
        goal_steps: steps of control, 0.05 s each, that the pilot took from start to goal.
    """

    name = "point-maze"
    actions = FORCES
    source = (gymnasium_robotics.envs.maze, mujoco)

    def __init__(self, *, size: int = 64, goal_steps: int = 10) -> None:
        super().__init__(size=size, goal_steps=goal_steps)
        self._engine = Engine(min(2 * size, MOST_PIXELS))

    def simulator(self) -> PointMaze:
        """A maze in the shape of a U."""
        return PointMaze(self._engine)

    def random_state(self, simulator: PointMaze, rng: np.random.Generator) -> Floats:
        """Near the middle of any cell."""
        cells = free_cells(simulator.maze.maze_map)
        middle = simulator.maze.cell_rowcol_to_xy(np.array(cells[rng.integers(len(cells))]))
        return np.concatenate([middle + rng.uniform(-ROOM, ROOM, 2), np.zeros(2)])

    def pilot(self, simulator: PointMaze, rng: np.random.Generator) -> Pilot:
        """Goes to the middle of some other cell, from cell to cell."""
        maze = simulator.maze
        cells = free_cells(maze.maze_map)
        here = tuple(maze.cell_xy_to_rowcol(simulator.state[:2]).tolist())
        there = cells[rng.integers(len(cells))]
        way = [maze.cell_rowcol_to_xy(np.array(cell)) for cell in shortest_way(cells, here, there)]

        def act() -> Floats:
            place, velocity = simulator.state[:2], simulator.state[2:]
            if len(way) > 1 and np.hypot(*(way[0] - place)) < ROOM:
                way.pop(0)
            return (2.0 * (way[0] - place) - 0.5 * velocity).clip(-1, 1)

        return act

    def reached(self, state: Floats, goal: Floats) -> bool:
        """Whether the ball is within 0.45 m, as the environment has it."""
        return bool(np.hypot(*(state - goal)[:2]) <= NEAR)

    def changed(self, start: Floats, goal: Floats) -> bool:
        """Whether the ball is elsewhere."""
        return not self.reached(start, goal)

    def measures(self, environment: Any, info: dict[str, Any]) -> dict[str, float]:
        """Of the ball: metres to the goal."""
        return {"position_m": float(np.hypot(*(info["state"] - environment.goal_state)[:2]))}


def free_cells(maze: list[list[Any]]) -> list[Cell]:
    """Row and column of all cells that are no wall."""
    return [(i, j) for i, row in enumerate(maze) for j, cell in enumerate(row) if cell != 1]


def shortest_way(cells: list[Cell], here: Cell, there: Cell) -> list[Cell]:
    """Cells from one to another, both included, each beside the next.

    Raises:
        ValueError: walls are between them.
    """
    ways = [[here]]
    seen = {here}
    for way in ways:  # grows while it is walked
        i, j = way[-1]
        if (i, j) == there:
            return way
        beside = {(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)} & set(cells) - seen
        ways += [[*way, cell] for cell in sorted(beside)]
        seen |= beside
    raise ValueError(f"There is no way from cell {here} to {there}.")
