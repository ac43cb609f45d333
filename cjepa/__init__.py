"""Causal-JEPA: objects hidden as interventions, two predicted effects, counterfactual inference."""

from cjepa.module import CausalJEPA
from cjepa.predictor import Predictor
from cjepa.segmentation import LearnedObjects

__all__ = ["CausalJEPA", "LearnedObjects", "Predictor"]
