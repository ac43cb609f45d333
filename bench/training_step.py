"""A whole training step with packed tokens against the same step with padded ones.

Run ``python -m bench.training_step``. The three ways differ in the context encoder and in the
``drop`` pass of the target encoder, where samples keep different numbers of tokens:

- packed: no padding (what the project does);
- padded: every sample padded to the longest of the batch, padding masked as keys;
- full: all tokens of the grid, hidden ones masked as keys.

The predictor always works on the whole grid: with object masks, context and hidden tokens of a
sample make up all of it, so that no way would pad there. Losses agree before anything is timed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bench.configured import build_model, scene_batches
from bench.harness import emit, interleave, paired_ratio, show
from bench.ragged_attention import ENCODE, WAYS, sample_packing
from cjepa import CausalJEPA
from jepakit.batch import Packing, SceneBatch, TokenMasks
from jepakit.nn import VisionTransformer
from jepakit.nn.vit import Encoded


class Way(VisionTransformer):
    """The encoder, with padding where it is asked for; weights stay its own."""

    way: str

    def forward(self, frames: Tensor, packing: Packing | None = None, **named: Any) -> Encoded:
        """Encode in the chosen way."""
        if packing is None or self.way == "packed":
            return super().forward(frames, packing, **named)
        return Encoded(ENCODE[self.way](self, frames, packing), packing)


def spread_masks(batch: SceneBatch, grid: int) -> SceneBatch:
    """The batch with a quarter of the tokens kept on average, unevenly."""
    import dataclasses

    context = sample_packing("spread", len(batch), grid)
    keep = torch.zeros(len(batch) * grid, dtype=torch.bool)
    keep[context.index] = True
    keep = keep.view(len(batch), grid)
    slots = torch.where(keep, -1, 0)
    none = [()] * len(batch)
    masks = TokenMasks.build(keep, slots, none, [True] * len(batch))
    return dataclasses.replace(batch, masks=masks)


def train_step(model: CausalJEPA, optimizer: torch.optim.Optimizer, way: str) -> Callable[..., Any]:
    """One optimizer step in a given way."""

    def step(batch: SceneBatch) -> float:
        for encoder in (model.encoder, model.target_encoder):
            encoder.way = way
        optimizer.zero_grad()
        losses = model.loss(batch)
        losses.total.backward()
        optimizer.step()
        return float(losses.total.detach())

    return step


def compare(config: str, kind: str, batch_size: int, rounds: int) -> dict[str, float]:
    """CPU seconds per step of the three ways, and how many times faster packed is."""
    model = build_model(config, intervention="drop")
    for encoder in (model.encoder, model.target_encoder):
        encoder.__class__ = Way
    batch = scene_batches(model, batch_size, count=1)[0]
    if kind == "spread":
        batch = spread_masks(batch, model.encoder.tokens)
    assert batch.masks is not None
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.0, fused=True)
    steps = {way: train_step(model, optimizer, way) for way in WAYS}
    losses = [steps[way](batch) for way in WAYS]
    assert max(losses) - min(losses) < 1e-4 * max(1.0, abs(losses[0])), losses
    taken = interleave({w: lambda w=w: steps[w](batch) for w in WAYS}, rounds=rounds)
    lengths = batch.masks.context.lengths
    return {
        "kept": sum(lengths) / (len(lengths) * batch.masks.context.grid),
        "longest_over_mean": max(lengths) * len(lengths) / sum(lengths),
        **{f"{way}_s": taken[way].cpu for way in WAYS},
        "over_padded": paired_ratio(taken["padded"], taken["packed"]),
        "over_full": paired_ratio(taken["full"], taken["packed"]),
        "clips_per_cpu_s": batch_size / taken["packed"].cpu,
        "gflops_per_cpu_s": model.flops(batch) / taken["packed"].cpu / 1e9,
    }


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configs", nargs="+", default=["demo", "vit_s"])
    parser.add_argument("--batches", nargs="+", type=int, default=[16, 4])
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    rows = {
        f"{config}, {kind}": compare(config, kind, batch, args.rounds)
        for config, batch in zip(args.configs, args.batches, strict=True)
        for kind in ("objects", "spread")
    }
    names = list(next(iter(rows.values())))
    show("One training step, CPU seconds", ("masks", *names), [[k, *r.values()] for k, r in rows.items()])
    emit("training_step", {"rows": rows})


if __name__ == "__main__":
    main()
