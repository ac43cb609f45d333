"""The push world: a pusher and a T-shaped block seen from above, for planning.

``gymnasium.make("worlds/Push-v0")`` makes its environment once this package is imported.
"""

import gymnasium

from worlds.push.env import PushEnv
from worlds.push.goals import PushTask, sample_task
from worlds.push.picture import draw
from worlds.push.policies import ExpertPolicy, PushPolicy, RandomPolicy
from worlds.push.state import STATE_NAMES, check_state, random_state
from worlds.push.success import ANGLE_TOLERANCE, POSITION_TOLERANCE, distances, reached
from worlds.push.world import MAX_SPEED, MAX_TRAVEL, STEP_SECONDS, PushWorld

__all__ = [
    "ANGLE_TOLERANCE",
    "MAX_SPEED",
    "MAX_TRAVEL",
    "POSITION_TOLERANCE",
    "STATE_NAMES",
    "STEP_SECONDS",
    "ExpertPolicy",
    "PushEnv",
    "PushPolicy",
    "PushTask",
    "PushWorld",
    "RandomPolicy",
    "check_state",
    "distances",
    "draw",
    "random_state",
    "reached",
    "sample_task",
]

gymnasium.register("worlds/Push-v0", entry_point="worlds.push.env:PushEnv")
