"""What watches a run: throughput, collapse, an online probe, progress, failures, checkpoints."""

from jepakit.training.callbacks.checkpoints import RunCheckpoints
from jepakit.training.callbacks.collapse import CollapseMonitor
from jepakit.training.callbacks.failure import FailureReport
from jepakit.training.callbacks.online_probe import OnlineProbe
from jepakit.training.callbacks.progress import Progress
from jepakit.training.callbacks.run_record import RunRecord
from jepakit.training.callbacks.throughput import Throughput

__all__ = [
    "CollapseMonitor",
    "FailureReport",
    "OnlineProbe",
    "Progress",
    "RunCheckpoints",
    "RunRecord",
    "Throughput",
]
