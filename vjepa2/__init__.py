"""V-JEPA 2: masked pretraining, world models on actions, published checkpoints in and out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vjepa2.action_predictor import ActionPredictor
    from vjepa2.cloning import Cloning
    from vjepa2.dynamics import Dynamics
    from vjepa2.dynamics_objective import DynamicsObjective
    from vjepa2.encoder import Encoder
    from vjepa2.module import VJEPA2
    from vjepa2.objective import FeatureLoss
    from vjepa2.predictor import Predictor

__all__ = [
    "VJEPA2",
    "ActionPredictor",
    "Cloning",
    "Dynamics",
    "DynamicsObjective",
    "Encoder",
    "FeatureLoss",
    "Predictor",
]

HOMES = {
    "VJEPA2": "vjepa2.module",
    "ActionPredictor": "vjepa2.action_predictor",
    "Cloning": "vjepa2.cloning",
    "Dynamics": "vjepa2.dynamics",
    "DynamicsObjective": "vjepa2.dynamics_objective",
    "Encoder": "vjepa2.encoder",
    "FeatureLoss": "vjepa2.objective",
    "Predictor": "vjepa2.predictor",
}


def __getattr__(name: str) -> Any:
    """Import a part when it is asked for: programs of the package answer without torch."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)
