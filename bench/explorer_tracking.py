"""How well clicked objects are followed and segmented in scenes that know where everything is.

``python -m bench.explorer_tracking [--run runs/demo] [--size 96]``. Every movable object that shows
in the first time slice is clicked at its centre there. Error: distance, in tokens, from the middle
of the most similar token of a later slice to the object's mean centre over the frames of that slice
in which it shows; the median over objects and slices, and over those alone that are more than one
token away from the click, since the others ask for no following. Held against each other for each
encoder, on the same grid of tokens: the encoder, the same network untrained, the pixels of each
token as its features, and staying where the click was. Segmentation: the true mask of the first
slice, reduced to tokens, is propagated; J&F over the frames of later slices, beside repeating that
mask and beside the true mask of every slice reduced to tokens, which is the most that tokens can
reach. Intervals: 95 %, bootstrap over scenes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from einops import rearrange

from bench.harness import emit, show
from explorer.clip import Clip
from explorer.clips import generated_clips
from explorer.extraction import extract
from explorer.latents import Latents
from explorer.models import BUNDLED_ID, ExplorerModel, ModelCatalogue
from explorer.tracking import (
    Centring,
    Query,
    centred,
    j_and_f,
    label_pixels,
    mask_labels,
    propagate_labels,
    track,
)
from jepakit.evals.statistics import Counts, Interval, Resampling, Statistic, bootstrap_interval

CENTRINGS: tuple[Centring, ...] = ("none", "clip", "position")
MOTION_STD = 2.0  # tokens per slice, of the motion model
MOVED = 1.0  # tokens
DRAWS = 2000


@dataclass(frozen=True)
class Item:
    """One object in one slice, or one object of one clip, and how each method did on it.

    Attributes:
        scene: number of the clip.
        moved: tokens away from the click; the most of any slice for segmentation.
        scores: error or J&F by method.
    """

    scene: int
    moved: float
    scores: Mapping[str, float]


def pixel_latents(clip: Clip, tubelet: int, patch: int) -> Latents:
    """The pixels of every token as its features, 0..1."""
    values = rearrange(
        clip.frames.astype(np.float32) / 255,
        "(tt u) (hh p) (ww q) c -> tt hh ww (u p q c)",
        u=tubelet,
        p=patch,
        q=patch,
    )
    return Latents(values, clip, tubelet, patch, site="pixels", model="pixels")


def slice_centres(clip: Clip, tubelet: int, identity: int) -> np.ndarray:
    """``(tt, 2)`` row and column of an object, mean over the frames where it shows; NaN if none."""
    assert clip.truth is not None
    centres = clip.truth.centres[identity - 1].reshape(-1, tubelet, 2)
    shown = ~np.isnan(centres[..., :1])
    count = shown.sum(axis=1)
    total = np.where(shown, centres, 0).sum(axis=1)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def clicks(latents: Latents) -> dict[int, tuple[Query, np.ndarray]]:
    """A click on every movable object that shows in the first slice, and its places."""
    clip, found = latents.clip, {}
    assert clip.truth is not None
    for identity in clip.truth.without:
        places = slice_centres(clip, latents.tubelet, identity)
        if not np.isnan(places[0]).any():
            row, column = np.clip(np.round(places[0]), 0, np.array(clip.size) - 1)
            token = latents.token_at(float(column), float(row), 0)
            found[identity] = (Query((token,), name=str(identity)), places)
    return found


def tracked(number: int, features: Mapping[str, Latents]) -> Iterator[Item]:
    """Errors of every method for every object and later slice of one clip."""
    first = next(iter(features.values()))
    asked = clicks(first)
    queries = [query for query, _ in asked.values()]
    paths: dict[str, list[np.ndarray]] = {}
    for name, latents in features.items():
        for centring in CENTRINGS:
            for motion in (None, MOTION_STD):
                key = f"{name}|{centring}|{'motion' if motion else 'arg-max'}"
                found = track(latents, queries, centring=centring, motion_std=motion)
                paths[key] = [path.pixels for path in found]
    for index, (query, places) in enumerate(asked.values()):
        stays = np.array(first.centre(query.positives[0]))
        for time in range(1, len(places)):
            if np.isnan(places[time]).any():
                continue
            scores = {key: _far(found[index][time], places[time]) for key, found in paths.items()}
            scores["stays|-|-"] = _far(stays, places[time])
            errors = {key: error / first.patch for key, error in scores.items()}
            yield Item(number, _far(places[time], places[0]) / first.patch, errors)


def segmented(number: int, features: Mapping[str, Latents]) -> Iterator[Item]:
    """J&F of every method for every movable object of one clip."""
    first = next(iter(features.values()))
    truth = first.clip.truth
    assert truth is not None
    asked = clicks(first)
    true = truth.labels.astype(np.int64)
    tokens = np.stack([mask_labels(part, first.patch) for part in _slices(true, first)])
    labels = {"stays|-|-": np.broadcast_to(tokens[0], tokens.shape), "true tokens|-|-": tokens}
    for name, latents in features.items():
        for centring in CENTRINGS:
            values = centred(latents.values, centring)
            for rescaled in (False, True):
                found = propagate_labels(values, tokens[0], rescaled=rescaled)
                way = "rescaled" if rescaled else "shares"
                labels[f"{name}|{centring}|{way}"] = found.labels
    skip = first.tubelet
    scores = {
        key: j_and_f(label_pixels(first, tokens)[skip:], true[skip:], objects=tuple(asked))
        for key, tokens in labels.items()
    }
    for index, (_, places) in enumerate(asked.values()):
        moved = np.nanmax(np.hypot(*(places - places[0]).T)) / first.patch
        both = {key: float(s.region[index] + s.contour[index]) / 2 for key, s in scores.items()}
        yield Item(number, float(moved), both)


def _slices(labels: np.ndarray, latents: Latents) -> np.ndarray:
    return labels.reshape(-1, latents.tubelet, *labels.shape[1:])


def _far(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.hypot(*(a - b)))


def median_of(values: np.ndarray) -> Statistic:
    """The lower median, of values drawn ``counts`` times."""
    order = np.argsort(values)

    def statistic(counts: Counts) -> np.ndarray:
        total = counts[:, order].cumsum(axis=1)
        return values[order][(total >= total[:, -1:] / 2).argmax(axis=1)]

    return statistic


def mean_of(values: np.ndarray) -> Statistic:
    """The mean of values drawn ``counts`` times."""
    return lambda counts: (counts * values).sum(axis=1) / counts.sum(axis=1)


def intervals(items: Sequence[Item], *, median: bool, moving: bool) -> dict[str, Interval]:
    """The statistic of every method, over all items or over the moving ones."""
    kept = [item for item in items if item.moved > MOVED or not moving]
    scenes = np.array([item.scene for item in kept])
    resampling = Resampling.of_groups(scenes, draws=DRAWS, rng=np.random.default_rng(0))
    make = median_of if median else mean_of
    return {
        key: bootstrap_interval(make(np.array([item.scores[key] for item in kept])), resampling)
        for key in kept[0].scores
    }


def report(title: str, items: Sequence[Item], *, median: bool) -> dict[str, Any]:
    """Print a table and return its figures."""
    every = intervals(items, median=median, moving=False)
    moving = intervals(items, median=median, moving=True)
    count = sum(item.moved > MOVED for item in items)
    columns = ("features", "centring", "picked by", f"all ({len(items)})", f"moved ({count})")
    rows = [[*key.split("|"), _text(every[key]), _text(moving[key])] for key in every]
    show(title, columns, rows)
    return {key: {"all": _numbers(every[key]), "moved": _numbers(moving[key])} for key in every} | {
        "counts": {"all": len(items), "moved": count}
    }


def _text(interval: Interval) -> str:
    return f"{interval.estimate:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def _numbers(interval: Interval) -> list[float]:
    return [round(value, 3) for value in (interval.estimate, interval.low, interval.high)]


def models(run: Path) -> dict[str, tuple[ExplorerModel, ExplorerModel]]:
    """The run and the bundled model, each with its untrained twin."""
    catalogue = ModelCatalogue(run.parent)
    ids = [entry.id for entry in catalogue.entries() if entry.title == run.name][:1]
    return {
        model: (catalogue.open(model), catalogue.open(model, untrained=0))
        for model in (*ids, BUNDLED_ID)
    }


def main() -> None:
    """Print two tables per model and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/demo"))
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    size = {"frames": args.frames, "size": args.size, "seed": args.seed}
    clips = list(generated_clips(args.clips, **size, without=True))
    figures: dict[str, Any] = {"clips": args.clips, **size}
    for name, (trained, untrained) in models(args.run).items():
        errors: list[Item] = []
        overlaps: list[Item] = []
        for number, clip in enumerate(clips):
            features = {
                "trained": extract(trained, clip),
                "untrained": extract(untrained, clip),
                "pixels": pixel_latents(clip, trained.tubelet, trained.patch),
            }
            errors += tracked(number, features)
            overlaps += segmented(number, features)
        where = f"{name}: {args.clips} clips, {args.frames} frames of {args.size} pixels"
        figures[name] = {
            "error_tokens": report(f"Error in tokens, median; {where}", errors, median=True),
            "j_and_f": report(f"J&F, mean over objects; {where}", overlaps, median=False),
        }
    emit("explorer_tracking", figures)


if __name__ == "__main__":
    main()
