"""From visible tokens to the latents of hidden objects and to what their removal changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jepakit.batch import TokenMasks
from jepakit.nn.attention import Kernel
from jepakit.nn.block import EPS, Block
from jepakit.nn.flops import block_flops, linear_flops
from jepakit.nn.initial import initialise
from jepakit.nn.positions import PositionEmbedding

Wiring = Literal["joint", "cross"]


@dataclass(frozen=True)
class Prediction:
    """What the predictor says.

    Attributes:
        target: latent of each hidden token.
        residual: change ``s_full - s_int`` of each visible token.
    """

    target: Float[Tensor, "m d"]
    residual: Float[Tensor, "c d"]


class Predictor(nn.Module):
    """A narrow transformer with two heads (Causal-JEPA, section 4.3).

    A mask token is one learned vector, plus its position, plus the embedding of its object's slot:
    tokens of one object are known to belong together, and slots are dealt anew for each sample so
    that none comes to mean an object.

    ``joint`` wiring: context and mask tokens of a sample attend to each other. ``cross``: mask
    tokens attend among themselves, then to the context. There the context is never updated,
    so that one last block lets it read the mask tokens before the residual head; the paper
    leaves this open.

    Args:
        encoder_width: width of the encoder's latents, ``D``.
        grid: tubelets, rows and columns of the token grid.
        width: the bottleneck, ``P``.
        depth: number of blocks.
        heads: attention heads.
        wiring: ``joint`` or ``cross``.
        slots: how many hidden regions a sample can have at most.
        mlp_ratio: hidden width of the MLPs in units of ``width``.
        kernel: attention kernel, see :data:`jepakit.nn.attention.Kernel`.
    """

    def __init__(
        self,
        encoder_width: int,
        grid: tuple[int, int, int],
        *,
        width: int = 384,
        depth: int = 6,
        heads: int = 8,
        wiring: Wiring = "joint",
        slots: int = 16,
        mlp_ratio: float = 4.0,
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__()
        self.wiring = wiring
        self.width = width
        self.mlp_ratio = mlp_ratio
        cross = wiring == "cross"
        self.project = nn.Linear(encoder_width, width)
        self.mask_token = nn.Parameter(torch.zeros(width))
        self.slot_embedding = nn.Embedding(slots, width)
        self.positions = PositionEmbedding(width, grid=grid)

        def block() -> Block:
            return Block(width, heads, mlp_ratio=mlp_ratio, kernel=kernel, cross=cross)

        self.blocks = nn.ModuleList(block() for _ in range(depth))
        self.readback = block() if cross else None
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.target_head = nn.Linear(width, encoder_width)
        self.residual_head = nn.Linear(width, encoder_width)
        initialise(self)
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        nn.init.trunc_normal_(self.slot_embedding.weight, std=0.02)

    def forward(self, context: Float[Tensor, "c d"], masks: TokenMasks) -> Prediction:
        """Predict from the encoder's ``context`` tokens, packed as ``masks.context``."""
        visible = self.project(context) + self.positions(masks.context.position)
        hidden = (
            self.mask_token
            + self.positions(masks.target.position)
            + self.slot_embedding(masks.slot)
        )
        mix = self._joint if self.readback is None else self._cross
        visible, hidden = mix(visible, hidden, masks)
        return Prediction(
            target=self.target_head(self.norm(hidden)),
            residual=self.residual_head(self.norm(visible)),
        )

    def _joint(self, visible: Tensor, hidden: Tensor, masks: TokenMasks) -> tuple[Tensor, Tensor]:
        tokens = masks.join(visible, hidden)
        for block in self.blocks:
            tokens = block(tokens, masks.joint)
        return masks.part(tokens)

    def _cross(self, visible: Tensor, hidden: Tensor, masks: TokenMasks) -> tuple[Tensor, Tensor]:
        assert self.readback is not None
        for block in self.blocks:
            hidden = block(hidden, masks.target, context=visible, context_packing=masks.context)
        visible = self.readback(
            visible, masks.context, context=hidden, context_packing=masks.target
        )
        return visible, hidden

    def freeze_residual(self) -> None:
        """Take what only the residual needs out of training; DDP refuses parameters without use."""
        for part in (self.residual_head, self.readback):
            if part is not None:
                part.requires_grad_(requires_grad=False)

    def compile_blocks(self, backend: str = "inductor") -> None:
        """Compile the dense parts of every block, see :meth:`VisionTransformer.compile_blocks`."""
        for block in self.modules():
            if isinstance(block, Block):
                block.compile_parts(backend)

    def flops(self, context: Sequence[int], target: Sequence[int]) -> float:
        """Model FLOPs of a forward pass with these many context and target tokens per sample."""
        inputs, outputs = self.project.in_features, self.target_head.out_features
        tokens = sum(context) + sum(target)
        heads = linear_flops(inputs, self.width, sum(context))
        heads += linear_flops(self.width, outputs, tokens)
        if self.readback is None:
            lengths = [a + b for a, b in zip(context, target, strict=True)]
            return heads + len(self.blocks) * block_flops(
                self.width, lengths, mlp_ratio=self.mlp_ratio
            )
        one = partial(block_flops, self.width, mlp_ratio=self.mlp_ratio)
        crossing = len(self.blocks) * one(target, context_lengths=context)
        return heads + crossing + one(context, context_lengths=target)
