"""How much of a clip V-JEPA 2's masks keep, and when, by batch size: packed and as released.

Run ``python -m bench.mask_shares``. Both mask a clip twice, under 8 tubes of 0.15 and under 2 of
0.7 of a frame, at 256 pixels and 16 frames:

- none: :class:`jepakit.masks.SeveralMasks` of two :class:`jepakit.masks.Tubes`, nothing cut;
- official: :class:`jepakit.masks.ReleasedTubes`, cut to the shortest sample of the batch.

Shares are means over all clips, of which every batch size has equally many. ``late`` is the number
of tokens used in the last tubelet over the number in the first: 1 is even in time. The recorded
figures are those of the released collator itself, 60 batches of each size.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch
from torch import Tensor

from bench.harness import emit, show
from jepakit.batch import TokenMasks
from jepakit.masks import ReleasedTubes, SeveralMasks, Tubes, draw_masks
from jepakit.packing import Packing
from jepakit.protocols import AnyMasker, MaskInput

BATCHES = (1, 4, 24, 128)
BAR_SHARE, BAR_TIME = 0.5, 2.0
"""Points by which a share may move with the batch size, and a tubelet's share from the mean."""

Row = dict[str, float]
NAMES = ("context", "target", "context_late", "target_late")
RECORDED: dict[int, list[Row]] = {
    1: [
        dict(zip(NAMES, (39.9, 60.1, 1.00, 1.00), strict=True)),
        dict(zip(NAMES, (18.8, 81.2, 1.00, 1.00), strict=True)),
    ],
    4: [
        dict(zip(NAMES, (30.6, 53.4, 0.27, 0.35), strict=True)),
        dict(zip(NAMES, (11.2, 74.1, 0.20, 0.43), strict=True)),
    ],
    24: [
        dict(zip(NAMES, (24.8, 46.5, 0.05, 0.08), strict=True)),
        dict(zip(NAMES, (6.4, 70.4, 0.03, 0.22), strict=True)),
    ],
    128: [
        dict(zip(NAMES, (20.5, 42.7, 0.01, 0.02), strict=True)),
        dict(zip(NAMES, (5.1, 70.0, 0.02, 0.20), strict=True)),
    ],
}


def use(
    masker: AnyMasker, grid: tuple[int, int, int], batch: int, batches: int, seed: int = 0
) -> Tensor:
    """Tokens used of each tubelet, ``(2, views, tubelets)`` for context and target, per clip."""
    sample = MaskInput(
        torch.zeros(0, *grid, dtype=torch.uint8), torch.zeros(1, 1, 1, 3, dtype=torch.uint8)
    )
    total = torch.zeros(())
    for number in range(batches):
        seeds = [(seed, batch, number * batch + clip) for clip in range(batch)]
        masks = draw_masks(masker, [sample] * batch, seeds)
        used = [_by_tubelet(masks, kept, grid) for kept in (masks.context, masks.target)]
        total = total + torch.stack(used)
    return total / (batch * batches)


def _by_tubelet(masks: TokenMasks, kept: Packing, grid: tuple[int, int, int]) -> Tensor:
    tubelets, rows, columns = grid
    place = (kept.sample // masks.clips) * tubelets + kept.position // (rows * columns)
    counts = torch.bincount(place, minlength=masks.views * tubelets)
    return counts.double().view(masks.views, tubelets)


def figures(used: Tensor, grid: tuple[int, int, int]) -> list[Row]:
    """Shares in per cent of the clip, and late use, for each view."""
    tubelets, rows, columns = grid
    rows_of_views = []
    for view in range(used.shape[1]):
        row: Row = {}
        for name, counts in zip(("context", "target"), used[:, view], strict=True):
            row[name] = 100 * float(counts.sum()) / (tubelets * rows * columns)
            row[f"{name}_late"] = float(counts[-1] / counts[0])
            row[f"{name}_unevenness"] = 100 * float(
                (counts / (rows * columns) - row[name] / 100).abs().max()
            )
        rows_of_views.append(row)
    return rows_of_views


def spread(table: dict[int, list[Row]]) -> float:
    """Largest difference between batch sizes of a share, in points."""
    return max(
        max(rows[view][name] for rows in table.values())
        - min(rows[view][name] for rows in table.values())
        for view in range(2)
        for name in ("context", "target")
    )


def lines(tables: dict[str, dict[int, list[Row]]]) -> list[Sequence[object]]:
    """One line per batch size, kind of mask and cut."""
    return [
        (
            batch,
            kind,
            cut,
            *(f"{table[batch][view][name]:.1f}" for name in NAMES[:2]),
            *(f"{table[batch][view][name]:.2f}" for name in NAMES[2:]),
        )
        for batch in BATCHES
        for view, kind in enumerate(("8 x 0.15", "2 x 0.7"))
        for cut, table in tables.items()
    ]


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--clips", type=int, default=7680, help="for each batch size")
    args = parser.parse_args()
    grid = args.frames // 2, args.size // 16, args.size // 16
    maskers: dict[str, AnyMasker] = {
        "none": SeveralMasks([Tubes(8, scale=0.15), Tubes(2, scale=0.70)]),
        "official": ReleasedTubes(),
    }
    tables = {
        mode: {
            batch: figures(use(masker, grid, batch, max(60, args.clips // batch)), grid)
            for batch in BATCHES
        }
        for mode, masker in maskers.items()
    }
    at_recorded_size = (args.size, args.frames) == (256, 16)
    shown = tables | ({"recorded": RECORDED} if at_recorded_size else {})
    columns = ("batch", "tubes", "cut", "context %", "target %", "context late", "target late")
    show(f"Tokens kept of a clip, grid {grid[0]} x {grid[1]} x {grid[2]}", columns, lines(shown))
    uneven = max(
        row[f"{name}_unevenness"]
        for rows in tables["none"].values()
        for row in rows
        for name in ("context", "target")
    )
    summary = {
        "spread_points": {mode: spread(table) for mode, table in tables.items()},
        "bar_spread_points": BAR_SHARE,
        "unevenness_points": uneven,
        "bar_unevenness_points": BAR_TIME,
    }
    if at_recorded_size:
        summary["from_recorded_points"] = max(
            abs(row[name] - known[name])
            for batch, rows in tables["official"].items()
            for row, known in zip(rows, RECORDED[batch], strict=True)
            for name in ("context", "target")
        )
    emit("mask_shares", {"arguments": vars(args), **summary, "rows": tables})


if __name__ == "__main__":
    main()
