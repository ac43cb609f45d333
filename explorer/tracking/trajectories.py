"""Where an object is in every time slice: the best token, its pixels and its score."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from explorer.clip import Clip
from explorer.latents import Latents
from explorer.tracking.centring import Centring
from explorer.tracking.queries import Query, similarity

COLUMNS = ("object", "slice", "frames", "row", "column", "x", "y", "score")


@dataclass(frozen=True)
class Trajectory:
    """An object in every time slice.

    Attributes:
        name: of the object.
        tokens: row and column of the token.
        pixels: row and column in pixels of its middle, or between tokens where that was asked for.
        scores: similarity of the token.
    """

    name: str
    tokens: Int[np.ndarray, "tt 2"]
    pixels: Float[np.ndarray, "tt 2"]
    scores: Float[np.ndarray, " tt"]


def track(
    latents: Latents,
    queries: Sequence[Query],
    *,
    average: int = 1,
    centring: Centring = "clip",
    subtoken: float | None = None,
    motion_std: float | None = None,
) -> list[Trajectory]:
    """Follow several objects: :func:`similarity`, then :func:`trajectory`, of each query."""
    maps = [
        similarity(latents, q.positives, q.negatives, average=average, centring=centring)
        for q in queries
    ]
    return [
        trajectory(latents, scores, name=query.name, subtoken=subtoken, motion_std=motion_std)
        for query, scores in zip(queries, maps, strict=True)
    ]


def trajectory(
    latents: Latents,
    scores: Float[np.ndarray, "tt hh ww"],
    *,
    name: str = "object 1",
    subtoken: float | None = None,
    motion_std: float | None = None,
    temperature: float = 0.1,
) -> Trajectory:
    """The best token of every slice; the first of equals.

    Args:
        latents: of the clip.
        scores: of its tokens, from :func:`similarity`.
        name: of the object.
        subtoken: temperature of a soft-argmax over the 3x3 tokens around the best one, which places
            the object between tokens; None leaves it at the middle of a token.
        motion_std: standard deviation, in tokens per slice and axis, of a random-walk motion model
            (a Gaussian prior on the displacement between slices). The most probable path is found
            for the whole clip at once (Viterbi): ``max sum_t s_t / temperature - |p_t - p_(t-1)|^2
            / (2 motion_std^2)``. None is the best token of every slice on its own.
        temperature: of the scores as log-probabilities, with ``motion_std`` only.

    Raises:
        ValueError: scores of another grid, or a setting that is not positive.
    """
    if scores.shape != latents.grid:
        raise ValueError(f"The clip has {latents.grid} tokens, came scores of {scores.shape}.")
    for setting in (subtoken, motion_std, temperature):
        if setting is not None and setting <= 0:
            raise ValueError(f"Temperatures and motion_std must be positive, came {setting}.")
    slices, _, columns = scores.shape
    flat = scores.reshape(slices, -1)
    if motion_std is None:
        best = flat.argmax(axis=1)
    else:
        best = _most_probable_path(scores / temperature, motion_std)
    tokens = np.stack([best // columns, best % columns], axis=1)
    places = tokens.astype(np.float64)
    if subtoken is not None:
        places = np.stack(
            [_soft_place(s, t, subtoken) for s, t in zip(scores, tokens, strict=True)]
        )
    pixels = (places + 0.5) * latents.patch - 0.5
    return Trajectory(name, tokens, pixels, flat[np.arange(slices), best].astype(np.float64))


def trajectory_csv(clip: Clip, trajectories: Sequence[Trajectory]) -> str:
    """One line per object and slice, with a header line.

    ``frames`` are the numbers of the source's frames that the slice spans, ``x`` and ``y`` pixels
    of the clip as the encoder saw it, the middle of its top left pixel at 0.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for path in trajectories:
        tubelet = len(clip) // len(path.tokens)
        for time, (row, column) in enumerate(path.tokens):
            numbers = clip.source_frames[time * tubelet : (time + 1) * tubelet]
            frames = f"{numbers[0]}-{numbers[-1]}"
            y, x = path.pixels[time]
            place = (f"{x:.2f}", f"{y:.2f}", f"{path.scores[time]:.4f}")
            writer.writerow((_cell(path.name), time, frames, row, column, *place))
    return out.getvalue()


def _cell(name: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def _soft_place(
    scores: Float[np.ndarray, "hh ww"], token: Int[np.ndarray, " 2"], temperature: float
) -> Float[np.ndarray, " 2"]:
    """Mean place of the 3x3 tokens around one, weighted by the softmax of their scores."""
    top, left = np.maximum(token - 1, 0)
    around = scores[top : token[0] + 2, left : token[1] + 2].astype(np.float64)
    weight = np.exp((around - around.max()) / temperature)
    rows, columns = np.indices(around.shape)
    place = np.array([(weight * rows).sum(), (weight * columns).sum()]) / weight.sum()
    return place + np.array([top, left])


def _most_probable_path(
    logits: Float[np.ndarray, "tt hh ww"], motion_std: float
) -> Int[np.ndarray, " tt"]:
    """Viterbi: token number of every slice.

    The prior falls apart into rows and columns, so that the best step is two maxima over one axis
    each rather than one over all pairs of tokens.
    """
    rows, columns = logits.shape[1:]
    cost_rows, cost_columns = (
        (np.arange(size)[:, None] - np.arange(size)) ** 2 / (2 * motion_std**2)
        for size in (rows, columns)
    )
    total = logits[0].astype(np.float64)
    came: list[np.ndarray] = []
    for now in logits[1:]:
        along_rows = total[None] - cost_rows[:, :, None]  # to row, from row, column
        from_row = along_rows.argmax(axis=1)
        best = along_rows.max(axis=1)
        along_columns = best[:, None] - cost_columns[None]  # row, to column, from column
        from_column = along_columns.argmax(axis=2)
        came.append(np.take_along_axis(from_row, from_column, axis=1) * columns + from_column)
        total = along_columns.max(axis=2) + now
    path = [int(total.argmax())]
    for step in reversed(came):
        path.append(int(step.flat[path[-1]]))
    return np.array(path[::-1])
