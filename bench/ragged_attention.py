"""Encoder forward and backward: packed tokens against padding, in turn in one process.

Run ``python -m bench.ragged_attention``. Three ways to encode only some tokens of each sample:

- packed: no padding anywhere, attention per sample (:class:`jepakit.nn.VisionTransformer`);
- padded: every sample padded to the longest of the batch, padding masked as keys;
- full: all tokens of the grid, dropped ones masked as keys.

All three share one set of weights and give the same latents and gradients on the kept tokens, which
is asserted before anything is timed. Bounds: padded or full tokens over kept ones.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.harness import emit, interleave, paired_ratio, show
from jepakit.batch import Packing
from jepakit.nn import Block, VisionTransformer, pad, unpad
from jepakit.seeds import generator

LENGTHS: dict[str, tuple[float, float]] = {
    # Share of tokens kept, drawn uniformly per sample.
    "objects": (0.60, 0.90),  # what object masks leave of a PHYRE-like scene
    "spread": (0.05, 0.45),  # a quarter kept on average, unevenly
    "narrow": (0.20, 0.30),  # a quarter kept on average, evenly
    "equal": (0.75, 0.75),
}
WAYS = ("packed", "padded", "full")

Encode = Callable[[VisionTransformer, Tensor, Packing], Tensor]


def sample_packing(kind: str, batch: int, grid: int, seed: int = 0) -> Packing:
    """Random tokens, as many per sample as the distribution ``kind`` says."""
    low, high = LENGTHS[kind]
    draw = generator(seed, kind)
    share = low + (high - low) * torch.rand(batch, generator=draw)
    rank = torch.rand(batch, grid, generator=draw).argsort(1).argsort(1)
    return Packing.from_mask(rank < (share * grid).round().clamp(min=1).unsqueeze(1))


def packed(encoder: VisionTransformer, frames: Tensor, packing: Packing) -> Tensor:
    """Latents of the kept tokens, without padding."""
    return encoder(frames, packing).tokens


def padded(encoder: VisionTransformer, frames: Tensor, packing: Packing) -> Tensor:
    """The same through samples padded to the longest."""
    assert encoder.positions is not None
    x = encoder.patches(frames, packing) + encoder.positions(packing.position)
    columns = torch.arange(packing.max_length, device=x.device)
    mask = None
    if not packing.is_uniform:
        mask = columns < packing.offsets.diff().unsqueeze(1)
    return unpad(encoder.norm(dense_blocks(encoder.blocks, pad(x, packing), mask)), packing)


def full(encoder: VisionTransformer, frames: Tensor, packing: Packing) -> Tensor:
    """The same through every token of the grid."""
    assert encoder.positions is not None
    everything = Packing.full(packing.batch, packing.grid, frames.device)
    x = encoder.patches(frames, everything) + encoder.positions(everything.position)
    keep = torch.zeros(packing.batch * packing.grid, dtype=torch.bool, device=x.device)
    keep = keep.index_fill(0, packing.index, value=True).view(packing.batch, -1)
    x = encoder.norm(dense_blocks(encoder.blocks, x.view(*keep.shape, -1), keep))
    return x.flatten(0, 1).index_select(0, packing.index)


def dense_blocks(blocks: nn.ModuleList, x: Tensor, keep: Tensor | None) -> Tensor:
    """The blocks on ``(b, length, d)`` with masked keys."""
    mask = None if keep is None else keep[:, None, None, :]
    for block in blocks:
        assert isinstance(block, Block)
        heads = block.qkv(block.norm1(x)).unflatten(-1, (3, block.heads, -1))
        q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + block.proj(attended.transpose(1, 2).flatten(2))
        x = x + block.fc2(F.gelu(block.fc1(block.norm2(x))))
    return x


ENCODE: dict[str, Encode] = {"packed": packed, "padded": padded, "full": full}


def step(way: str, encoder: VisionTransformer, frames: Tensor, packing: Packing) -> Tensor:
    """Forward and backward of a loss over the kept tokens; returns the latents."""
    encoder.zero_grad()
    enabled = frames.device.type == "cuda"
    with torch.autocast(frames.device.type, torch.bfloat16, enabled=enabled):
        tokens = ENCODE[way](encoder, frames, packing)
    (tokens.float() * tokens.detach().float().roll(1, 0)).mean().backward()
    return tokens.detach()


def check_parity(encoder: VisionTransformer, frames: Tensor, packing: Packing) -> None:
    """Fail unless all ways give the same latents and gradients."""
    results = []
    for way in WAYS:
        tokens = step(way, encoder, frames, packing)
        results.append(
            [tokens, *(p.grad.clone() for p in encoder.parameters() if p.grad is not None)]
        )
    atol = 2e-5 if frames.device.type == "cpu" else 5e-2
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            torch.testing.assert_close(a, b, atol=atol * max(1.0, a.abs().max().item()), rtol=1e-3)


def compare(
    encoder: VisionTransformer, frames: Tensor, packing: Packing, rounds: int
) -> dict[str, float]:
    """Seconds of each way and ratios to packed: CPU seconds on the CPU, wall seconds on CUDA."""
    check_parity(encoder, frames, packing)
    on_cpu = frames.device.type == "cpu"

    def run(way: str) -> None:
        step(way, encoder, frames, packing)
        if not on_cpu:
            torch.cuda.synchronize()

    taken = interleave({way: functools.partial(run, way) for way in WAYS}, rounds=rounds)
    mean = packing.total / packing.batch
    row = {way: taken[way].cpu if on_cpu else taken[way].wall for way in WAYS}
    for way in ("padded", "full"):
        paired = paired_ratio(taken[way], taken["packed"])
        row[f"over_{way}"] = paired if on_cpu else row[way] / row["packed"]
    row["bound_padded"] = packing.max_length / mean
    row["bound_full"] = packing.grid / mean
    return row


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lengths", nargs="+", default=list(LENGTHS), choices=list(LENGTHS))
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()

    torch.manual_seed(0)
    device = torch.device(args.device)
    sizes = {"depth": args.depth, "heads": args.heads, "frames": args.frames, "size": args.size}
    encoder = VisionTransformer(args.width, **sizes).to(device)
    shape = (args.batch, args.frames, args.size, args.size, 3)
    frames = torch.randint(0, 256, shape, generator=generator(0)).byte().to(device)

    table = {}
    for kind in args.lengths:
        packing = sample_packing(kind, args.batch, encoder.tokens).to(device)
        table[kind] = compare(encoder, frames, packing, args.rounds)
    columns = ("lengths", *WAYS, "x padded", "x full", "bound", "bound")
    rows = [[kind, *row.values()] for kind, row in table.items()]
    show("Seconds per step; packed is so many times faster", columns, rows)
    emit("ragged_attention", {"arguments": vars(args), "rows": table})


if __name__ == "__main__":
    main()
