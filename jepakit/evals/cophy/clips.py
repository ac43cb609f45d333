"""Pixels of pairs, and the tokens that an encoder makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange, reduce, repeat
from jaxtyping import Float, UInt8
from torch import Tensor

from jepakit.batch import BatchRequest
from jepakit.data.coverage import coverage_of
from jepakit.data.shard_reader import ShardReader
from jepakit.evals.cophy.pairs import Pairs

KEPT_BYTES = 1 << 30  # of decoded pixels; more are decoded anew each time
SHRUNK = 4  # pixels, side of a patch of the pixel control

Tokenise = Callable[[UInt8[Tensor, "b t h w 3"]], Float[Tensor, "b n d"]]


@dataclass(frozen=True)
class PairFrames:
    """What may be seen of some pairs: all of ab, and the first frame of cd."""

    past: UInt8[Tensor, "b t h w 3"]
    start: UInt8[Tensor, "b h w 3"]


class PairClips:
    """Pixels of the pairs of a task.

    Args:
        reader: an opened split.
        pairs: pairs of it.
    """

    def __init__(self, reader: ShardReader, pairs: Pairs) -> None:
        self.reader, self.pairs = reader, pairs
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] | None = None
        if len(pairs) * int(np.prod(reader.form.shape)) * 3 <= KEPT_BYTES:
            self._kept = {}

    def frames(self, rows: Sequence[int]) -> PairFrames:
        """The pixels of some pairs.

        Raises:
            BadSample: a damaged clip.
        """
        found = [self._one(row) for row in rows]
        past, start = zip(*found, strict=True)
        return PairFrames(torch.from_numpy(np.stack(past)), torch.from_numpy(np.stack(start)))

    def batches(self, size: int) -> Iterator[PairFrames]:
        """All pairs in order."""
        for first in range(0, len(self.pairs), size):
            yield self.frames(range(first, min(first + size, len(self.pairs))))

    def _one(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        if self._kept is not None and row in self._kept:
            return self._kept[row]
        with self.reader.open(self.pairs.past_clips[row]) as stored:
            past = stored.frames()
        with self.reader.open(self.pairs.future_clips[row]) as stored:
            start = stored.frames(needed=slice(0, 1))[0].copy()
        if self._kept is not None:
            self._kept[row] = past, start
        return past, start


def pair_tokens(
    tokenise: Tokenise, frames: PairFrames, request: BatchRequest
) -> Float[Tensor, "b m d"]:
    """Tokens of ab, then one token per patch of the changed first frame.

    The first frame is shown as a clip in which nothing moves, whose tubelets are averaged.
    """
    tubelets = request.grid[0]
    still = repeat(frames.start, "b h w c -> b t h w c", t=request.frames)
    past, start = tokenise(torch.cat([frames.past, still])).float().chunk(2)
    return torch.cat([past, reduce(start, "b (tt n) d -> b n d", "mean", tt=tubelets)], dim=1)


def object_shares(
    reader: ShardReader, pairs: Pairs, request: BatchRequest
) -> Float[Tensor, "s g n k"] | None:
    """How the pixels of each object are spread over the tokens of each tubelet of ab, then of the
    changed frame; zeros where it is not seen. None where the data set does not say which masks are
    whose.
    """
    found = []
    for past, future in zip(pairs.past_clips, pairs.future_clips, strict=True):
        both = []
        for number, frames in ((past, slice(None)), (future, slice(0, 1))):
            with reader.open(number) as stored:
                table, labels = stored.meta["objects"], stored.labels()[frames]
            if not all("source_id" in entry for entry in table) or not table:
                return None
            tubelet = request.tubelet if number == past else 1
            cover = coverage_of(labels, len(table), patch=request.patch, tubelet=tubelet)
            rows = np.zeros((pairs.present.shape[1], *cover.shape[1:]), np.float32)
            rows[[entry["source_id"] - 1 for entry in table]] = cover
            both.append(rearrange(rows, "k tt h w -> tt (h w) k"))
        found.append(np.concatenate(both))
    shares = torch.from_numpy(np.stack(found))
    return shares / shares.sum(dim=2, keepdim=True).clamp(min=1)


def pixel_tokens(request: BatchRequest) -> Tokenise:
    """The pixels of each token, patches shrunk to 4 x 4, from 0 to 1."""
    side = min(SHRUNK, request.patch)

    def tokenise(frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b n d"]:
        clips = frames.shape[0]
        images = rearrange(frames, "b t h w c -> (b t) c h w").float() / 255
        shape = (request.grid[1] * side, request.grid[2] * side)
        small = torch.nn.functional.adaptive_avg_pool2d(images, shape)
        return rearrange(
            small,
            "(b tt ti) c (hh p) (ww q) -> b (tt hh ww) (ti p q c)",
            b=clips,
            ti=request.tubelet,
            p=side,
            q=side,
        )

    return tokenise


@torch.inference_mode()
def all_tokens(
    tokenise: Tokenise,
    clips: PairClips,
    request: BatchRequest,
    *,
    batch_size: int,
    device: torch.device,
    advance: Callable[[int], None] | None = None,
) -> Float[Tensor, "s m d"]:
    """Tokens of every pair, in the host's memory.

    Raises:
        ValueError: tokens that are not finite.
    """
    parts = []
    for frames in clips.batches(batch_size):
        there = PairFrames(frames.past.to(device), frames.start.to(device))
        parts.append(pair_tokens(tokenise, there, request).cpu())
        if not parts[-1].isfinite().all():
            raise ValueError("The encoder's tokens are not finite.")
        if advance:
            advance(len(frames.start))
    return torch.cat(parts).clone()
