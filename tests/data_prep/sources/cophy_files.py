"""Pairs of videos in CoPhy's layout, with discs and squares of known place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray
from tiny_movies import write_movie

FRAMES, SIDE, FPS = 6, 112, 5
ROWS = {
    "ballsCF": ("red", "green", "blue", "yellow", "lime", "purple", "orange", "cyan", "magenta"),
    "blocktowerCF": ("red", "green", "blue", "yellow"),
    "collisionCF": ("yellow", "green", "blue", "red"),
}
SHOWN = {
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


def drawn_ids(
    task: str, colours: Sequence[str], *, side: int = SIDE, speed: float = 1.0
) -> ndarray:
    """Masks (frames, side, side) of row + 1: objects in a row, moving to the right."""
    rows, columns = np.mgrid[:side, :side]
    ids = np.zeros((FRAMES, side, side), int)
    radius = side * 0.09
    for place, colour in enumerate(colours):
        for number in range(FRAMES):
            x = side * (0.15 + 0.17 * place) + speed * number
            y = side * (0.3 + 0.1 * place)
            if place % 2:
                inside = (abs(columns - x) <= radius) & (abs(rows - y) <= radius)
            else:
                inside = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
            ids[number][inside] = ROWS[task].index(colour) + 1
    return ids


def boxes_of(ids: ndarray, rows: int) -> ndarray:
    boxes = np.zeros((len(ids), rows, 4))
    for number, row in np.ndindex(len(ids), rows):
        y, x = np.nonzero(ids[number] == row + 1)
        if len(x):
            boxes[number, row] = x.min(), y.min(), x.max(), y.max()
    return boxes


def states_of(task: str, colours: Sequence[str], speed: float) -> ndarray:
    """Row ``r`` of frame ``t`` is ``100 r + 10 t + column`` save that the place moves as drawn."""
    states = np.zeros((FRAMES, len(ROWS[task]), 13))
    for colour in colours:
        row = ROWS[task].index(colour)
        for number in range(FRAMES):
            states[number, row] = 100 * row + 10 * number + np.arange(13)
            states[number, row, :3] = 1 + row + 0.02 * speed * number, 0.5, 0.5
    return states


def write_half(
    folder: Path,
    task: str,
    colours: Sequence[str],
    *,
    speed: float = 1.0,
    codec: str = "libx264",
    side: int = SIDE,
    floor: tuple[int, int, int] = (0, 0, 0),
    shown: dict[str, tuple[int, int, int]] | None = None,
) -> ndarray:
    """Writes ``ab`` or ``cd``; returns its masks."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = drawn_ids(task, colours, side=side, speed=speed)
    paints = np.array([floor, *((shown or SHOWN)[name] for name in ROWS[task])], np.uint8)
    write_movie(folder / "segm.mp4", list(paints[ids]), fps=FPS, codec=codec)
    picture = [
        np.where(frame[..., None] > 0, 200, 90).repeat(3, -1).astype(np.uint8) for frame in ids
    ]
    write_movie(folder / "rgb.mp4", picture, fps=FPS, codec=codec)
    np.save(folder / "states.npy", states_of(task, colours, speed))
    np.save(folder / "bboxes.npy", boxes_of(ids, len(ROWS[task])))
    kind = "type=sphere " if task == "collisionCF" else ""
    lines = ["from bottom to top", *(f"{kind}color={name}" for name in colours)]
    (folder / "colors.txt").write_text("\n".join(lines) + "\n")
    return ids


def write_pair(folder: Path, task: str, colours: Sequence[str]) -> None:
    """``cd`` lacks the last object, and nothing moves there."""
    rows = len(ROWS[task])
    write_half(folder / "ab", task, colours)
    write_half(folder / "cd", task, colours[:-1], speed=0.0)
    confounders = np.zeros((rows, 2 if task == "blocktowerCF" else 3))
    for colour in colours:
        row = ROWS[task].index(colour)
        confounders[row] = [row + 1.0, 0.5, 0.1][: confounders.shape[1]]
    np.save(folder / "confounders.npy", confounders)
    if task == "blocktowerCF":
        (folder / "gravity.txt").write_text("gravity_x=-0.5 gravity_y=0.0")
    else:
        (folder / "explanations.txt").write_text("the last object is removed\n")
