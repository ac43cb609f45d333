"""CoPhy-like pairs: what happened, and what would have happened had one object been elsewhere."""

from worlds.cophy.confounders import Confounders, draw_confounders, mean_confounders
from worlds.cophy.pair import Change, CophyPair, half_clip, play, row_states, sample
from worlds.cophy.tasks import COLOURS, TASKS, CophyTask

__all__ = [
    "COLOURS",
    "TASKS",
    "Change",
    "Confounders",
    "CophyPair",
    "CophyTask",
    "draw_confounders",
    "half_clip",
    "mean_confounders",
    "play",
    "row_states",
    "sample",
]
