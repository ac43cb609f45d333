"""The vision transformer: clips and a packing in, packed latents out."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection, Mapping, Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from jepakit.batch import BatchRequest, Packing
from jepakit.nn.attention import Kernel
from jepakit.nn.block import EPS, Block, recomputed
from jepakit.nn.edits import Edit, Taps, make_taps
from jepakit.nn.encoded import Encoded
from jepakit.nn.flops import vit_flops
from jepakit.nn.initial import initialise
from jepakit.nn.modalities import ModalPatches
from jepakit.nn.patches import PatchEmbedding
from jepakit.nn.positions import Position, PositionEmbedding, positional_parts
from jepakit.nn.rotary import RotaryEmbedding
from jepakit.nn.stretch import NORM, Stretch, activation_names, block_prefix


class VisionTransformer(nn.Module):
    """Pre-norm ViT on tubelets; only the kept tokens are processed.

    Every patch that is kept gets its position in the full grid, so dropping tokens changes no other
    token's input. A still image is a clip of one frame with ``tubelet=1``. No class token: a sample
    is pooled by the mean over its tokens. Weights as in :func:`jepakit.nn.initial.initialise`.

    Names of the intermediates, all packed ``(total, d)``: ``embed`` (with position),
    ``blocks.07.q``, ``blocks.07.k`` and ``blocks.07.v`` (before they are turned),
    ``blocks.07.attn``, ``blocks.07.mlp.hidden`` (``d`` is the MLP's), ``blocks.07.mlp``,
    ``blocks.07.out``, and ``norm``, the output. See :class:`jepakit.nn.edits.Edit`. A pass can be
    cut at ``embed`` or at the ``out`` of a block, and :meth:`resume` goes on from there.

    Source: Dosovitskiy et al., "An image is worth 16x16 words"; Causal-JEPA, networks; V-JEPA 2 and
    2.1 for rotary positions, levels and images.
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
        position: Position = "sincos",
        levels: tuple[int, ...] = (),
        images: bool = False,
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
            position: see :data:`jepakit.nn.positions.Position`.
            levels: blocks whose normed outputs make up a hierarchy, the last block included; none
                by default.
            images: whether still images have a tokenizer of their own, see :class:`ModalPatches`.
            kernel: attention kernel, see :data:`jepakit.nn.attention.Kernel`.

        Raises:
            ValueError: sizes that do not divide.
        """
        super().__init__()
        square = (size, size) if isinstance(size, int) else size
        if levels and (sorted(set(levels)) != list(levels) or levels[-1] != depth - 1):
            raise ValueError(
                f"levels must rise and end with the last block ({depth - 1}), came {levels}."
            )
        self.width = width
        self.heads = heads
        self.recompute = False
        self.mlp_ratio = mlp_ratio
        self.position: Position = position
        self.levels = levels
        self.images = images
        self.request = BatchRequest(frames=frames, size=square, patch=patch, tubelet=tubelet)
        tokenizer = ModalPatches if images else PatchEmbedding
        self.patches = tokenizer(width, request=self.request)
        self.positions, self.rotary = self._positional_parts()
        self.blocks = nn.ModuleList(
            Block(width, heads, mlp_ratio=mlp_ratio, kernel=kernel) for _ in range(depth)
        )
        self.level_norms = nn.ModuleList(nn.LayerNorm(width, eps=EPS) for _ in levels[:-1])
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
        return activation_names(len(self.blocks))

    def forward(
        self,
        frames: UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"],
        packing: Packing | None = None,
        *,
        capture: Collection[str] = (),
        edits: Mapping[str, Edit] | None = None,
        hierarchy: bool = False,
        until: str = NORM,
    ) -> Encoded:
        """Encode the kept tokens of every clip.

        Args:
            frames: RGB, 0..255; or floats that are normalised already.
            packing: the kept tokens, on the frames' device; all of them by default.
            capture: names of the intermediates to return.
            edits: changes of intermediates by name.
            hierarchy: return all ``levels`` side by side, ``len(levels) d`` wide, lowest first.
            until: where to stop, ``embed`` or the ``out`` of a block: nothing after it is computed,
                and the tokens of the answer are the stream there. The whole network by default.

        Raises:
            ValueError: clips of another size, a packing of another grid, an unknown name, one that
                is computed after ``until``, or a cut hierarchy.
        """
        tokens = self.tokens
        if self.images and frames.shape[1] == 1:
            tokens //= self.grid[0]
        if packing is None:
            packing = Packing.full(frames.shape[0], tokens, frames.device)
        if packing.grid != tokens:
            raise ValueError(
                f"The packing is of samples with {packing.grid} tokens, the encoder's have "
                f"{tokens} {self.grid}."
            )
        stretch = Stretch.between(len(self.blocks), until=until)
        if hierarchy and not stretch.normed:
            raise ValueError(
                f"A pass cut at {until!r} has no hierarchy: its last level is missing."
            )
        taps = make_taps(stretch.names, capture, edits) if capture or edits else None
        x = self.patches(frames, packing)
        if self.positions is not None:
            x = x + self.positions(packing.position)
        return self._along(stretch, x, packing, taps, hierarchy=hierarchy)

    def resume(
        self,
        x: Float[Tensor, "total d"],
        packing: Packing,
        *,
        after: str,
        capture: Collection[str] = (),
        edits: Mapping[str, Edit] | None = None,
        until: str = NORM,
    ) -> Encoded:
        """Go on from the stream at ``after``: the same bits as in one pass over the same batch.

        Args:
            x: the stream at ``after``, as it is before an edit of that name; positions are in it.
            packing: which token each row is.
            after: where ``x`` was taken, ``embed`` or the ``out`` of a block.
            capture: names of the intermediates to return, ``after`` included.
            edits: changes of intermediates by name, of ``x`` itself under the name ``after``.
            until: where to stop, see :meth:`forward`.

        Raises:
            ValueError: rows or a grid that do not fit, an unknown name or one that is not computed
                from ``after`` until ``until``, or the two in the wrong order.
        """
        stills = (self.tokens // self.grid[0],) if self.images else ()
        if packing.grid not in (self.tokens, *stills) or len(x) != packing.total:
            raise ValueError(
                f"{len(x)} rows, and a packing of {packing.total} tokens out of samples of "
                f"{packing.grid}, are no stream of this encoder, whose samples have {self.tokens}."
            )
        stretch = Stretch.between(len(self.blocks), after=after, until=until)
        taps = make_taps(stretch.names, capture, edits) if capture or edits else None
        return self._along(stretch, x, packing, taps)

    def _along(
        self,
        stretch: Stretch,
        x: Tensor,
        packing: Packing,
        taps: Taps | None,
        *,
        hierarchy: bool = False,
    ) -> Encoded:
        """Run the blocks of a stretch, and the last norm if it is part of it."""
        rotation = None if self.rotary is None else self.rotary(packing.position)
        if taps is not None:
            x = taps(stretch.after, x)
        lower: list[Tensor] = []
        run = recomputed if self.recompute else Block.__call__
        for number in stretch.blocks:
            tap = None if taps is None else taps.under(block_prefix(number))
            x = run(self.blocks[number], x, packing, rotation=rotation, tap=tap)
            if hierarchy and number in self.levels[:-1]:
                lower.append(self.level_norms[len(lower)](x))
        if stretch.normed:
            x = self.norm(x)
            if taps is not None:
                x = taps(NORM, x)
        every = torch.cat([*lower, x], dim=1) if lower else x
        return Encoded(every, packing, {} if taps is None else taps.captured)

    def resized(
        self, *, frames: int | None = None, size: int | tuple[int, int] | None = None
    ) -> VisionTransformer:
        """The same weights for clips of another length or size; training one trains both.

        Raises:
            ValueError: sizes that do not divide, or learned positions, which exist for one size.
        """
        if self.position == "learned":
            raise ValueError(
                f"Learned positions exist only for clips of {self.request.frames} x "
                f"{self.request.size}; resize the clips instead."
            )
        square = (size, size) if isinstance(size, int) else size
        twin = copy.copy(self)
        twin._modules = dict(self._modules)
        twin.request = dataclasses.replace(
            self.request, frames=frames or self.request.frames, size=square or self.request.size
        )
        twin.patches = self.patches.resized(twin.request)
        parts = zip(("positions", "rotary"), twin._positional_parts(), strict=True)
        for name, part in parts:
            twin._modules[name] = part and part.to(self.norm.weight.device)
        return twin

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
            patch_pixels=self.patches.pixels,
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

    def _positional_parts(self) -> tuple[PositionEmbedding | None, RotaryEmbedding | None]:
        return positional_parts(
            self.position,
            self.width,
            heads=self.heads,
            grid=self.grid,
            patch=self.request.patch,
        )
