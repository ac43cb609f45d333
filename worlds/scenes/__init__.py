"""Designed interaction scenes: layouts, looks, clips with true counterfactuals."""

from worlds.scenes.clip import SceneClip, SceneObject, simulate
from worlds.scenes.layouts import LAYOUTS, DesignedScene, Layout, sample

__all__ = [
    "LAYOUTS",
    "DesignedScene",
    "Layout",
    "SceneClip",
    "SceneObject",
    "sample",
    "simulate",
]
