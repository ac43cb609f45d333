"""Causal-JEPA: object masks as interventions, a predictor with two heads, counterfactual inference."""

from cjepa.module import CausalJEPA
from cjepa.predictor import Predictor
from cjepa.segmentation import LearnedObjects

__all__ = ["CausalJEPA", "LearnedObjects", "Predictor"]
