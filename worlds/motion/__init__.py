"""Clips of discs that move in one of eight directions, with controls: what video encoders know."""

from worlds.motion.clips import DIRECTIONS, MotionClip, MotionClips, MotionState
from worlds.motion.perturbations import PERTURBATIONS, Perturbation

__all__ = [
    "DIRECTIONS",
    "PERTURBATIONS",
    "MotionClip",
    "MotionClips",
    "MotionState",
    "Perturbation",
]
