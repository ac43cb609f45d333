"""From the frames so far, and what was done in each, to the latents of the next frame."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from jepakit.nn.block import EPS, Block
from jepakit.nn.flops import attention_flops, block_flops, linear_flops
from jepakit.nn.initial import initialise
from jepakit.nn.rotary import Pairing, Rotation, rotation_at


class ActionPredictor(nn.Module):
    """Tokens of a frame are its conditions, one each, and its patches; they see no later frame.

    The output at frame ``t`` is the expected latents of frame ``t + 1``.

    Source: V-JEPA 2, section 3 (V-JEPA 2-AC), and the released code. Differs: any named conditions
    rather than those of one robot arm; a mask of the frames at hand, where the released code fills
    one for the longest clip; rotary factors as in :class:`jepakit.nn.rotary.RotaryEmbedding`.
    """

    def __init__(
        self,
        latent_width: int,
        conditions: dict[str, int],
        *,
        grid: tuple[int, int] = (16, 16),
        unused: Sequence[str] = (),
        width: int = 1024,
        depth: int = 24,
        heads: int = 16,
        mlp_ratio: float = 4.0,
        pairing: Pairing = "tiled",
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

        Raises:
            ValueError: an unused condition that is none, or heads too narrow for their positions.
        """
        super().__init__()
        if strange := sorted(set(unused) - set(conditions)):
            raise ValueError(f"unused has {strange}; the conditions are {sorted(conditions)}.")
        rotation_at(torch.zeros(1, 3), width // heads, pairing=pairing)  # refuses narrow heads
        self.latent_width, self.width, self.grid = latent_width, width, grid
        self.head_dim, self.mlp_ratio = width // heads, mlp_ratio
        self.pairing: Pairing = pairing
        self.recompute = False
        self.used = {name: size for name, size in conditions.items() if name not in unused}
        self.conditions = nn.ModuleDict(
            {name: nn.Linear(size, width) for name, size in conditions.items()}
        )
        self.project = nn.Linear(latent_width, width)
        blocks = (MaskedBlock(width, heads, mlp_ratio=mlp_ratio) for _ in range(depth))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.head = nn.Linear(width, latent_width)
        initialise(self)
        for name in unused:
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
        self._check(features, conditions)
        batch, frames = features.shape[:2]
        leading = [self.conditions[name](conditions[name]).unsqueeze(2) for name in self.used]
        x = torch.cat([*leading, self.project(features)], dim=2)
        cos, sin = frame_rotation(
            frames, len(leading), self.grid, self.head_dim, self.pairing, x.device
        )
        rotation = Rotation(cos.repeat(batch, 1), sin.repeat(batch, 1))
        # One frame sees all of itself: without a mask every kernel is open to it.
        mask = frame_causal_mask(frames, x.shape[2], x.device) if frames > 1 else None
        tokens = x.flatten(0, 2)
        run: Callable[..., Tensor] = MaskedBlock.masked
        if self.recompute and torch.is_grad_enabled():
            run = functools.partial(checkpoint, MaskedBlock.masked, use_reentrant=False)
        for block in self.blocks:
            tokens = run(block, tokens, rotation, mask, batch)
        patches = tokens.view(x.shape)[:, :, len(leading) :]
        return self.head(self.norm(patches))

    def compile_blocks(self, backend: str = "inductor") -> None:
        """Compile the dense parts of every block, see :meth:`VisionTransformer.compile_blocks`."""
        for block in self.modules():
            if isinstance(block, Block):
                block.compile_parts(backend)

    def flops(self, batch: int, frames: int) -> float:
        """Model FLOPs of a forward pass; frames that the mask hides are not counted."""
        patches, count = self.grid[0] * self.grid[1], batch * frames
        lengths = [patches + len(self.used)] * count
        earlier = [lengths[0] * t for t in range(frames)] * batch
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


class MaskedBlock(Block):
    """A block for samples of equal length, of whose tokens a mask tells who sees whom."""

    def masked(
        self,
        x: Float[Tensor, "total d"],
        rotation: Rotation,
        mask: Bool[Tensor, "s s"] | None,
        batch: int,
    ) -> Float[Tensor, "total d"]:
        """Process the tokens of ``batch`` samples of ``s`` tokens, one sample after the other."""
        heads = self._part("_enter", None)(x, rotation)
        q, k, v = (part.unflatten(0, (batch, -1)).transpose(1, 2) for part in heads)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self._part("_leave", None)(x, attended.transpose(1, 2).flatten(0, 1), None)


# Kept tensors are made outside of inference mode, whose tensors no backward pass may use later.
@functools.lru_cache(maxsize=16)
@torch.inference_mode(mode=False)
def frame_causal_mask(frames: int, tokens: int, device: torch.device) -> Bool[Tensor, "s s"]:
    """True where a token (row) sees another (column): one of its own or of an earlier frame."""
    frame = torch.arange(frames, device=device).repeat_interleave(tokens)
    return frame.unsqueeze(1) >= frame


@functools.lru_cache(maxsize=16)
@torch.inference_mode(mode=False)
def frame_rotation(
    frames: int, lead: int, grid: tuple[int, int], dim: int, pairing: Pairing, device: torch.device
) -> Rotation:
    """Factors of ``lead`` conditions, then patches, of every frame; conditions turn by time alone.

    A patch turns with (time, row, column), where columns are stretched to span as many positions as
    there are rows, ``column * rows / columns``; on a square grid all are token numbers.
    """
    rows, columns = grid
    time, row, column = (torch.arange(n).double() for n in (frames, rows, columns))
    axes = torch.meshgrid(time, row, column * (rows / columns), indexing="ij")
    patches = torch.stack(axes, dim=-1).flatten(1, 2)
    first = F.pad(time.view(-1, 1, 1), (0, 2)).expand(-1, lead, -1)
    place = torch.cat([first, patches], dim=1).flatten(0, 1)
    cos, sin = rotation_at(place, dim, pairing=pairing)
    return Rotation(cos.to(device), sin.to(device))
