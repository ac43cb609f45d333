"""Attentive pooling: learned queries read a clip's tokens, and a linear layer reads the queries."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from jepakit.batch import Packing
from jepakit.nn.attention import Kernel, attend
from jepakit.nn.block import Block
from jepakit.nn.initial import initialise


class AttentivePooler(nn.Module):
    """``blocks`` self-attention blocks over the tokens, then cross-attention from learned queries.

    With ``q`` the queries and ``x`` the tokens after the blocks::

        q = q + attention(W_q q, W_kv norm x)
        q = q + mlp(norm q)

    The queries enter attention without a norm, and what they read is added without an output
    projection. Nothing but the blocks mixes tokens and there is no position: a pooler without
    blocks does not see the order of the tokens.

    Source: V-JEPA 2, ``AttentivePooler``. Its ``depth`` counts the cross-attention too, so depth 4
    is ``blocks=3``; its norms have eps 1e-5, those of the copy in Hugging Face transformers 1e-6.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int = 16,
        blocks: int = 3,
        queries: int = 1,
        mlp_ratio: float = 4.0,
        eps: float = 1e-5,
        kernel: Kernel = "auto",
    ) -> None:
        """Build the pooler; weights as in :func:`jepakit.nn.initial.initialise`.

        Args:
            width: width of a token.
            heads: attention heads, of the blocks and of the queries.
            blocks: self-attention blocks before the queries read.
            queries: learned queries, one pooled vector each.
            mlp_ratio: hidden width of the MLPs over ``width``.
            eps: of all LayerNorms.
            kernel: attention kernel, see :data:`jepakit.nn.attention.Kernel`.

        Raises:
            ValueError: ``width`` is not a multiple of ``heads``, or there is no query.
        """
        super().__init__()
        if width % heads:
            raise ValueError(f"width ({width}) must be a multiple of heads ({heads}).")
        if queries < 1:
            raise ValueError(f"A pooler needs at least 1 query, got {queries}.")
        hidden = round(width * mlp_ratio)
        self.heads = heads
        self.kernel: Kernel = kernel
        self.query_tokens = nn.Parameter(torch.empty(queries, width))
        self.blocks = nn.ModuleList(
            Block(width, heads, mlp_ratio=mlp_ratio, kernel=kernel, eps=eps) for _ in range(blocks)
        )
        self.norm_context = nn.LayerNorm(width, eps=eps)
        self.cross_q = nn.Linear(width, width)
        self.cross_kv = nn.Linear(width, 2 * width)
        self.norm = nn.LayerNorm(width, eps=eps)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        initialise(self)
        nn.init.trunc_normal_(self.query_tokens, std=0.02, a=-0.04, b=0.04)
        # As there: the number of the last block, not one more.
        self.fc2.weight.data.div_(math.sqrt(2 * max(blocks, 1)))

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b q d"]:
        """One vector per query and sample.

        Raises:
            ValueError: tokens of another width, or samples without tokens.
        """
        queries, width = self.query_tokens.shape
        batch, length, given = tokens.shape
        if given != width or length < 1:
            raise ValueError(
                f"Expected at least 1 token of width {width} per sample, got the shape "
                f"{tuple(tokens.shape)}."
            )
        packing = Packing.full(batch, length, tokens.device)
        x = tokens.flatten(0, 1)
        for block in self.blocks:
            x = block(x, packing)
        q = self.query_tokens.expand(batch, -1, -1).flatten(0, 1)
        asked = self.cross_q(q).unflatten(-1, (self.heads, -1))
        k, v = self.cross_kv(self.norm_context(x)).unflatten(-1, (2, self.heads, -1)).unbind(1)
        asking = Packing.full(batch, queries, tokens.device)
        q = q + attend(asked, k, v, asking, packing, kernel=self.kernel).flatten(1)
        q = q + self.fc2(F.gelu(self.fc1(self.norm(q))))
        return q.unflatten(0, (batch, queries))


class AttentiveClassifier(nn.Module):
    """An attentive pooler with one query, and a linear layer: logits of a clip's class.

    Source: V-JEPA 2, ``AttentiveClassifier``.
    """

    def __init__(
        self,
        width: int,
        classes: int,
        *,
        heads: int = 16,
        blocks: int = 3,
        mlp_ratio: float = 4.0,
        eps: float = 1e-5,
    ) -> None:
        """Build the probe; arguments as for :class:`AttentivePooler`.

        Args:
            width: width of a token.
            classes: number of classes.
            heads: attention heads.
            blocks: self-attention blocks before the query reads.
            mlp_ratio: hidden width of the MLPs over ``width``.
            eps: of all LayerNorms.
        """
        super().__init__()
        self.pooler = AttentivePooler(
            width, heads=heads, blocks=blocks, mlp_ratio=mlp_ratio, eps=eps
        )
        self.head = nn.Linear(width, classes)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b classes"]:
        """Logits of every sample."""
        return self.head(self.pooler(tokens).squeeze(1))
