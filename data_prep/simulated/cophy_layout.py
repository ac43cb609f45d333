"""Writes CoPhy-like pairs as CoPhy's own files: videos, masks, states, boxes and split lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from rich.progress import track

from jepakit.data.mp4_clip import encode_mp4
from jepakit.data.schema import ClipFormat
from worlds.cophy import COLOURS, CophyPair, half_clip, row_states, sample
from worlds.cophy.look import RGB
from worlds.cophy.pair import Half
from worlds.scenes.shapes import reach
from worlds.scenes.stage import FLOOR, SIZE

PAINTED = np.array([(0, 0, 0), *(RGB[name] for name in COLOURS)], np.uint8)


def write_layout(
    out: str,
    pairs: Mapping[str, Sequence[tuple[str, int]]],
    *,
    frames: int,
    rate: float,
    size: int,
) -> None:
    """Write pairs into ``TASK/COUNT/ID/`` and the lists of ids into ``dataloaders/splits/``.

    Lengths in m; the origin of towers is the middle of the floor (z up, y into the picture), that
    of balls the middle of the table (x, y on it, z up).

    Args:
        out: folder; what is there under the same names is replaced.
        pairs: task and seed of each pair, by split.
        frames: per video.
        rate: frames per second.
        size: height and width in pixels; even.

    Raises:
        ValueError: a size that no video can have.
    """
    root = Path(out)
    form = ClipFormat(frames, size, size, size, 1, image="mp4", quality=95, subsampling="420")
    lists: dict[str, list[str]] = {}
    numbered = [(split, *one) for split, found in pairs.items() for one in found]
    for number, (split, task, seed) in enumerate(track(numbered, transient=True)):
        pair = sample(task, seed)
        count = len(pair.solids)
        write_pair(root / pair.kind.folder / str(count) / str(number), pair, form, rate)
        name = f"{pair.kind.folder}_{split}_{count}"
        name += "_normal" if task == "blocks" else ""
        lists.setdefault(name, []).append(str(number))
    folder = root / "dataloaders" / "splits"
    folder.mkdir(parents=True, exist_ok=True)
    for name, ids in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(ids) + "\n")


def write_pair(folder: Path, pair: CophyPair, form: ClipFormat, rate: float) -> None:
    """Both halves, and what they share."""
    for half in ("ab", "cd"):
        _write_half(folder / half, pair, half, form, rate)
    rows = np.zeros((pair.kind.rows, 3))
    for identity, hidden in pair.confounders.hidden.items():
        rows[identity - 1] = hidden.mass, hidden.friction, hidden.restitution
    np.save(folder / "confounders.npy", rows)
    if pair.task == "blocks":
        tilt = f"gravity_x={pair.confounders.sideways} gravity_y=0.0"
        (folder / "gravity.txt").write_text(tilt + "\n")
    (folder / "explanations.txt").write_text(pair.words + "\n")


def _write_half(folder: Path, pair: CophyPair, half: Half, form: ClipFormat, rate: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    clip = half_clip(pair, half, frames=form.frames, rate=rate, size=form.height)
    rows = pair.kind.rows
    (folder / "rgb.mp4").write_bytes(encode_mp4(clip.frames, form, fps=rate))
    (folder / "segm.mp4").write_bytes(encode_mp4(PAINTED[clip.labels], form, fps=rate))
    np.save(folder / "states.npy", states_3d(row_states(clip, rows), pair))
    np.save(folder / "bboxes.npy", boxes(clip.labels, rows))
    names = [COLOURS[identity - 1] for identity in clip.identities]
    (folder / "colors.txt").write_text("".join(f"color={name}\n" for name in names))


def states_3d(states: Float[ndarray, "t k 6"], pair: CophyPair) -> Float[ndarray, "t k 13"]:
    """Position, quaternion (x, y, z, w), velocity and angular velocity in space.

    Towers stand in the x-z plane, where counter-clockwise is a turn about -y; balls roll in the
    x-y plane with their middle a radius above the table.
    """
    x, y, angle, vx, vy, spin = np.moveaxis(states, -1, 0)
    there = (states != 0).any(axis=(0, 2))
    zero, full = np.zeros_like(x), np.zeros((*x.shape, 13))
    middle = SIZE / 2
    sine, cosine = np.sin(angle / 2), np.cos(angle / 2)
    if pair.kind.gravity:
        parts = [x - middle, zero, y - FLOOR, zero, -sine, zero, cosine]
        parts += [vx, zero, vy, zero, -spin, zero]
    else:
        height = zero.copy()
        for one in pair.solids:
            height[:, one.identity - 1] = reach(one.shapes)
        parts = [x - middle, y - middle, height, zero, zero, sine, cosine]
        parts += [vx, vy, zero, zero, zero, spin]
    full[:, there] = np.stack(parts, axis=-1)[:, there]
    return full


def boxes(labels: UInt8[ndarray, "t h w"], rows: int) -> Float[ndarray, "t k 4"]:
    """Left, top, right and bottom pixel of each object; zeros where it is not seen."""
    found = np.zeros((len(labels), rows, 4))
    for frame, picture in enumerate(labels):
        for identity in np.unique(picture[picture > 0]).tolist():
            y, x = np.nonzero(picture == identity)
            found[frame, identity - 1] = x.min(), y.min(), x.max(), y.max()
    return found
