"""Planning with world models: solvers, objectives and imagination; one file each."""

from jepakit.planning.categorical_cem import CategoricalCEM
from jepakit.planning.cem import CEM
from jepakit.planning.gradient import GradientDescent
from jepakit.planning.half_precision import HalfPrecision
from jepakit.planning.icem import ICEM
from jepakit.planning.mppi import MPPI
from jepakit.planning.objectives import ActionPenalty, GoalDistance, Objective, WeightedSum
from jepakit.planning.plan import Cost, Plan, shifted
from jepakit.planning.planner import LatentPlanner
from jepakit.planning.recording import Recorder
from jepakit.planning.released_cem import ReleasedCEM
from jepakit.planning.rollout import chunked, imagine
from jepakit.planning.search_space import SearchSpace
from jepakit.planning.shooting import RandomShooting
from jepakit.planning.solver import Search, Solver, Start

__all__ = [
    "CEM",
    "ICEM",
    "MPPI",
    "ActionPenalty",
    "CategoricalCEM",
    "Cost",
    "GoalDistance",
    "GradientDescent",
    "HalfPrecision",
    "LatentPlanner",
    "Objective",
    "Plan",
    "RandomShooting",
    "Recorder",
    "ReleasedCEM",
    "Search",
    "SearchSpace",
    "Solver",
    "Start",
    "WeightedSum",
    "chunked",
    "imagine",
    "shifted",
]
