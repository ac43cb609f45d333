"""What an evaluation of planning shows, as plain arrays: planning makes them, reports draw them."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, UInt8
from numpy import ndarray


@dataclass(frozen=True)
class Reel:
    """A real episode and the picture of its goal.

    Attributes:
        agent: who acted.
        task: name of the task.
        success: whether the goal was reached.
        frames: what the camera saw, the start included.
        goal: the picture of the goal.
    """

    agent: str
    task: str
    success: bool
    frames: UInt8[ndarray, "t h w 3"]
    goal: UInt8[ndarray, "h w 3"]


@dataclass(frozen=True)
class Imagined:
    """The first plan of an episode: what it leads to, and what the model expects of it.

    Attributes:
        task: name of the task.
        goal: the picture of the goal.
        real: the start, and the frame after each action of the plan in the real environment, until
            its episode is over.
        nearest: of a bank of real frames the one whose latents are nearest to those of the start,
            and to those imagined after each action; None without a bank.
        real_distance: of the latents of ``real`` to those of the goal.
        imagined_distance: of the latents of the start and the imagined ones to those of the goal.
    """

    task: str
    goal: UInt8[ndarray, "h w 3"]
    real: UInt8[ndarray, "r h w 3"]
    nearest: UInt8[ndarray, "t h w 3"] | None
    real_distance: Float[ndarray, " r"]
    imagined_distance: Float[ndarray, " t"]


@dataclass(frozen=True)
class Landscape:
    """Imagined distance to a goal for every constant action on a grid over two of its numbers.

    Attributes:
        names: of the two numbers, those along columns first.
        columns: values of the first.
        rows: values of the second.
        distance: of what is imagined after ``steps`` times that action to the goal.
        steps: how often the action is done.
        action: the two numbers of the action that did lead to the goal.
        start: the picture before it.
        goal: the picture after it.
    """

    names: tuple[str, str]
    columns: Float[ndarray, " x"]
    rows: Float[ndarray, " y"]
    distance: Float[ndarray, "y x"]
    steps: int
    action: tuple[float, float]
    start: UInt8[ndarray, "h w 3"]
    goal: UInt8[ndarray, "h w 3"]

    @property
    def lowest(self) -> tuple[float, float]:
        """The action of the grid with the smallest distance."""
        row, column = divmod(int(self.distance.argmin()), len(self.columns))
        return float(self.columns[column]), float(self.rows[row])


@dataclass(frozen=True)
class Pictures:
    """All that is shown of an evaluation; what an environment does not offer is empty.

    Attributes:
        reels: episodes of some agents.
        imagined: first plans.
        bank: what the frames are of which the nearest was taken; empty without any.
        distance: kind of the distance between latents.
        landscapes: of one start, for several numbers of steps.
    """

    reels: tuple[Reel, ...] = ()
    imagined: tuple[Imagined, ...] = ()
    bank: str = ""
    distance: str = "l2"
    landscapes: tuple[Landscape, ...] = ()
