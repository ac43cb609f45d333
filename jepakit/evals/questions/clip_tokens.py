"""A few frozen tokens of every clip, by encoders and of the pixels, each clip decoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from jepakit.batch import BatchRequest
from jepakit.data.shard_reader import ShardReader
from jepakit.data.views import Views
from jepakit.evals.probes.controls import reduce_pixels
from jepakit.protocols import Encoder

Tokeniser = Callable[[UInt8[Tensor, "b t h w 3"]], Tensor]
FITTED_ROWS = 20_000
"""Tokens that the principal components of the pixels are fitted on, at most."""


def pooled_grid(grid: tuple[int, int, int], side: int) -> tuple[int, int, int]:
    """Tubelets, rows and columns that are left of a token grid, at most ``side`` in space.

    Raises:
        ValueError: no token would be left.
    """
    if side < 1:
        raise ValueError(f"At least 1 token per row and column is kept, got {side}.")
    return grid[0], min(side, grid[1]), min(side, grid[2])


def encoder_tokens(encoder: Encoder, side: int) -> Tokeniser:
    """Tokens averaged over space to at most ``side`` x ``side`` for each tubelet, float16."""
    grid = encoder.request.grid
    tt, rows, columns = pooled_grid(grid, side)

    def tokenise(frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b n d"]:
        tokens = encoder.encode(frames).float()
        dense = rearrange(tokens, "b (tt hh ww) d -> (b tt) d hh ww", tt=tt, hh=grid[1])
        small = functional.adaptive_avg_pool2d(dense, (rows, columns))
        return rearrange(small, "(b tt) d hh ww -> b (tt hh ww) d", tt=tt).half()

    return tokenise


def pixel_tokens(request: BatchRequest, side: int, *, pixels: int = 4) -> Tokeniser:
    """The pixels of each token's place, shrunk to ``pixels`` x ``pixels`` in every frame, uint8."""
    tt, hh, ww = pooled_grid(request.grid, side)

    def tokenise(frames: UInt8[Tensor, "b t h w 3"]) -> UInt8[Tensor, "b n d"]:
        images = rearrange(frames, "b t h w c -> (b t) c h w").float()
        small = functional.adaptive_avg_pool2d(images, (hh * pixels, ww * pixels))
        return rearrange(
            small.round().to(torch.uint8),
            "(b tt f) c (hh p) (ww q) -> b (tt hh ww) (f p q c)",
            b=len(frames),
            tt=tt,
            hh=hh,
            ww=ww,
        )

    return tokenise


def clip_tokens(
    reader: ShardReader,
    numbers: Sequence[int],
    request: BatchRequest,
    tokenisers: Mapping[str, Tokeniser],
    *,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    told: Callable[[int], None] | None = None,
) -> dict[str, Tensor]:
    """Tokens ``(n, tokens, d)`` of the clips with these numbers, by tokeniser, on the host.

    Args:
        reader: of the data set.
        numbers: of the clips.
        request: the clips that the encoders take.
        tokenisers: uint8 frames to tokens.
        batch_size: clips per forward pass.
        device: where the tokenisers live.
        told: is called with the number of clips that are done more.

    Raises:
        ValueError: clips of another size, or tokens that are not finite (clips are named).
    """
    views = Views(reader.form, request, random=False)
    rows: dict[str, list[Tensor]] = {name: [] for name in tokenisers}
    with torch.inference_mode():
        for keys, frames in _frames(reader, numbers, views, batch_size):
            for name, tokenise in tokenisers.items():
                tokens = tokenise(frames.to(device)).cpu()
                _check_finite(name, tokens, keys)
                rows[name].append(tokens)
            if told:
                told(len(keys))
    return {name: torch.cat(parts) for name, parts in rows.items()}


def reduce_pixel_tokens(
    tokens: UInt8[Tensor, "n tokens d"], trained_on: Sequence[int], *, width: int, seed: int = 0
) -> Float[Tensor, "n tokens kept"]:
    """At most ``width`` principal components of the tokens, fitted on clips ``trained_on``."""
    clips, length, _ = tokens.shape
    rows = np.asarray(trained_on)[:, None] * length + np.arange(length)
    fitted = np.random.default_rng(seed).permutation(rows.ravel())[:FITTED_ROWS]
    reduced = reduce_pixels(tokens.flatten(0, 1).numpy(), fitted, width=width, seed=seed)
    return torch.from_numpy(reduced).unflatten(0, (clips, length)).half()


def _frames(
    reader: ShardReader, numbers: Sequence[int], views: Views, size: int
) -> Iterator[tuple[list[str], UInt8[Tensor, "b t h w 3"]]]:
    for start in range(0, len(numbers), size):
        keys, clips = [], []
        for number in numbers[start : start + size]:
            with reader.open(number) as stored:
                view = views.choose(0, stored.key)
                clips.append(np.ascontiguousarray(view.cut(stored.frames())))
                keys.append(stored.key)
        yield keys, torch.from_numpy(np.stack(clips))


def _check_finite(name: str, tokens: Tensor, keys: Sequence[str]) -> None:
    fine = tokens.isfinite().flatten(1).all(dim=1).tolist()
    if not all(fine):
        bad = [key for key, good in zip(keys, fine, strict=True) if not good]
        raise ValueError(f"Tokens '{name}' are not finite for {bad[:5]} ({len(bad)} clips).")
