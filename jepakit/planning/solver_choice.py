"""Solvers by name, with the few numbers that they have in common."""

from __future__ import annotations

from typing import Any, Literal

from jepakit.actions import ActionSpace
from jepakit.planning.cem import CEM
from jepakit.planning.gradient import GradientDescent
from jepakit.planning.icem import ICEM
from jepakit.planning.mppi import MPPI
from jepakit.planning.shooting import RandomShooting
from jepakit.planning.solver import Solver

SolverName = Literal["cem", "icem", "mppi", "gradient", "random"]


def choose_solver(
    name: SolverName,
    space: ActionSpace,
    *,
    horizon: int,
    samples: int,
    iterations: int,
    elites: float = 0.1,
) -> Solver:
    """A solver with these numbers and its own defaults for the rest.

    Args:
        name: which.
        space: the actions with their bounds.
        horizon: actions of a plan.
        samples: candidates of an iteration; starts of ``gradient``.
        iterations: rounds.
        elites: share of the candidates that is refitted to, of those that refit.
    """
    common: dict[str, Any] = {"horizon": horizon, "iterations": iterations}
    if name == "gradient":
        return GradientDescent(space, starts=samples, **common)
    common["samples"] = samples
    if name == "random":
        return RandomShooting(space, **common)
    kinds: dict[str, Any] = {"cem": CEM, "icem": ICEM, "mppi": MPPI}
    return kinds[name](space, elites=elites, **common)
