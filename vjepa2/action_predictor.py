"""From the frames so far, and what was done in each, to the latents of the next frame."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from jepakit.nn.block import EPS, Block
from jepakit.nn.flops import attention_flops, block_flops, linear_flops
from jepakit.nn.initial import initialise
from jepakit.nn.rotary import Pairing, Rotation, rotation_at
from vjepa2.frame_attention import FrameBlock, Kept, Past, frame_causal_mask, frame_rotation

Fusion = Literal["concat", "add", "cross"]
"""How conditions reach the patches of their frame.

``concat``: as further tokens of the frame (V-JEPA 2-AC). ``add``: added to every patch token.
``cross``: patch tokens attend to them in every block.
"""


class ActionPredictor(nn.Module):
    """Tokens of a frame are its conditions, one each, and its patches; they see no later frame.

    The output at frame ``t`` is the expected latents of frame ``t + 1``.

    Source: V-JEPA 2, section 3 (V-JEPA 2-AC), and the released code. Differs: any named conditions
    rather than those of one robot arm; a mask of the frames at hand, where the released code fills
    one for the longest clip; rotary factors as in :class:`jepakit.nn.rotary.RotaryEmbedding`; what
    enters a token starts at unit scale, since an action of two numbers would be lost beside latents
    of a thousand at a standard deviation of 0.02.
    """

    def __init__(
        self,
        latent_width: int,
        conditions: dict[str, int],
        grid: tuple[int, int] = (16, 16),
        *,
        unused: Sequence[str] = (),
        width: int = 1024,
        depth: int = 24,
        heads: int = 16,
        mlp_ratio: float = 4.0,
        pairing: Pairing = "tiled",
        fusion: Fusion = "concat",
        memory: int | None = None,
        residual: bool = False,
    ) -> None:
        """Build the predictor.

        Args:
            latent_width: width of a latent of the frozen encoder.
            conditions: numbers in each signal of a frame, by name and in the order of their tokens;
                as released: ``{"action": 7, "state": 7, "extrinsics": 6}``.
            grid: rows and columns of a frame's patches.
            unused: conditions that have weights, which are frozen, but no token: released files
                hold those of ``extrinsics`` though training went without.
            width: of a token.
            depth: number of blocks.
            heads: attention heads.
            mlp_ratio: hidden width of the MLPs over ``width``.
            pairing: of rotary positions; released weights need ``tiled``.
            fusion: see :data:`Fusion`; released weights need ``concat``.
            memory: frames that a token sees, its own included; all before it by default. With a
                memory and ``interleaved`` positions, imagination may go on beyond the windows of
                training.
            residual: whether the change of the latents is predicted, at first none, instead of the
                latents; released weights need false.

        Raises:
            ValueError: an unused condition that is none, heads too narrow for their positions, or
                a memory of no frame.
        """
        super().__init__()
        if strange := sorted(set(unused) - set(conditions)):
            raise ValueError(f"unused has {strange}; the conditions are {sorted(conditions)}.")
        if memory is not None and memory < 1:
            raise ValueError(f"memory counts a frame itself and must be at least 1, got {memory}.")
        rotation_at(torch.zeros(1, 3), width // heads, pairing=pairing)  # refuses narrow heads
        self.latent_width, self.width, self.grid = latent_width, width, grid
        self.head_dim, self.mlp_ratio = width // heads, mlp_ratio
        self.pairing: Pairing = pairing
        self.fusion: Fusion = fusion
        self.memory, self.residual, self.recompute = memory, residual, False
        self.used = {name: size for name, size in conditions.items() if name not in unused}
        self._build(conditions, depth, heads)

    def _build(self, conditions: dict[str, int], depth: int, heads: int) -> None:
        cross = self.fusion == "cross"
        self.conditions = nn.ModuleDict(
            {name: nn.Linear(size, self.width) for name, size in conditions.items()}
        )
        self.project = nn.Linear(self.latent_width, self.width)
        self.blocks = nn.ModuleList(
            FrameBlock(self.width, heads, mlp_ratio=self.mlp_ratio, cross=cross)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(self.width, eps=EPS)
        self.head = nn.Linear(self.width, self.latent_width)
        initialise(self)
        for inputs in (self.project, *self.conditions.values()):
            assert isinstance(inputs, nn.Linear)
            nn.init.normal_(inputs.weight, std=inputs.in_features**-0.5)  # signals weigh alike
        if self.residual:
            nn.init.zeros_(self.head.weight)
        for name in conditions.keys() - self.used.keys():
            self.conditions[name].requires_grad_(requires_grad=False)

    def forward(
        self,
        features: Float[Tensor, "b t n d"],
        conditions: Mapping[str, Float[Tensor, "_b _t _a"]],
    ) -> Float[Tensor, "b t n d"]:
        """Latents of frames ``1 .. t``, each expected from the frames before it.

        Args:
            features: latents of frames ``0 .. t - 1``; patches row by row.
            conditions: ``(b, t, a)`` for every name that is in use; ``a`` is each one's own.

        Raises:
            ValueError: conditions are missing or unknown, or a shape does not fit.
        """
        return self._run(features, conditions, Past(), keep=False)[0]

    def extend(
        self,
        features: Float[Tensor, "b t n d"],
        conditions: Mapping[str, Float[Tensor, "_b _t _a"]],
        past: Past,
    ) -> tuple[Float[Tensor, "b t n d"], Past]:
        """As :meth:`forward` for frames that follow ``past``, and the past after them.

        What a frame sees does not change with the frames after it, so the result is that of
        :meth:`forward` on all frames at once, at the cost of the new ones.
        """
        return self._run(features, conditions, past, keep=True)

    def _run(
        self,
        features: Tensor,
        conditions: Mapping[str, Tensor],
        past: Past,
        *,
        keep: bool,
    ) -> tuple[Tensor, Past]:
        self._check(features, conditions)
        (batch, frames), device = features.shape[:2], features.device
        named = [self.conditions[name](conditions[name]).unsqueeze(2) for name in self.used]
        signals, x = torch.cat(named, dim=2), self.project(features)
        if self.fusion == "add":
            x = x + signals.sum(dim=2, keepdim=True)
        lead = len(named) if self.fusion == "concat" else 0
        x = torch.cat([signals, x], dim=2) if lead else x
        cos, sin = frame_rotation(
            frames, lead, self.grid, self.head_dim, self.pairing, device, start=past.frames
        )
        rotation = Rotation(cos.repeat(batch, 1), sin.repeat(batch, 1))
        count = x.shape[2]
        before = past.tokens // count
        # One frame sees all that is kept: without a mask every kernel is open to it.
        mask = None
        if frames > 1:
            mask = frame_causal_mask(frames, count, device, past=before, memory=self.memory)
        context = signals.flatten(0, 1) if self.fusion == "cross" else None
        tokens, new = x.flatten(0, 2), []
        run: Callable[..., tuple[Tensor, Kept]] = FrameBlock.masked
        if self.recompute and torch.is_grad_enabled():
            run = functools.partial(checkpoint, FrameBlock.masked, use_reentrant=False)
        for number, block in enumerate(self.blocks):
            tokens, kept = run(block, tokens, rotation, past, number, mask, context, batch)
            if keep:
                new.append(kept)
        patches = tokens.view(x.shape)[:, :, lead:]
        limit = None if self.memory is None else (self.memory - 1) * count
        after = past.extended(tuple(new), frames, limit) if keep else past
        following = self.head(self.norm(patches))
        return following + features if self.residual else following, after

    def compile_blocks(self, backend: str = "inductor") -> None:
        """Compile the dense parts of every block, see :meth:`VisionTransformer.compile_blocks`."""
        for block in self.modules():
            if isinstance(block, Block):
                block.compile_parts(backend)

    def flops(self, batch: int, frames: int) -> float:
        """Model FLOPs of a forward pass; frames that the mask hides are not counted."""
        patches, count = self.grid[0] * self.grid[1], batch * frames
        lengths = [patches + len(self.used) * (self.fusion == "concat")] * count
        most = frames if self.memory is None else self.memory - 1
        earlier = [lengths[0] * min(t, most) for t in range(frames)] * batch
        block = block_flops(self.width, lengths, mlp_ratio=self.mlp_ratio)
        block += attention_flops(self.width, lengths, earlier)
        total = 2 * linear_flops(self.latent_width, self.width, patches * count)
        total += sum(linear_flops(size, self.width, count) for size in self.used.values())
        return total + len(self.blocks) * block

    def _check(self, features: Tensor, conditions: Mapping[str, Tensor]) -> None:
        patches = self.grid[0] * self.grid[1]
        if features.shape[2:] != (patches, self.latent_width):
            raise ValueError(
                f"features must be (b, t, {patches}, {self.latent_width}) for a grid of "
                f"{self.grid}, came {tuple(features.shape)}."
            )
        missing = sorted(self.used.keys() - conditions.keys())
        unknown = sorted(conditions.keys() - self.used.keys())
        if missing or unknown:
            raise ValueError(f"Conditions are missing: {missing}, or unknown: {unknown}.")
        for name, size in self.used.items():
            wanted, found = (*features.shape[:2], size), tuple(conditions[name].shape)
            if found != wanted:
                raise ValueError(f"The condition {name} must be {wanted}, came {found}.")
