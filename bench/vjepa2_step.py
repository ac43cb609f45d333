"""A V-JEPA 2 training step against the official code's, in one process, and the memory of both.

``python -m bench.vjepa2_step --official CHECKOUT``, CHECKOUT a clone of facebookresearch/vjepa2
(MIT), of which this project has no copy; without it only the own step is timed. ViT-S on 8 frames
of 112 x 112, batch 4, two masks cut to the shortest as released, so that both do the same work;
with the same weights, and losses that agree before anything is timed. Memory is the peak resident
set of a process that makes three steps.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bench.harness import emit, interleave, paired_ratio, show
from bench.official_vjepa2 import BATCH, FRAMES, SIZE, OfficialStep
from jepakit.batch import SceneBatch, TokenMasks
from jepakit.masks import SeveralMasks, Tubes
from jepakit.nn import VisionTransformer
from jepakit.protocols import MaskInput
from jepakit.training.ema import Ema
from vjepa2 import VJEPA2, Encoder, Predictor
from vjepa2.checkpoints.official import encoder_state, predictor_state

PREDICTORS = {
    "384 x 12": {"width": 384, "depth": 12, "heads": 12},
    "192 x 6": {"width": 192, "depth": 6, "heads": 6},
}
WAYS = ("ours", "official", "official, recomputing")
GRID = (FRAMES // 2, SIZE // 16, SIZE // 16)
TOKENS = GRID[0] * GRID[1] * GRID[2]
MASKER = SeveralMasks([Tubes(), Tubes(2, scale=0.7)])

Run = Callable[[], float]


def cut_masks(seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """Visible and hidden positions ``(b, k)`` under each mask, cut to the shortest of the batch."""
    blank = MaskInput(torch.zeros(0, *GRID, dtype=torch.uint8), torch.zeros(1, 1, 1, 3).byte())
    drawn = MASKER.mask([blank] * BATCH, [(seed, sample) for sample in range(BATCH)])
    context: list[Tensor] = []
    target: list[Tensor] = []
    for view in range(MASKER.views):
        masks = drawn[view * BATCH : (view + 1) * BATCH]
        for lists, rows in (
            (context, [mask.context.nonzero().flatten() for mask in masks]),
            (target, [(mask.slots >= 0).nonzero().flatten() for mask in masks]),
        ):
            shortest = min(map(len, rows))
            lists.append(torch.stack([row[:shortest] for row in rows]))
    return context, target


def packed(context: list[Tensor], target: list[Tensor]) -> TokenMasks:
    """The same masks for the project's own step."""
    seen, hidden = torch.zeros(2, len(context), BATCH, TOKENS, dtype=torch.bool)
    for view, (visible, masked) in enumerate(zip(context, target, strict=True)):
        seen[view].scatter_(1, visible, value=True)
        hidden[view].scatter_(1, masked, value=True)
    slots = torch.where(hidden, 0, -1).flatten(0, 1)
    none: list[tuple[int, ...]] = [()] * len(slots)
    masks = TokenMasks.build(seen.flatten(0, 1), slots, none, [False] * len(slots))
    return dataclasses.replace(masks, views=len(context))


def own_step(
    predictor: dict[str, int], like: OfficialStep | None, batch: SceneBatch
) -> Callable[[], float]:
    """The project's step, with the weights of an official one."""

    def build(encoder: VisionTransformer) -> Predictor:
        width, depth, heads = (predictor[name] for name in ("width", "depth", "heads"))
        return Predictor(encoder, width=width, depth=depth, heads=heads, mask_tokens=2)

    model = VJEPA2(Encoder("vit_s", frames=FRAMES, size=SIZE), masker=MASKER, predictor=build)
    if like is not None:
        shape, state = encoder_state(like.encoder.state_dict())
        model.encoder.load_state_dict(state)
        model.target_encoder.load_state_dict(state)
        _, found = predictor_state(like.predictor.state_dict(), shape)
        model.predictor.load_state_dict(found)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.0, weight_decay=0.0, fused=True)
    teacher = Ema(model.ema_pairs())

    def step() -> float:
        loss = model.loss(batch).total
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        teacher.update(0.999)
        return float(loss.detach())

    return step


def steps(
    predictor: dict[str, int], checkout: Path | None, ways: tuple[str, ...]
) -> dict[str, Run]:
    """What is to be compared, on one batch."""
    torch.manual_seed(0)
    clips = torch.randn(BATCH, 3, FRAMES, SIZE, SIZE)
    context, target = cut_masks(0)
    batch = SceneBatch(
        frames=clips.permute(0, 2, 3, 4, 1).contiguous(),
        coverage=torch.zeros(BATCH, 0, *GRID, dtype=torch.uint8),
        keys=tuple(map(str, range(BATCH))),
        masks=packed(context, target),
    )
    found: dict[str, Run] = {}
    first: OfficialStep | None = None
    for way in WAYS[1:]:
        if checkout is not None and way in ways:
            official = OfficialStep(checkout, predictor, checkpointing="recomputing" in way)
            if first is not None:
                official.load(first)
            first = first or official
            found[way] = lambda step=official: step(clips, context, target)  # type: ignore[misc]
    if "ours" in ways:
        found["ours"] = own_step(predictor, first, batch)
    return found


def peak_memory(name: str, way: str, checkout: Path | None) -> float:
    """MiB of a process of its own that makes three steps."""
    command = [sys.executable, "-m", "bench.vjepa2_step", "--memory-of", name, way]
    command += [] if checkout is None else ["--official", str(checkout)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def print_memory(name: str, way: str, checkout: Path | None) -> None:
    """Make three steps and print this process's peak.

    ``VmHWM`` of Linux: ``getrusage`` would hand down the peak of the process that started this one.
    """
    (run,) = steps(PREDICTORS[name], checkout, (way,)).values()
    for _ in range(3):
        run()
    status = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
    print(int(peak) / 1024)


def compare(name: str, checkout: Path | None, rounds: int) -> dict[str, float]:
    """Figures of one predictor."""
    runs = steps(PREDICTORS[name], checkout, WAYS)
    losses = [run() for run in runs.values()]
    assert max(losses) - min(losses) < 1e-5, losses
    taken = interleave(runs, rounds=rounds)
    figures = {"clips / CPU s": BATCH / taken["ours"].cpu}
    for way in runs:
        if way != "ours":
            figures[f"x {way}"] = paired_ratio(taken[way], taken["ours"])
        figures[f"MiB {way}"] = peak_memory(name, way, checkout)
    return figures


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", type=Path, help="a clone of facebookresearch/vjepa2")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--memory-of", nargs=2, metavar=("PREDICTOR", "WAY"), help="used by itself")
    args = parser.parse_args()
    if args.memory_of:
        name, way = args.memory_of
        print_memory(name, way, args.official)
        return
    if args.official is None:
        print("No --official checkout: the own step alone, compared with nothing.")
    rows = {name: compare(name, args.official, args.rounds) for name in PREDICTORS}
    columns = ("predictor", *next(iter(rows.values())))
    table = [[name, *row.values()] for name, row in rows.items()]
    show("One training step of ViT-S, and how many times faster ours is", columns, table)
    emit("vjepa2_step", {"rows": rows})


if __name__ == "__main__":
    main()
