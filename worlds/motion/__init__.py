"""Clips of discs that move in one of eight directions, with controls: what video encoders know."""

from worlds.motion.clips import DIRECTIONS, Boundary, MotionClip, MotionClips, MotionState, Order
from worlds.motion.perturbations import PERTURBATIONS, Perturbation

__all__ = [
    "DIRECTIONS",
    "PERTURBATIONS",
    "Boundary",
    "MotionClip",
    "MotionClips",
    "MotionState",
    "Order",
    "Perturbation",
]
