"""Training: the module base, schedules, moving averages, checkpoints and run folders."""

from jepakit.training.module import JepaModule, Losses
from jepakit.training.optimization import Optimization

__all__ = ["JepaModule", "Losses", "Optimization"]
