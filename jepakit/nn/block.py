"""One pre-norm transformer block on packed tokens, with named intermediates."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from jepakit.batch import Packing
from jepakit.nn.attention import Kernel, attend
from jepakit.nn.edits import Tap
from jepakit.nn.ragged import rows_of
from jepakit.nn.rotary import Rotation, rotate

EPS = 1e-6


class Block(nn.Module):
    """``x + attention(norm x)``, then ``x + mlp(norm x)``; with ``cross``, cross-attention between.

    Biases everywhere, MLP ``fc2(gelu(fc1 x))`` with the exact (erf) GELU.
    Names of the intermediates: ``q``, ``k`` and ``v`` of the self-attention (all heads side by
    side, before they are turned), ``attn``, ``cross`` (with ``cross=True``), ``mlp.hidden`` (after
    the GELU), ``mlp``, ``out`` (the residual stream after the block). ``attn``, ``cross`` and
    ``mlp`` are what is added to the stream.

    The forward pass is three dense parts around the attention calls: ``_enter``, ``_between`` (only
    with ``cross``) and ``_leave``. Only they are compiled, see :meth:`compile_parts`.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        mlp_ratio: float = 4.0,
        kernel: Kernel = "auto",
        cross: bool = False,
        eps: float = EPS,
    ) -> None:
        """Set up weights with PyTorch's defaults; see :func:`jepakit.nn.initial.initialise`.

        Args:
            width: width of a token.
            heads: attention heads.
            mlp_ratio: hidden width of the MLP over ``width``.
            kernel: attention kernel, see :data:`jepakit.nn.attention.Kernel`.
            cross: whether tokens also attend to a context.
            eps: of the LayerNorms.

        Raises:
            ValueError: ``width`` is not a multiple of ``heads``.
        """
        super().__init__()
        if width % heads:
            raise ValueError(f"width ({width}) must be a multiple of heads ({heads}).")
        self.heads = heads
        self.kernel: Kernel = kernel
        self.cross = cross
        self.backend: str | None = None
        hidden = round(width * mlp_ratio)
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        if cross:
            self.norm_query = nn.LayerNorm(width, eps=eps)
            self.norm_context = nn.LayerNorm(width, eps=eps)
            self.cross_q = nn.Linear(width, width)
            self.cross_kv = nn.Linear(width, 2 * width)
            self.cross_proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the intermediates, in the order in which they are computed."""
        return block_names(cross=self.cross)

    @property
    def outputs(self) -> tuple[nn.Linear, ...]:
        """The projections that write to the residual stream."""
        cross = (self.cross_proj,) if self.cross else ()
        return (self.proj, *cross, self.fc2)

    def forward(
        self,
        x: Float[Tensor, "total d"],
        packing: Packing,
        *,
        context: Float[Tensor, "c d"] | None = None,
        context_packing: Packing | None = None,
        rotation: Rotation | None = None,
        wanted: Packing | None = None,
        tap: Tap | None = None,
    ) -> Float[Tensor, "wanted d"]:
        """Process the tokens of every sample.

        Args:
            x: packed tokens.
            packing: their layout.
            context: packed tokens to attend to; required with ``cross``, refused without.
            context_packing: layout of ``context``.
            rotation: turns queries and keys of the self-attention by their tokens' positions.
            wanted: which tokens to return; all attend to all, but the rest of the block runs on
                these alone. All tokens by default.
            tap: sees, and may change, the intermediates in ``names``.

        Raises:
            ValueError: context given to a block without ``cross``, or missing.
        """
        if self.cross != (context is not None) or self.cross != (context_packing is not None):
            raise ValueError(
                f"A block with cross={self.cross} "
                + ("needs context and context_packing." if self.cross else "takes no context.")
            )
        q, k, v = self._part("_enter", tap)(x, rotation, tap)
        if wanted is None:
            attended = attend(q, k, v, packing, kernel=self.kernel)
        else:
            rows = rows_of(packing, wanted)
            x, q = x.index_select(0, rows), q.index_select(0, rows)
            attended = attend(q, k, v, wanted, packing, kernel=self.kernel)
            packing = wanted
        if self.cross:
            x, q, k, v = self._part("_between", tap)(x, attended, context, tap)
            attended = attend(q, k, v, packing, context_packing, kernel=self.kernel)
        return self._part("_leave", tap)(x, attended, tap)

    def compile_parts(self, backend: str = "inductor") -> None:
        """Run the dense parts through ``torch.compile``; passes with a tap stay eager."""
        self.backend = backend

    def _part(self, name: str, tap: Tap | None) -> Callable[..., Any]:
        if self.backend is None or tap is not None:
            return getattr(self, name)
        return functools.partial(_compiled(name, self.backend), self)

    def _heads(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        return x.unflatten(-1, (parts, self.heads, -1)).unbind(1)

    def _enter(
        self, x: Tensor, rotation: Rotation | None, tap: Tap | None = None
    ) -> tuple[Tensor, ...]:
        qkv = self.qkv(self.norm1(x))
        if tap is not None:
            qkv = _tapped_projections(tap, qkv)
        if rotation is None:
            return self._heads(qkv, 3)
        qk, v = qkv.unflatten(-1, (3, self.heads, -1)).split([2, 1], dim=1)
        return (*rotate(qk, rotation).unbind(1), v.squeeze(1))

    def _between(
        self, x: Tensor, attended: Tensor, context: Tensor, tap: Tap | None
    ) -> tuple[Tensor, ...]:
        x = x + _tapped(tap, "attn", self.proj(attended.flatten(1)))
        q = self._heads(self.cross_q(self.norm_query(x)), 1)
        kv = self._heads(self.cross_kv(self.norm_context(context)), 2)
        return (x, *q, *kv)

    def _leave(self, x: Tensor, attended: Tensor, tap: Tap | None) -> Tensor:
        name, proj = ("cross", self.cross_proj) if self.cross else ("attn", self.proj)
        x = x + _tapped(tap, name, proj(attended.flatten(1)))
        hidden = _tapped(tap, "mlp.hidden", F.gelu(self.fc1(self.norm2(x))))
        x = x + _tapped(tap, "mlp", self.fc2(hidden))
        return _tapped(tap, "out", x)


def block_names(*, cross: bool = False) -> tuple[str, ...]:
    """Names of a block's intermediates, in the order in which they are computed."""
    return ("q", "k", "v", "attn", *(("cross",) if cross else ()), "mlp.hidden", "mlp", "out")


def recomputed(block: nn.Module, x: Tensor, packing: Packing, **named: Any) -> Tensor:
    """A block that keeps its input alone and runs again in the backward pass: memory for time."""
    if not torch.is_grad_enabled():
        return block(x, packing, **named)
    return checkpoint(block, x, packing, use_reentrant=False, **named)


def _tapped(tap: Tap | None, name: str, x: Tensor) -> Tensor:
    return x if tap is None else tap(name, x)


def _tapped_projections(tap: Tap, qkv: Tensor) -> Tensor:
    """Queries, keys and values, side by side again where one is edited or gradients are wanted."""
    parts = qkv.chunk(3, dim=-1)
    seen = [tap(name, part) for name, part in zip("qkv", parts, strict=True)]
    edited = any(new is not old for new, old in zip(seen, parts, strict=True))
    return torch.cat(seen, dim=-1) if edited or torch.is_grad_enabled() else qkv


@functools.cache
def _compiled(name: str, backend: str) -> Callable[..., Any]:
    # Compiled as a function of the block, not as a bound method: parameters are then inputs of one
    # graph that all blocks share, and a copied block (an EMA teacher) runs its own weights.
    return torch.compile(getattr(Block, name), dynamic=True, backend=backend)
