"""The vision transformer: clips and a packing in, packed latents out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from jepakit.batch import BatchRequest, Packing
from jepakit.nn.attention import Kernel
from jepakit.nn.block import EPS, Block, block_names
from jepakit.nn.edits import Edit, make_taps
from jepakit.nn.flops import vit_flops
from jepakit.nn.initial import initialise
from jepakit.nn.patches import PatchEmbedding
from jepakit.nn.pooling import mean_pool
from jepakit.nn.positions import PositionEmbedding, PositionKind


@dataclass(frozen=True)
class Encoded:
    """Latents of the kept tokens.

    Attributes:
        tokens: one row per kept token, after the last norm.
        packing: which token each row is.
        captured: the intermediates that were asked for, by name.
    """

    tokens: Float[Tensor, "total d"]
    packing: Packing
    captured: dict[str, Tensor] = field(default_factory=dict)

    def dense(self) -> Float[Tensor, "b n d"]:
        """The same latents, one sample per row.

        Raises:
            ValueError: samples keep different numbers of tokens.
        """
        if not self.packing.is_uniform:
            raise ValueError(
                f"Samples of {min(self.packing.lengths)} to {self.packing.max_length} tokens have "
                "no dense layout; use jepakit.nn.pad."
            )
        return self.tokens.unflatten(0, (self.packing.batch, -1))

    def pooled(self) -> Float[Tensor, "b d"]:
        """Mean over each sample's tokens."""
        return mean_pool(self.tokens, self.packing)


class VisionTransformer(nn.Module):
    """Pre-norm ViT on tubelets; only the kept tokens are processed.

    Every patch that is kept gets its position in the full grid, so dropping tokens changes no other
    token's input. A still image is a clip of one frame with ``tubelet=1``. No class token: a sample
    is pooled by the mean over its tokens. Weights as in :func:`jepakit.nn.initial.initialise`.

    Names of the intermediates, all packed ``(total, d)``: ``embed`` (with position),
    ``blocks.07.attn``, ``blocks.07.mlp.hidden`` (``d`` is the MLP's), ``blocks.07.mlp``,
    ``blocks.07.out``, and ``norm``, the output. See :class:`jepakit.nn.edits.Edit`.

    Source: Dosovitskiy et al., "An image is worth 16x16 words"; Causal-JEPA, networks.
    """

    def __init__(
        self,
        width: int = 384,
        *,
        depth: int = 12,
        heads: int = 6,
        frames: int = 16,
        size: int | tuple[int, int] = 128,
        patch: int = 16,
        tubelet: int = 2,
        mlp_ratio: float = 4.0,
        position: PositionKind = "sincos",
        kernel: Kernel = "auto",
    ) -> None:
        """Build the encoder.

        Args:
            width: width of a token (384 ViT-S, 768 ViT-B, 1024 ViT-L).
            depth: number of blocks.
            heads: attention heads.
            frames: frames of a clip.
            size: height and width of a frame in pixels, or one number for a square.
            patch: side of a patch in pixels.
            tubelet: frames of a token.
            mlp_ratio: hidden width of the MLP over ``width``.
            position: fixed sines and cosines of (time, row, column), or learned.
            kernel: attention kernel, see :data:`jepakit.nn.attention.Kernel`.

        Raises:
            ValueError: sizes that do not divide.
        """
        super().__init__()
        square = (size, size) if isinstance(size, int) else size
        self.width = width
        self.mlp_ratio = mlp_ratio
        self.request = BatchRequest(frames=frames, size=square, patch=patch, tubelet=tubelet)
        self.patches = PatchEmbedding(width, request=self.request)
        self.positions = PositionEmbedding(width, grid=self.grid, kind=position)
        self.blocks = nn.ModuleList(
            Block(width, heads, mlp_ratio=mlp_ratio, kernel=kernel) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, eps=EPS)
        initialise(self)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Tubelets, rows and columns of the token grid."""
        return self.request.grid

    @property
    def tokens(self) -> int:
        """``n``, the tokens of a full sample."""
        tubelets, rows, columns = self.grid
        return tubelets * rows * columns

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the intermediates, in the order in which they are computed."""
        inner = (_prefix(i) + name for i in range(len(self.blocks)) for name in block_names())
        return ("embed", *inner, "norm")

    def forward(
        self,
        frames: UInt8[Tensor, "b t h w 3"],
        packing: Packing | None = None,
        *,
        capture: Collection[str] = (),
        edits: Mapping[str, Edit] | None = None,
    ) -> Encoded:
        """Encode the kept tokens of every clip.

        Args:
            frames: RGB, 0..255.
            packing: the kept tokens, on the frames' device; all of them by default.
            capture: names of the intermediates to return.
            edits: changes of intermediates by name.

        Raises:
            ValueError: clips of another size, a packing of another grid, or an unknown name.
        """
        if packing is None:
            packing = Packing.full(frames.shape[0], self.tokens, frames.device)
        if packing.grid != self.tokens:
            raise ValueError(
                f"The packing is of samples with {packing.grid} tokens, the encoder's have "
                f"{self.tokens} {self.grid}."
            )
        taps = make_taps(self.names, capture, edits) if capture or edits else None
        x = self.patches(frames, packing) + self.positions(packing.position)
        if taps is not None:
            x = taps("embed", x)
        for number, block in enumerate(self.blocks):
            x = block(x, packing, tap=None if taps is None else taps.under(_prefix(number)))
        x = self.norm(x)
        if taps is None:
            return Encoded(x, packing)
        return Encoded(taps("norm", x), packing, taps.captured)

    @torch.no_grad()
    def encode(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b n d"]:
        """Latents of every token of every clip, without gradient."""
        return self(frames).dense()

    def flops(self, lengths: Sequence[int]) -> float:
        """Model FLOPs of a forward pass over samples with these many kept tokens."""
        return vit_flops(
            self.width,
            lengths,
            depth=len(self.blocks),
            patch_pixels=self.patches.proj.in_features,
            mlp_ratio=self.mlp_ratio,
        )

    def compile_blocks(self, backend: str = "inductor") -> None:
        """Compile the dense parts of the blocks (norms, projections, MLP) for any token total.

        Attention stays eager. Its lengths are Python numbers, which a traced graph would take for
        constants and be compiled again in every step; the dense parts see only the token total,
        which ``dynamic=True`` makes a symbol, and one graph per part serves all blocks. Attention
        itself is already one fused kernel. Passes that capture or edit run eagerly.

        Args:
            backend: a backend of ``torch.compile``.
        """
        for block in self.modules():
            if isinstance(block, Block):
                block.compile_parts(backend)


def _prefix(number: int) -> str:
    return f"blocks.{number:02d}."
