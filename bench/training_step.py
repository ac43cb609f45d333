"""A whole training step with packed tokens against the same step with padded ones.

Run ``python -m bench.training_step``. Wherever samples hold different numbers of tokens:

- packed: no padding (what the project does);
- padded: each sequence padded to the longest of the batch, padding masked as keys; the
  predictor's ``[context; mask tokens]`` is two such sequences side by side;
- full: the context encoder and the target encoder's ``drop`` pass see all tokens of the grid,
  hidden ones masked as keys; the predictor sees these and the mask tokens padded to the longest;
- grid: as full, but a predictor that puts mask tokens into the places of the hidden tokens. With
  object masks that needs no padding: the strongest full-sequence baseline.

Losses agree before anything is timed.
"""

from __future__ import annotations

import argparse
import dataclasses
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.configured import build_model, masked_batches
from bench.harness import emit, interleave, paired_ratio, show
from bench.ragged_attention import ENCODE, dense_blocks, sample_packing
from cjepa import CausalJEPA, Predictor
from jepakit.batch import Packing, SceneBatch, TokenMasks
from jepakit.losses import SmallBatchWarning
from jepakit.nn import VisionTransformer, pad, unpad
from jepakit.nn.vit import Encoded

WAYS = ("packed", "padded", "full", "grid")


class Way(VisionTransformer):
    """The encoder, with padding where it is asked for; weights stay its own."""

    way: str

    def forward(self, frames: Tensor, packing: Packing | None = None, **named: Any) -> Encoded:
        """Encode in the chosen way."""
        if packing is None or self.way == "packed":
            return super().forward(frames, packing, **named)
        encode = ENCODE["full" if self.way == "grid" else self.way]
        return Encoded(encode(self, frames, packing), packing)


class WayPredictor(Predictor):
    """The predictor, with padding where it is asked for; weights stay its own."""

    way: str

    def _joint(self, visible: Tensor, hidden: Tensor, masks: TokenMasks) -> tuple[Tensor, Tensor]:
        if self.way in ("packed", "grid"):
            return super()._joint(visible, hidden, masks)
        left, left_keep = _dense(visible, masks.context, whole=self.way == "full")
        right, right_keep = _dense(hidden, masks.target, whole=False)
        keep = torch.cat([left_keep, right_keep], dim=1)
        tokens = dense_blocks(self.blocks, torch.cat([left, right], dim=1), keep)
        kept = tokens[:, : left.shape[1]][left_keep]
        return kept, unpad(tokens[:, left.shape[1] :].contiguous(), masks.target)


def _dense(tokens: Tensor, packing: Packing, *, whole: bool) -> tuple[Tensor, Tensor]:
    """Tokens as ``(b, length, d)`` and which of them are real."""
    if whole:
        keep = torch.zeros(packing.batch * packing.grid, dtype=torch.bool)
        keep = keep.index_fill(0, packing.index, value=True)
        grid = tokens.new_zeros(len(keep), tokens.shape[1]).index_copy(0, packing.index, tokens)
        return grid.unflatten(0, (packing.batch, -1)), keep.view(packing.batch, -1)
    keep = torch.arange(packing.max_length) < packing.offsets.diff().unsqueeze(1)
    return pad(tokens, packing), keep


def spread_masks(batch: SceneBatch, grid: int) -> SceneBatch:
    """The batch with a quarter of the tokens kept on average, unevenly."""
    context = sample_packing("spread", len(batch), grid)
    keep = torch.zeros(len(batch) * grid, dtype=torch.bool)
    keep = keep.index_fill(0, context.index, value=True).view(len(batch), grid)
    none: list[tuple[int, ...]] = [()] * len(batch)
    masks = TokenMasks.build(keep, torch.where(keep, -1, 0), none, [True] * len(batch))
    return dataclasses.replace(batch, masks=masks)


def train_step(model: CausalJEPA, optimizer: torch.optim.Optimizer, way: str) -> Callable[..., Any]:
    """One optimizer step in a given way."""

    def step(batch: SceneBatch) -> float:
        for part in (model.encoder, model.target_encoder, model.predictor):
            part.way = way  # type: ignore[assignment]
        optimizer.zero_grad()
        losses = model.loss(batch)
        losses.total.backward()
        optimizer.step()
        return float(losses.total.detach())

    return step


def compare(config: str, kind: str, batch_size: int, rounds: int) -> dict[str, float]:
    """CPU seconds per step of all ways, and how many times faster packed is."""
    model = build_model(config, intervention="drop")
    model.encoder.__class__ = model.target_encoder.__class__ = Way
    model.predictor.__class__ = WayPredictor
    batch = masked_batches(model, batch_size, count=1)[0]
    if kind == "spread":
        batch = spread_masks(batch, model.encoder.tokens)
    assert batch.masks is not None
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.0, weight_decay=0.0, fused=True)
    steps = {way: train_step(model, optimizer, way) for way in WAYS}
    losses = [steps[way](batch) for way in WAYS]
    assert max(losses) - min(losses) < 1e-4 * max(1.0, abs(losses[0])), losses
    taken = interleave({w: partial(steps[w], batch) for w in WAYS}, rounds=rounds)
    lengths = batch.masks.context.lengths
    return {
        "kept": sum(lengths) / (len(lengths) * batch.masks.context.grid),
        "longest / mean": max(lengths) * len(lengths) / sum(lengths),
        "packed s": taken["packed"].cpu,
        **{f"x {way}": paired_ratio(taken[way], taken["packed"]) for way in WAYS[1:]},
        "clips / s": batch_size / taken["packed"].cpu,
        "GFLOP/s": model.flops(batch) / taken["packed"].cpu / 1e9,
    }


def main() -> None:
    """Print a table and one line of JSON."""
    warnings.simplefilter("ignore", SmallBatchWarning)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configs", nargs="+", default=["demo", "vit_s"])
    parser.add_argument("--batches", nargs="+", type=int, default=[64, 4])
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    rows = {
        f"{config}, {kind}": compare(config, kind, batch, args.rounds)
        for config, batch in zip(args.configs, args.batches, strict=True)
        for kind in ("objects", "spread")
    }
    columns = ("recipe, masks", *next(iter(rows.values())))
    title = "One training step: CPU seconds, and how many times faster packed is"
    show(title, columns, [[name, *row.values()] for name, row in rows.items()])
    emit("training_step", {"rows": rows})


if __name__ == "__main__":
    main()
