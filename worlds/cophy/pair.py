"""A CoPhy-like pair: the scene as it was (ab), changed by one intervention (cd), both played."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worlds.cophy.confounders import Confounders, Hidden, draw_confounders, mean_confounders
from worlds.cophy.look import dress
from worlds.cophy.tasks import TASKS, CophyTask, Solid
from worlds.physics import simulate as run
from worlds.scene import Body, Point, Scene
from worlds.scenes import DesignedScene, SceneClip, simulate
from worlds.scenes.clip import mass
from worlds.scenes.look import Look
from worlds.scenes.stage import SIZE, Stage
from worlds.trajectory import Trajectory

Half = Literal["ab", "cd"]

STEP_HZ = 60.0
ATTEMPTS = 200
HORIZON = 120  # steps, 2 s: as far as the effect of a change is looked for
EFFECT = 0.25  # m, by which a change must carry another object off its course


@dataclass(frozen=True)
class Change:
    """do(position of one object), or do(remove) where there is no position.

    Attributes:
        identity: of the object.
        position: where it is instead, m.
    """

    identity: int
    position: Point | None


@dataclass(frozen=True)
class CophyPair:
    """Objects, what is hidden in them, and a change. Both halves have the same confounders.

    Attributes:
        task: key of :data:`worlds.cophy.TASKS`.
        seed: that it was sampled with.
        solids: the objects of ab, by ascending identity.
        confounders: the true ones.
        change: what is different at the start of cd.
        look: paints and backdrop of both halves.
    """

    task: str
    seed: int
    solids: tuple[Solid, ...]
    confounders: Confounders
    change: Change
    look: Look

    @property
    def kind(self) -> CophyTask:
        """The task's constants."""
        return TASKS[self.task]

    @property
    def identities(self) -> tuple[int, ...]:
        """Objects of ab."""
        return tuple(one.identity for one in self.solids)

    @property
    def words(self) -> str:
        """The change, as a person would say it."""
        one = next(one for one in self.solids if one.identity == self.change.identity)
        name = f"the {one.colour} {self.kind.kind}"
        if self.change.position is None:
            return f"{name} is removed"
        dx, dy = np.subtract(self.change.position, one.position).tolist()
        return f"{name} is moved by ({dx:+.2f}, {dy:+.2f}) m"

    def scene(self, half: Half, confounders: Confounders | None = None) -> Scene:
        """The start of a half, with the true confounders or with others."""
        solids: Sequence[Solid] = self.solids
        if half == "cd":
            solids = changed(self.solids, self.change)
        return build(self.kind, solids, confounders or self.confounders)

    def typical(self) -> Confounders:
        """The mean confounders of the task."""
        return mean_confounders(self.identities, self.kind.levels)


def sample(task: str, seed: int, *, objects: int | None = None) -> CophyPair:
    """The pair number ``seed`` of a task: the same on every call.

    A change that carries no other object further than 25 cm off its course within 2 s is drawn
    again: copying ab would answer it.

    Args:
        task: key of :data:`worlds.cophy.TASKS`.
        seed: number of the pair.
        objects: how many objects ab has; by default drawn from those of the task.

    Raises:
        ValueError: there is no such task, or it never has so many objects.
        RuntimeError: hardly any change has an effect.
    """
    if task not in TASKS:
        raise ValueError(f"No task {task!r}; choose one of {', '.join(TASKS)}.")
    kind = TASKS[task]
    low, high = kind.counts
    if objects is not None and not low <= objects <= high:
        raise ValueError(f"A scene of '{task}' has {low} to {high} objects, not {objects}.")
    name = zlib.crc32(task.encode())
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([seed, name, attempt])
        count = objects or int(rng.integers(low, high + 1))
        solids = tuple(kind.place(count, rng))
        confounders = draw_confounders([one.identity for one in solids], kind.levels, rng)
        change = _draw_change(kind, solids, rng)
        # Another stream, so that no colour depends on how many numbers the physics drew.
        look = dress(np.random.default_rng([seed, name, ATTEMPTS]))
        pair = CophyPair(task, seed, solids, confounders, change, look)
        if _effect(pair) >= EFFECT:
            return pair
    raise RuntimeError(f"No change of '{task}' {seed} has an effect in {ATTEMPTS} attempts.")


