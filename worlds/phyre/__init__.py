"""PHYRE: the official tasks, simulated, drawn and scored as the official simulator does."""

from worlds.phyre.action import balls_of, place
from worlds.phyre.auccess import auccess, guess, random_actions
from worlds.phyre.folds import SETUPS, Fold, fold
from worlds.phyre.simulation import PALETTE, Simulation, Status
from worlds.phyre.task import Ball, Relation, Task, TaskBody
from worlds.phyre.task_file import find_tasks, load_tasks
from worlds.phyre.trial import attempt, simulate

__all__ = [
    "PALETTE",
    "SETUPS",
    "Ball",
    "Fold",
    "Relation",
    "Simulation",
    "Status",
    "Task",
    "TaskBody",
    "attempt",
    "auccess",
    "balls_of",
    "find_tasks",
    "fold",
    "guess",
    "load_tasks",
    "place",
    "random_actions",
    "simulate",
]
