"""How CoPhy-like scenes look: objects in the colours of their rows, which tell nothing else."""

from __future__ import annotations

import numpy as np

from worlds.cophy.tasks import COLOURS
from worlds.scenes.look import Backdrop, Colour, Look, Paint, hsv

RGB = {
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "lime": (0, 255, 0),
    "purple": (128, 0, 128),
    "orange": (255, 165, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
}
"""The names' usual values, 0 to 255."""


def dress(rng: np.random.Generator) -> Look:
    """Paints of all colours, with a darker half that shows how an object turns, on light grey."""
    paints = {
        row + 1: _paint(name, RGB[name], float(rng.uniform(0, np.pi)))
        for row, name in enumerate(COLOURS)
    }
    paints[0] = _paint("gray", (70, 70, 70), 0.0)
    light = float(rng.uniform(0.85, 1.0))
    hue = float(rng.random())
    first, second = hsv(hue, 0.04, light), hsv(hue, 0.04, 0.9 * light)
    turn = float(rng.uniform(0, 2 * np.pi))
    return Look(paints, Backdrop(first, second, turn, 0.05, 0.01, int(rng.integers(2**31))))


def _paint(name: str, rgb: tuple[int, int, int], angle: float) -> Paint:
    first: Colour = (rgb[0] / 255, rgb[1] / 255, rgb[2] / 255)
    second: Colour = (0.8 * first[0], 0.8 * first[1], 0.8 * first[2])
    pattern = "plain" if name == "gray" else "halves"
    return Paint(name, pattern, first, second, 2.0, angle, 0)