def _draw_change(kind: CophyTask, solids: Sequence[Solid], rng: np.random.Generator) -> Change:
    one = solids[int(rng.integers(len(solids)))]
    if rng.random() < 0.5:
        return Change(one.identity, None)
    return Change(one.identity, kind.moved(list(solids), one, rng))


def changed(solids: Sequence[Solid], change: Change) -> list[Solid]:
    """The objects after an intervention; a displaced one keeps its velocity."""
    place = change.position
    if place is None:
        return [one for one in solids if one.identity != change.identity]
    return [
        replace(one, position=place) if one.identity == change.identity else one for one in solids
    ]


def build(kind: CophyTask, solids: Sequence[Solid], confounders: Confounders) -> Scene:
    """A scene of solids made of what the confounders say; removals act through contacts alone."""
    stage = Stage(np.random.default_rng(0), gravity=kind.gravity)  # for its floor and walls
    bodies = [_body(kind, one, confounders.hidden[one.identity]) for one in solids]
    return Scene(
        bodies=(*stage.bodies, *bodies),
        width=SIZE,
        height=SIZE,
        gravity=kind.gravity,
        step_hz=STEP_HZ,
        sleeping=False,
        continuous=False,
        sideways=confounders.sideways,
    )


def _body(kind: CophyTask, one: Solid, hidden: Hidden) -> Body:
    body = Body(
        shapes=one.shapes,
        position=one.position,
        angle=one.angle,
        velocity=one.velocity,
        friction=hidden.friction,
        restitution=hidden.restitution,
        linear_damping=kind.drag * hidden.friction,
        identity=one.identity,
        kind=kind.kind,
        colour=one.colour,
    )
    return replace(body, density=hidden.mass / mass(body))  # the density was 1


def play(
    pair: CophyPair,
    half: Half,
    *,
    frames: int,
    rate: float,
    confounders: Confounders | None = None,
) -> NDArray[np.float64]:
    """States ``(T, rows, 6)`` of a half without pixels, see :func:`row_states`."""
    scene = pair.scene(half, confounders)
    every = round(STEP_HZ / rate)
    trajectory = run(scene, (frames - 1) * every, record_every=every, log_contacts=False)
    return _rows(scene, trajectory, pair.kind.rows)


def half_clip(pair: CophyPair, half: Half, *, frames: int, rate: float, size: int) -> SceneClip:
    """A half with its pixels; a label map shows identities, which are rows plus one.

    Raises:
        ValueError: the rate does not divide the 60 steps per second, or a count is below 1.
    """
    designed = DesignedScene(f"cophy {pair.task}", pair.seed, pair.scene(half), pair.look)
    return simulate(designed, frames=frames, rate=rate, size=size)


def row_states(clip: SceneClip, rows: int) -> NDArray[np.float64]:
    """States by the row of the colour, zeros where there is no such object.

    Returns:
        ``(T, rows, 6)``: x, y in m, angle in rad, velocity in m/s, angular velocity in rad/s.
    """
    return _rows(clip.designed.scene, clip.trajectory, rows)


def _rows(scene: Scene, trajectory: Trajectory, rows: int) -> NDArray[np.float64]:
    states = np.zeros((len(trajectory.states), rows, 6))
    for number, body in enumerate(scene.bodies):
        if body.identity:
            states[:, body.identity - 1] = trajectory.states[:, number]
    return states


def _effect(pair: CophyPair) -> float:
    """Largest distance between an object's places in both halves, save the changed object's."""
    every = 6
    before, after = (
        play(pair, half, frames=HORIZON // every + 1, rate=STEP_HZ / every) for half in ("ab", "cd")
    )
    others = [i - 1 for i in pair.identities if i != pair.change.identity]
    away = np.linalg.norm((after - before)[:, others, :2], axis=-1)
    return float(away.max(initial=0.0))
