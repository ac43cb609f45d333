"""What a CoPhy pair consists of besides videos; :mod:`data_prep.sources.cophy` has the layout."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from jepakit.data.manifest import LabelKind

TASKS = {
    "ballsCF": ("red", "green", "blue", "yellow", "lime", "purple", "orange", "cyan", "magenta"),
    "blocktowerCF": ("red", "green", "blue", "yellow"),
    "collisionCF": ("yellow", "green", "blue", "red"),
}
KINDS = {"ballsCF": "ball", "blocktowerCF": "block", "collisionCF": "object"}
STATES = {
    "names": [
        f"{part}_{axis}"
        for part, axes in (
            ("position", "xyz"),
            ("quaternion", "xyzw"),
            ("velocity", "xyz"),
            ("angular", "xyz"),
        )
        for axis in axes
    ],
    "units": ["m"] * 3 + ["1"] * 4 + ["m/s"] * 3 + ["rad/s"] * 3,
}
CONFOUNDERS = ("mass", "friction", "restitution")
MOVED = 0.05  # m, of the end from the start
LABEL_KINDS: dict[str, LabelKind] = {
    "objects": "regression",
    "moved_objects": "regression",
    "all_stay": "binary",
    "gravity_x": "regression",
    "gravity_y": "regression",
}


def labels_of(states: Float[ndarray, "t k f"], present: Bool[ndarray, " k"]) -> dict[str, float]:
    """``objects`` in the scene, ``moved_objects`` that end 5 cm or more from where they began, and
    whether ``all_stay``.
    """
    moved = np.linalg.norm(states[-1, present, :3] - states[0, present, :3], axis=1) >= MOVED
    return {
        "objects": float(present.sum()),
        "moved_objects": float(moved.sum()),
        "all_stay": float(not moved.any()),
    }


def read_array(path: Path, shape: tuple[int | None, ...]) -> Float[ndarray, ...]:
    """Numbers of a shape, of which None stands for any side.

    Raises:
        ValueError: no such file, or something else in it.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise ValueError(f"{path}: there is no such file.") from error
    except (ValueError, OSError, EOFError, SyntaxError, TokenError, MemoryError) as error:
        raise ValueError(f"{path}: not a plain npy array ({error}).") from error
    sides = array.shape if isinstance(array, ndarray) else ()
    fits = len(sides) == len(shape) and all(
        side > 0 if wanted is None else side == wanted
        for side, wanted in zip(sides, shape, strict=True)
    )
    if not fits or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        wanted_sides = tuple("any" if side is None else side for side in shape)
        raise ValueError(f"{path}: finite numbers {wanted_sides} expected, came {sides}.")
    return array.astype(np.float64)


def read_text(path: Path) -> str:
    """The beginning of a text.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        return path.read_text(errors="replace")[:10_000].strip()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}.") from error


def read_kinds(path: Path, colours: Sequence[str]) -> dict[str, str | None]:
    """Type of the object of each colour that the file names, where it says one.

    Raises:
        ValueError: a colour that the task does not have, or none.
    """
    found: dict[str, str | None] = {}
    for line in read_text(path).splitlines():
        colour, kind = (re.search(rf"\b{name}=(\w+)", line) for name in ("color", "type"))
        if colour is None:
            continue  # a heading
        if colour[1] not in colours:
            raise ValueError(f"{path}: 'color={colour[1]}' is none of {', '.join(colours)}.")
        found[colour[1]] = kind[1] if kind else None
    if not found:
        raise ValueError(f"{path}: no line with 'color=NAME'.")
    return found


def read_gravity(path: Path) -> dict[str, float]:
    """Sideways gravity in m/s^2.

    Raises:
        ValueError: one of the two numbers is missing.
    """
    text = read_text(path)
    found = {}
    for name in ("gravity_x", "gravity_y"):
        value = re.search(rf"{name}=(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?:\s|$)", text)
        if value is None:
            raise ValueError(f"{path}: no '{name}=NUMBER' in {text!r:.80}.")
        found[name] = float(value[1])
    return found
