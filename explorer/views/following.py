"""Objects followed by the similarity of their tokens to clicked ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from jaxtyping import UInt8

from explorer.latents import Latents, Token
from explorer.pictures import encode_video, side_by_side
from explorer.tracking import (
    Centring,
    Query,
    Trajectory,
    heat_overlay,
    similarity,
    track,
    trajectory_csv,
)
from explorer.view import Movie, Part, View
from explorer.views.charts import slice_curves
from explorer.views.marked_frame import boxed
from jepakit.evals.figures.overlays import enlarge, object_colour
from jepakit.evals.pages.report import Facts, Figure

SENTENCE = (
    "Click on a thing: every token of the clip is coloured by how much it resembles the clicked "
    "one (cosine, after the mean token is taken away), and the best token of each slice is boxed "
    "in green. A second click with “not this” pushes away what it is mixed up with. An "
    "untrained encoder can follow by colour alone, so compare before you call it understanding."
)
MOTION = 1.5  # tokens per slice that things move, standard deviation of the motion model
ENLARGED = 384  # least side of the overlays
WHITE, BLUE, GREEN = (255, 255, 255), (0, 114, 178), (70, 235, 120)


def following(
    latents: Latents,
    queries: Sequence[Query],
    *,
    shown: int = 0,
    average: int = 1,
    centring: Centring = "clip",
    motion: bool = False,
    baseline: Latents | None = None,
) -> View:
    """Heat, trajectories and CSV of several queries.

    Args:
        latents: of the clip.
        queries: one per object, each with a positive click.
        shown: number of the query whose heat is shown.
        average: side of the square of tokens that stands for a click.
        centring: what is taken away from all tokens.
        motion: whether the path may not jump.
        baseline: an untrained encoder's latents of the same clip.

    Raises:
        ValueError: a query without a positive click.
    """
    follow = partial(
        track, average=average, centring=centring, motion_std=MOTION if motion else None
    )
    heat = partial(_heat, average=average, centring=centring)
    paths, query = follow(latents, queries), queries[shown]
    clips = {
        latents.clip.name: _boxes(latents, paths),
        f"like {query.name}": heat(latents, query, paths[shown]),
    }
    if baseline is not None:
        (twin,) = follow(baseline, [query])
        clips["untrained encoder"] = heat(baseline, query, twin)
    film = Movie(
        encode_video(side_by_side(*clips.values(), least=0), latents.clip.fps),
        alt=f"The clip with {query.name} followed, and the heat of its similarity",
        titles=list(clips),
        caption="White boxes: clicks. Blue: “not this”. Green: best token of the slice.",
    )
    scores = slice_curves({path.name: path.scores for path in paths}, ylabel="similarity of best")
    parts: list[Part] = [film, Figure(scores, alt="Similarity of the best token by slice")]
    errors = _errors(latents, queries, paths)
    if errors:
        parts.append(Facts(errors))
    files = {"trajectory.csv": trajectory_csv(latents.clip, paths).encode()}
    return View("track", "Click and follow", SENTENCE, parts, files)


def default_query(latents: Latents) -> Query:
    """The thing that moves most, where a scene knows its truth; else the token that stands out."""
    truth = latents.clip.truth
    if truth is not None:
        moved = np.nansum(np.abs(np.diff(truth.centres, axis=1)), axis=(1, 2))
        for number in np.argsort(-moved):
            row, column = truth.centres[number, 0]
            if np.isfinite(row):
                token = latents.token_at(float(column), float(row), 0)
                return Query((token,), name=truth.names[number])
    first = latents.values[0] - latents.values.mean(axis=(0, 1, 2))
    row, column = np.unravel_index(int((first**2).sum(axis=-1).argmax()), first.shape[:2])
    return Query(((0, int(row), int(column)),), name="the token that stands out")


def thing_at(latents: Latents, token: Token) -> int:
    """Number of the true object with most pixels of a token; 0 for background or no truth."""
    truth = latents.clip.truth
    if truth is None:
        return 0
    left, top, right, bottom = latents.box(token)
    start = token[0] * latents.tubelet
    pixels = truth.labels[start : start + latents.tubelet, top:bottom, left:right]
    return int(np.bincount(pixels.ravel()).argmax())


def _boxes(latents: Latents, paths: Sequence[Trajectory]) -> UInt8[np.ndarray, "t h w 3"]:
    """The clip with the best token of every object in the object's colour."""
    out = enlarge(latents.clip.frames, ENLARGED)
    for number, path in enumerate(paths, start=1):
        red, green, blue = (round(255 * part) for part in object_colour(number))
        out = boxed(out, latents, [(token, (red, green, blue)) for token in _best(path)])
    return out


def _heat(
    latents: Latents, query: Query, path: Trajectory, *, average: int, centring: Centring
) -> UInt8[np.ndarray, "t h w 3"]:
    scores = similarity(
        latents, query.positives, query.negatives, average=average, centring=centring
    )
    marks = [(token, GREEN) for token in _best(path)]
    marks += [(token, WHITE) for token in query.positives]
    marks += [(token, BLUE) for token in query.negatives]
    return boxed(enlarge(heat_overlay(latents, scores), ENLARGED), latents, marks)


def _best(path: Trajectory) -> list[Token]:
    return [(time, int(row), int(column)) for time, (row, column) in enumerate(path.tokens)]


def _errors(
    latents: Latents, queries: Sequence[Query], paths: Sequence[Trajectory]
) -> dict[str, str]:
    """Median distance to the true centre, of clicks on an object whose centre is known."""
    truth = latents.clip.truth
    found = {}
    for query, path in zip(queries, paths, strict=True):
        number = thing_at(latents, query.positives[0])
        if truth is None or number == 0:
            continue
        slices = len(path.tokens)
        centres = truth.centres[number - 1, : slices * latents.tubelet]
        known = np.isfinite(centres).reshape(slices, latents.tubelet, 2).all(axis=(1, 2))
        if not known.any():
            continue
        middle = centres.reshape(slices, latents.tubelet, 2).mean(axis=1)
        away = np.linalg.norm(path.pixels - middle, axis=1)[known] / latents.patch
        name = f"{query.name} against {truth.names[number - 1]}"
        found[name] = f"{np.median(away):.1f} tokens off (median)"
    return found
