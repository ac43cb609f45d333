"""Attention between frames: a token sees its own frame and earlier ones, kept or at hand."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from jepakit.nn.block import Block
from jepakit.nn.rotary import Pairing, Rotation, rotation_at


class Kept(NamedTuple):
    """Keys and values of earlier tokens in one block, already turned by their positions."""

    keys: Float[Tensor, "b heads s dim"]
    values: Float[Tensor, "b heads s dim"]


@dataclass(frozen=True)
class Past:
    """What the blocks keep of the frames before, so that an imagined step costs one frame.

    Row ``i`` of a batch continues row ``i // copies`` of what is shared: the candidates of a
    planner have one past, which is kept once.

    Attributes:
        frames: frames so far; the next one has this time.
        shared: of each block, what ``copies`` rows have in common; empty without it.
        own: of each block, what every row has for itself; empty at the beginning.
        copies: rows to one shared row.
    """

    frames: int = 0
    shared: tuple[Kept, ...] = ()
    own: tuple[Kept, ...] = ()
    copies: int = 1

    @property
    def tokens(self) -> int:
        """Tokens of a row that are kept."""
        return sum(kept[0].keys.shape[2] for kept in (self.shared, self.own) if kept)

    def repeat(self, samples: int) -> Past:
        """The past of ``samples`` rows for each row, side by side."""
        if not self.shared:
            return replace(self, shared=self.own, own=(), copies=samples)
        own = tuple(Kept(*(x.repeat_interleave(samples, dim=0) for x in kept)) for kept in self.own)
        return replace(self, own=own, copies=self.copies * samples)

    def grown(self, block: int, keys: Tensor, values: Tensor) -> Kept:
        """What every row of a block has for itself, with the keys and values of new frames."""
        new = Kept(keys, values)
        if not self.own:
            return new
        pairs = zip(self.own[block], new, strict=True)
        return Kept(*(torch.cat([*two], dim=2) for two in pairs))

    def seen(self, block: int, own: Kept) -> Kept:
        """What rows that have ``own`` see: that, behind what they share."""
        if not self.shared:
            return own
        copies = self.copies
        parts = [
            Kept(*(x.unsqueeze(1).expand(-1, copies, -1, -1, -1) for x in self.shared[block])),
            Kept(*(x.unflatten(0, (-1, copies)) for x in own)),
        ]
        return Kept(*(torch.cat([*same], dim=3).flatten(0, 1) for same in zip(*parts, strict=True)))

    def extended(self, own: tuple[Kept, ...], frames: int, keep: int | None) -> Past:
        """The past after ``frames`` more.

        Args:
            own: of each block, see :meth:`grown`.
            frames: new ones.
            keep: most tokens of a row that are kept; all by default.
        """
        shared = self.shared
        if keep is not None:
            own = _last(own, keep)
            shared = _last(shared, keep - own[0].keys.shape[2] if own else 0)
        return Past(self.frames + frames, shared, own, self.copies if shared else 1)


SHORT = 1024  # pairs of a query and a key in a head; a fused kernel would pad them manifold


def frame_attention(
    q: Float[Tensor, "b heads s dim"],
    keys: Float[Tensor, "b heads past_s dim"],
    values: Float[Tensor, "b heads past_s dim"],
    mask: Bool[Tensor, "s past_s"] | None,
) -> Float[Tensor, "b heads s dim"]:
    """Scaled dot-product attention.

    Thousands of candidates with a few tokens each are plain matrix products on a GPU: fused kernels
    work on tiles of 64 queries and more, of which four would be used.
    """
    few = q.shape[2] * keys.shape[2] <= SHORT
    if q.device.type == "cpu" or mask is not None or not few or torch.is_grad_enabled():
        return F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)
    return plain_attention(q, keys, values)


def plain_attention(
    q: Float[Tensor, "b heads s dim"],
    keys: Float[Tensor, "b heads past_s dim"],
    values: Float[Tensor, "b heads past_s dim"],
) -> Float[Tensor, "b heads s dim"]:
    """``softmax(q k' / sqrt(dim)) v`` as two matrix products."""
    scores = (q * q.shape[-1] ** -0.5) @ keys.mT
    return scores.softmax(dim=-1).to(values.dtype) @ values


def _last(kept: tuple[Kept, ...], tokens: int) -> tuple[Kept, ...]:
    if not kept or tokens <= 0:
        return ()
    return tuple(Kept(*(x[:, :, -tokens:] for x in block)) for block in kept)


class FrameBlock(Block):
    """A block for samples of equal length, of whose tokens a mask tells who sees whom."""

    def masked(
        self,
        x: Float[Tensor, "total d"],
        rotation: Rotation,
        past: Past,
        number: int,
        mask: Bool[Tensor, "s past_s"] | None,
        context: Float[Tensor, "bt c d"] | None,
        batch: int,
    ) -> tuple[Float[Tensor, "total d"], Kept]:
        """The tokens of ``batch`` samples, one sample after the other, and what to keep of them.

        Args:
            x: tokens.
            rotation: of their positions.
            past: of all blocks.
            number: of this block.
            mask: who sees whom of the past and of these; everyone all without one.
            context: tokens of each frame for the cross-attention of a block that has one.
            batch: samples.
        """
        q, k, v = (_apart(part, batch) for part in self._part("_enter", None)(x, rotation))
        own = past.grown(number, k, v)
        found = frame_attention(q, *past.seen(number, own), mask)
        found = _together(found)
        if context is not None:
            parts = self._part("_between", None)(x, found, context.flatten(0, 1), None)
            x = parts[0]
            q, k_c, v_c = (_apart(part, len(context)) for part in parts[1:])
            found = _together(F.scaled_dot_product_attention(q, k_c, v_c))
        return self._part("_leave", None)(x, found, None), own


def _apart(x: Float[Tensor, "total heads dim"], batch: int) -> Float[Tensor, "b heads s dim"]:
    return x.unflatten(0, (batch, -1)).transpose(1, 2)


def _together(x: Float[Tensor, "b heads s dim"]) -> Float[Tensor, "total heads dim"]:
    return x.transpose(1, 2).flatten(0, 1)


# Kept tensors are made outside of inference mode, whose tensors no backward pass may use later.
@functools.lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def frame_causal_mask(
    frames: int,
    tokens: int,
    device: torch.device,
    *,
    past: int = 0,
    memory: int | None = None,
) -> Bool[Tensor, "s past_s"]:
    """True where a token (row) sees another (column): one of its own or of an earlier frame.

    Args:
        frames: new frames, whose tokens are the rows.
        tokens: of a frame.
        device: of the mask.
        past: frames before them, whose tokens are the first columns.
        memory: frames that a token sees, its own included; all by default.
    """
    row = torch.arange(past, past + frames, device=device).repeat_interleave(tokens).unsqueeze(1)
    column = torch.arange(past + frames, device=device).repeat_interleave(tokens)
    mask = row >= column
    return mask if memory is None else mask & (row - column < memory)


@functools.lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def frame_rotation(
    frames: int,
    lead: int,
    grid: tuple[int, int],
    dim: int,
    pairing: Pairing,
    device: torch.device,
    *,
    start: int = 0,
) -> Rotation:
    """Factors of ``lead`` conditions, then patches, of every frame; conditions turn by time alone.

    A patch turns with (time, row, column), where columns are stretched to span as many positions as
    there are rows, ``column * rows / columns``; on a square grid all are token numbers. Times count
    from ``start``.
    """
    rows, columns = grid
    time, row, column = (torch.arange(n).double() for n in (frames, rows, columns))
    time = time + start
    axes = torch.meshgrid(time, row, column * (rows / columns), indexing="ij")
    patches = torch.stack(axes, dim=-1).flatten(1, 2)
    first = F.pad(time.view(-1, 1, 1), (0, 2)).expand(-1, lead, -1)
    place = torch.cat([first, patches], dim=1).flatten(0, 1)
    cos, sin = rotation_at(place, dim, pairing=pairing)
    return Rotation(cos.to(device), sin.to(device))
