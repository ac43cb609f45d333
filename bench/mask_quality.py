"""How well objects are found in scenes whose true masks are known and forgotten.

Run ``python -m bench.mask_quality``; ``--method sam --checkpoint FILE`` asks Segment Anything.
Clips of all layouts are drawn, segmented from their pixels alone and compared with the truth. Every
object that shows a pixel in some frame counts for overlap and FG-ARI, obstacles that never move
too. Whether it keeps one id is asked in all frames in which it shows at least ``--visible`` of the
picture (0.001: 50 pixels of 224 x 224); a frame in which it is not found counts as not kept.

- mBO: best IoU over the volume of the clip, so that losing the id costs; ``frame`` is the same
  frame by frame, whatever the id.
- one id %: share of objects that have the same id in every such frame.

Seeds begin at ``--first``; the method was tuned on others (0, 1 and 2).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path

from bench.harness import emit, show
from data_prep.masks.methods import Finding, segmenter_of
from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.quality import MaskQuality, quality_of
from data_prep.masks.sam import Sam
from data_prep.masks.segmenter import Segmenter
from worlds.scenes import LAYOUTS, sample, simulate

BAR_OVERLAP, BAR_ONE_ID = 0.85, 95.0
FRAMES = 16

Row = dict[str, float]
Clip = tuple[MaskQuality, float]


def measured(segmenter: Segmenter, layout: str, seed: int, size: int, visible: float) -> Clip:
    """Quality of one clip, and the CPU seconds that finding its objects took."""
    clip = simulate(sample(layout, seed), frames=FRAMES, size=size)
    frames = clip.frames
    start = time.process_time()
    found = segmenter.segment(frames)
    spent = time.process_time() - start
    return quality_of(found.labels, clip.labels, visible=visible), spent


def summary(clips: Sequence[Clip]) -> Row:
    """Means over objects; FG-ARI over clips."""
    qualities = [quality for quality, _ in clips]
    objects = sum(quality.objects for quality in qualities)

    def mean(name: str) -> float:
        return sum(getattr(q, name) * q.objects for q in qualities) / objects

    return {
        "objects": objects,
        "best_overlap": mean("best_overlap"),
        "frame_overlap": mean("frame_overlap"),
        "fg_ari": sum(q.fg_ari for q in qualities) / len(qualities),
        "one_id_percent": 100 * mean("consistency"),
        "switches": sum(q.switches for q in qualities),
        "ms_per_frame": 1e3 * sum(spent for _, spent in clips) / (FRAMES * len(clips)),
    }


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", choices=("regions", "motion", "sam"), default="regions")
    parser.add_argument("--checkpoint", type=Path, help="weights of Segment Anything")
    parser.add_argument("--points", type=int, default=32, help="of its grid, along each side")
    parser.add_argument("--scenes", type=int, default=4, help="of each layout")
    parser.add_argument("--first", type=int, default=1000, help="seed of the first")
    parser.add_argument("--size", type=int, default=224, help="pixels")
    parser.add_argument("--min-area", type=float, default=0.001, help="of an object, 0 to 1")
    parser.add_argument("--visible", type=float, default=0.001)
    args = parser.parse_args()
    if args.method == "sam" and args.checkpoint is None:
        parser.error("--method sam needs --checkpoint FILE")
    return args


def main() -> None:
    """Print a table and one line of JSON."""
    args = arguments()
    sam = Sam(args.checkpoint, args.points) if args.checkpoint else None
    kept = ObjectFilter(min_area=args.min_area, top=32)
    segmenter = segmenter_of(args.method, Finding(objects=kept, sam=sam))
    clips = {
        layout: [
            measured(segmenter, layout, args.first + number, args.size, args.visible)
            for number in range(args.scenes)
        ]
        for layout in LAYOUTS
    }
    rows = {layout: summary(found) for layout, found in clips.items()}
    total = summary([clip for found in clips.values() for clip in found])
    columns = (
        "layout",
        "objects",
        "mBO",
        "frame mBO",
        "FG-ARI",
        "one id %",
        "switches",
        "ms/frame",
    )
    title = f"Masks by {args.method}, {args.scenes} clips of {FRAMES} x {args.size}^2 per layout"
    show(title, columns, [(name, *row.values()) for name, row in [*rows.items(), ("all", total)]])
    figures = {name: None if math.isnan(value) else value for name, value in total.items()}
    emit(
        "mask_quality",
        {
            "arguments": {**vars(args), "checkpoint": str(args.checkpoint or "")},
            "segmenter": segmenter.name,
            **figures,
            "bar_best_overlap": BAR_OVERLAP,
            "bar_one_id_percent": BAR_ONE_ID,
            "layouts": rows,
        },
    )


if __name__ == "__main__":
    main()
