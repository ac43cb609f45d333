"""From visible tokens to the latents of hidden ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jepakit.batch import TokenMasks
from jepakit.nn.attention import Kernel
from jepakit.nn.block import EPS, Block, recomputed
from jepakit.nn.flops import block_flops, linear_flops
from jepakit.nn.initial import initialise
from jepakit.nn.positions import positional_parts
from jepakit.nn.vit import VisionTransformer


@dataclass(frozen=True)
class Prediction:
    """What is expected of a clip.

    Attributes:
        target: latents of the hidden tokens, packed as ``masks.target``.
        context: latents of the visible tokens, packed as ``masks.context``; None unless predicted.
    """

    target: Float[Tensor, "m d"]
    context: Float[Tensor, "c d"] | None


class Predictor(nn.Module):
    """Visible tokens and mask tokens attend to each other; each mask token becomes a latent.

    A mask token is one learned vector for all places; where it is follows from the positions alone.

    V-JEPA 2, section 2.1, and 2.1 for levels, context and images. Differs: tokens are not sorted by
    position before the blocks, which changes nothing but the order of sums, and of the last block
    only what is asked for is computed.
    """

    def __init__(
        self,
        encoder: VisionTransformer,
        *,
        width: int = 384,
        depth: int = 12,
        heads: int = 12,
        mask_tokens: int = 1,
        hierarchy: bool = True,
        target_width: int | None = None,
        context: bool = False,
        kernel: Kernel = "auto",
    ) -> None:
        """Build the predictor on the encoder's grid, with the encoder's kind of positions.

        Args:
            encoder: whose latents come in and are predicted; it is only asked for its shape.
            width: the bottleneck.
            depth: number of blocks.
            heads: attention heads.
            mask_tokens: how many mask tokens there are to choose from; published files of 2.0 hold
                10 and of 2.1 8, of which training used the first.
            hierarchy: whether all levels of the encoder come in and are predicted, or the last.
            target_width: width of a predicted level, where the teacher is another encoder.
            context: whether latents of visible tokens are predicted too, by a head of their own.
            kernel: attention kernel, see :data:`jepakit.nn.attention.Kernel`.
        """
        super().__init__()
        self.width = width
        self.recompute = False
        self.hierarchy = hierarchy and len(encoder.levels) > 1
        levels = len(encoder.levels) if self.hierarchy else 1
        incoming, outgoing = levels * encoder.width, levels * (target_width or encoder.width)
        self.project: nn.Module = nn.Linear(incoming, width)
        if self.hierarchy:
            self.project = nn.Sequential(
                nn.Linear(incoming, encoder.width), nn.GELU(), nn.Linear(encoder.width, width)
            )
        self.mask_tokens = nn.Parameter(torch.zeros(mask_tokens, width))
        self.positions, self.rotary = positional_parts(
            encoder.position, width, heads=heads, grid=encoder.grid, patch=encoder.request.patch
        )
        self.images = encoder.images
        if self.images:
            self.video_embedding = nn.Parameter(torch.empty(width).normal_(std=1e-6))
            self.image_embedding = nn.Parameter(torch.empty(width).normal_(std=1e-6))
        self.blocks = nn.ModuleList(Block(width, heads, kernel=kernel) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.target_head = nn.Linear(width, outgoing)
        self.context_head = nn.Linear(width, outgoing) if context else None
        initialise(self)

    def forward(
        self,
        context: Float[Tensor, "c d"],
        masks: TokenMasks,
        *,
        mask_token: int = 0,
        image: bool = False,
    ) -> Prediction:
        """Predict from the encoder's ``context`` tokens, packed as ``masks.context``.

        Args:
            context: latents of the visible tokens; with several levels all of them side by side.
            masks: what is visible and what is hidden.
            mask_token: which mask token stands for the hidden ones.
            image: whether these are tokens of still images.
        """
        visible = self.project(context)
        hidden = self.mask_tokens[mask_token].expand(masks.target.total, -1)
        tokens = masks.join(visible, hidden.to(visible.dtype))
        if self.positions is not None:
            tokens = tokens + self.positions(masks.joint.position)
        if self.images:
            tokens = tokens + (self.image_embedding if image else self.video_embedding)
        rotation = None if self.rotary is None else self.rotary(masks.joint.position)
        run = recomputed if self.recompute else Block.__call__
        *most, last = self.blocks
        for block in most:
            tokens = run(block, tokens, masks.joint, rotation=rotation)
        if self.context_head is None:
            hidden = last(tokens, masks.joint, rotation=rotation, wanted=masks.target)
            return Prediction(self.target_head(self.norm(hidden)), None)
        visible, hidden = masks.part(last(tokens, masks.joint, rotation=rotation))
        return Prediction(
            self.target_head(self.norm(hidden)), self.context_head(self.norm(visible))
        )

    def compile_blocks(self, backend: str = "inductor") -> None:
        """Compile the dense parts of every block, see :meth:`VisionTransformer.compile_blocks`."""
        for block in self.modules():
            if isinstance(block, Block):
                block.compile_parts(backend)

    def flops(self, context: Sequence[int], target: Sequence[int]) -> float:
        """Model FLOPs of a forward pass with these many context and target tokens per sample."""
        lengths = [a + b for a, b in zip(context, target, strict=True)]
        linear = [part for part in self.project.modules() if isinstance(part, nn.Linear)]
        total = sum(linear_flops(p.in_features, p.out_features, sum(context)) for p in linear)
        outgoing = self.target_head.out_features
        total += linear_flops(self.width, outgoing, sum(target))
        if self.context_head is not None:
            total += linear_flops(self.width, outgoing, sum(context))
        return total + len(self.blocks) * block_flops(self.width, lengths)
