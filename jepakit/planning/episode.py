"""What an agent is shown of running episodes, and what is left of an episode when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, UInt8
from torch import Tensor


@dataclass(frozen=True)
class Moment:
    """The present of the ``p`` episodes that are still running, all at the same step.

    Attributes:
        step: steps taken so far.
        episodes: number of each episode.
        frames: what the camera shows.
        goals: pictures of the goals.
        states: of the agents alone (proprioception), ``s`` is 0 without one.
        truth: what the environment knows of itself, for oracles; other agents must not look.
    """

    step: int
    episodes: tuple[int, ...]
    frames: UInt8[Tensor, "p h w 3"]
    goals: UInt8[Tensor, "p h w 3"]
    states: Float[Tensor, "p s"]
    truth: tuple[Any, ...] = ()


@runtime_checkable
class Agent(Protocol):
    """Acts in many episodes side by side; an episode's actions depend on nothing of the others."""

    @property
    def name(self) -> str:
        """In tables and pictures."""

    def act(self, moment: Moment) -> Float[Tensor, "p a"]:
        """The next action of every running episode; the first call has ``step`` 0."""


@dataclass(frozen=True)
class Task:
    """A start and a goal, the same for every agent.

    Attributes:
        key: name of the pair.
        options: what the environment's ``reset`` takes for it.
    """

    key: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Episode:
    """One agent on one task.

    Attributes:
        key: of the task.
        success: whether the goal was reached.
        steps: taken until then, or until the end.
        error: what the environment failed with, if it did; such an episode is no success.
        frames: what was seen, the start included, where it was kept.
        truths: what the environment knew at each of them.
        actions: what was done, where it was kept.
        measures: how far from the goal the episode ended, by the environment's own names.
    """

    key: str
    success: bool
    steps: int
    error: str | None = None
    frames: tuple[Any, ...] = ()
    truths: tuple[Any, ...] = ()
    actions: tuple[tuple[float, ...], ...] = ()
    measures: dict[str, float] = field(default_factory=dict)
