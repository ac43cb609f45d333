"""How fast proposals of a clip become objects on one core: filter, linking, label map, coverage.

Run ``python -m bench.mask_linking``. Every frame has ``--proposals`` masks: what shows of ellipses
that move, cover each other, enter late and leave early, each edge off by a pixel now and then; in
place of the missing ones parts and duplicates of the others. Finding the proposals is not counted.
CPU seconds, medians over rounds. The quality against what was drawn says that the work is done:
ids are asked for where an object is as large as the filter wants it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray
from numpy.random import Generator

from bench.harness import emit, interleave, show
from data_prep.masks.label_map import area_shares, paint
from data_prep.masks.linking import Linking
from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.quality import quality_of
from data_prep.masks.segmenter import Proposals, Segmentation
from jepakit.data.coverage import coverage_of

GOAL = 200.0


@dataclass(frozen=True)
class Clip:
    """What is drawn, and what is proposed."""

    frames: UInt8[ndarray, "t h w 3"]
    truth: UInt8[ndarray, "t h w"]
    proposals: list[Proposals]


def drawn(number: int, frames: int, size: int, generator: Generator) -> UInt8[ndarray, "t h w"]:
    """Label maps of ellipses of 1 to 5 % of the picture on straight ways, the last in front."""
    areas = generator.uniform(0.01, 0.05, number) * size**2
    stretch = generator.uniform(0.7, 1.4, number)
    radii = np.sqrt(areas / np.pi)[:, None] * np.stack((stretch, 1 / stretch), axis=1)
    start = generator.uniform(0.1 * size, 0.9 * size, (number, 2))
    speed = generator.normal(0, 0.015 * size, (number, 2))
    enter = generator.integers(-frames, frames // 2, number)
    leave = generator.integers(frames // 2, 2 * frames, number)
    rows, columns = np.ogrid[:size, :size]
    labels = np.zeros((frames, size, size), dtype=np.uint8)
    for frame in range(frames):
        for one in np.flatnonzero((enter <= frame) & (frame < leave)):
            row, column = start[one] + frame * speed[one]
            away = ((rows - row) / radii[one, 0]) ** 2 + ((columns - column) / radii[one, 1]) ** 2
            labels[frame][away <= 1] = one + 1
    return labels


def jittered(mask: Bool[ndarray, "h w"], generator: Generator) -> Bool[ndarray, "h w"]:
    """The mask grown or shrunk by a pixel along one direction."""
    moved = np.roll(mask, generator.integers(-1, 2, 2), axis=(0, 1))
    return mask & moved if generator.random() < 0.5 else mask | moved


def proposed(labels: UInt8[ndarray, "h w"], number: int, generator: Generator) -> Proposals:
    """Masks of one frame: objects, then parts and duplicates of them up to ``number``."""
    sizes = np.bincount(labels.ravel())
    shown = [one for one in range(1, len(sizes)) if sizes[one]][:number]
    masks = [jittered(labels == one, generator) for one in shown]
    while len(masks) < number:
        other = masks[generator.integers(len(shown))]
        middle = int(np.median(np.nonzero(other)[0])) if other.any() else 0
        part = other & (np.arange(len(other)) < middle)[:, None]
        masks.append(part if generator.random() < 0.5 else jittered(other, generator))
    scores = np.concatenate(
        (generator.uniform(0.9, 1, len(shown)), generator.uniform(0.7, 0.9, number - len(shown)))
    )
    order = generator.permutation(number)
    return Proposals(np.stack(masks)[order], scores[order])


def make(proposals: int, frames: int, size: int, seed: int) -> Clip:
    """A clip with its proposals."""
    generator = np.random.default_rng(seed)
    truth = drawn(proposals, frames, size, generator)
    colours = generator.integers(0, 256, (proposals + 1, 3))
    noise = generator.normal(0, 6, (*truth.shape, 3))
    pictures = np.clip(colours[truth] + noise, 0, 255).astype(np.uint8)
    return Clip(pictures, truth, [proposed(labels, proposals, generator) for labels in truth])


def objects_of(clip: Clip, kept: list[Proposals]) -> Segmentation:
    """Filtered proposals as a label map."""
    tracks = Linking().link(clip.frames, kept)
    scores = np.array([track.score for track in tracks])
    shape = clip.truth.shape
    rows, _ = ObjectFilter(top=255).select_objects(area_shares(tracks, shape), scores)
    return paint([tracks[row] for row in rows], kept, shape)


def filtered(clip: Clip) -> list[Proposals]:
    """Proposals of every frame that may be objects."""
    objects = ObjectFilter().in_frames()
    return [objects.select(proposals)[0] for proposals in clip.proposals]


def coverage(found: Segmentation) -> UInt8[ndarray, "k tt hh ww"]:
    """Coverage of the common grid."""
    return coverage_of(found.labels, len(found.scores), patch=16, tubelet=2)


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proposals", type=int, default=20, help="in every frame")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    clips = [
        make(arguments.proposals, arguments.frames, arguments.size, seed)
        for seed in range(arguments.clips)
    ]
    kept = [filtered(clip) for clip in clips]
    found = [objects_of(clip, chosen) for clip, chosen in zip(clips, kept, strict=True)]
    frames = arguments.frames * arguments.clips
    work = {
        "filter": lambda: [filtered(clip) for clip in clips],
        "linking": lambda: [Linking().link(c.frames, k) for c, k in zip(clips, kept, strict=True)],
        "linking and label map": lambda: [
            objects_of(c, k) for c, k in zip(clips, kept, strict=True)
        ],
        "coverage": lambda: [coverage(segmentation) for segmentation in found],
        "all": lambda: [coverage(objects_of(clip, filtered(clip))) for clip in clips],
    }
    timings = interleave(work, rounds=arguments.rounds)
    rates = {name: frames / timing.cpu for name, timing in timings.items()}
    quality = [
        quality_of(f.labels, c.truth, visible=ObjectFilter().min_area)
        for f, c in zip(found, clips, strict=True)
    ]
    show(
        f"Frames per CPU second, {arguments.size} px, {arguments.proposals} proposals (medians)",
        ("work", "frames/s", "ms/frame", "goal"),
        [(n, rates[n], 1000 / rates[n], GOAL if n == "all" else "") for n in work],
    )
    emit(
        "mask_linking",
        {
            "arguments": vars(arguments),
            "frames_per_cpu_second": {name: round(rate, 1) for name, rate in rates.items()},
            "goal_all": GOAL,
            "linked_per_frame": sum(len(p) for chosen in kept for p in chosen) / frames,
            "best_overlap": float(np.mean([one.best_overlap for one in quality])),
            "consistency": float(np.mean([one.consistency for one in quality])),
            "switches": sum(one.switches for one in quality),
        },
    )


if __name__ == "__main__":
    main()
