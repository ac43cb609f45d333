"""What a model with a predictor expects: surprise, energies of futures, removals of objects."""

from explorer.prediction.action_plane import ActionPlane, action_plane
from explorer.prediction.counterfactual import Counterfactual, counterfactual, object_at
from explorer.prediction.counterfactual_pictures import montage, removal_panels, removal_strip
from explorer.prediction.fidelity import (
    Fidelity,
    ObjectEffect,
    caption,
    fidelity,
    object_effects,
)
from explorer.prediction.figures import (
    action_figure,
    futures_figure,
    surprise_figure,
    surprise_frames,
)
from explorer.prediction.futures import FutureEnergies, candidate_futures, future_energies
from explorer.prediction.surprise import Surprise, surprise

__all__ = [
    "ActionPlane",
    "Counterfactual",
    "Fidelity",
    "FutureEnergies",
    "ObjectEffect",
    "Surprise",
    "action_figure",
    "action_plane",
    "candidate_futures",
    "caption",
    "counterfactual",
    "fidelity",
    "future_energies",
    "futures_figure",
    "montage",
    "object_at",
    "object_effects",
    "removal_panels",
    "removal_strip",
    "surprise",
    "surprise_figure",
    "surprise_frames",
]
