"""What closed-loop evaluation needs of an environment, and the register of those there are."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jepakit.actions import ActionSpace
from jepakit.planning.episode import Task
from jepakit.planning.plan import Cost

SUITES = {
    "push": "jepakit.planning.environments.push:PushSuite",
    "gym-pusht": "jepakit.planning.environments.gym_pusht:PushTSuite",
    "point-maze": "jepakit.planning.environments.point_maze:PointMazeSuite",
    "swm-pusht": "jepakit.planning.environments.stable_worldmodel:SwmPushTSuite",
    "swm-tworoom": "jepakit.planning.environments.stable_worldmodel:TwoRoomSuite",
}
"""Where each environment is made; imported when it is asked for."""

EXTRAS = {"swm-pusht": "envs-swm", "swm-tworoom": "envs-swm"}
"""What installs the packages of each; ``envs`` those of the others."""


class Suite(ABC):
    """An environment, its tasks, and what its observations mean.

    Environments follow gymnasium and put ``success`` into ``info``.
    """

    name: str
    actions: ActionSpace
    source: tuple[ModuleType, ...] = ()
    """Packages whose code decides what happens in an episode."""

    @abstractmethod
    def make(self) -> Any:
        """A new environment."""

    @abstractmethod
    def tasks(self, count: int, seed: int) -> list[Task]:
        """Paired starts and goals; the first ones do not depend on how many there are."""

    @abstractmethod
    def goal(self, environment: Any) -> NDArray[np.uint8]:
        """Picture of the goal after a reset, as large as an observation."""

    def proprio(self, info: dict[str, Any]) -> Sequence[float]:  # noqa: ARG002
        """The agent's own state; nothing by default."""
        return ()

    def measures(self, environment: Any, info: dict[str, Any]) -> dict[str, float]:  # noqa: ARG002
        """How far the environment is from its goal, by name; nothing by default."""
        return {}

    def true_cost(self, truths: Sequence[Any]) -> Cost:  # noqa: ARG002
        """What plans lead to in the real simulator, for an oracle.

        Args:
            truths: ``info`` of each episode's present, with the goal's state under ``goal``.

        Raises:
            ValueError: this environment offers no oracle.
        """
        raise ValueError(f"{self.name} offers no oracle: it cannot be set to a state.")

    def sample_frames(self, count: int, seed: int) -> NDArray[np.uint8] | None:  # noqa: ARG002
        """Pictures ``(count, h, w, 3)`` of random states; None where states cannot be drawn."""
        return None

    def digest(self) -> str:
        """Changes when the code that decides what happens in an episode does."""
        total = hashlib.sha256()
        for module in self.source:
            for root in module.__path__ if hasattr(module, "__path__") else [str(module.__file__)]:
                place = Path(root)
                files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
                for file in files:
                    total.update(file.name.encode() + file.read_bytes())
        return total.hexdigest()


def open_suite(name: str, **options: Any) -> Suite:
    """The environments of that name.

    Raises:
        ValueError: there is none, or what it needs is not installed.
    """
    if name not in SUITES:
        raise ValueError(f"There is no environment {name!r}; choose from {', '.join(SUITES)}.")
    module, kind = SUITES[name].split(":")
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"The environment {name!r} needs {error.name}, which is not installed: "
            f"pip install 'jepakit[{EXTRAS.get(name, 'envs')}]'."
        ) from error
    return getattr(found, kind)(**options)
