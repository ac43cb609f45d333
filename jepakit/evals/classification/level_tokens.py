"""Tokens of several levels of an encoder, one level behind the other: what some probes read."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from jepakit.batch import BatchRequest
from jepakit.nn.vit import VisionTransformer


class LevelTokens:
    """A vision transformer that answers with the normed outputs of several of its blocks.

    The levels stand behind one another on the axis of tokens, lowest first, so that a token is as
    wide as the encoder's and a clip has ``len(levels)`` times as many. Every level goes through the
    encoder's last norm; through a norm of its own where the encoder has one (V-JEPA 2.1), and then
    only such levels exist.

    Source: V-JEPA 2, ``vit_encoder_multiclip_multilevel``; blocks are numbered from 0 as in its
    ``out_layers``: 17, 19, 21, 23 of the large and 24, 29, 34, 39 of the giant encoder for
    Diving48 and Jester.
    """

    def __init__(self, encoder: VisionTransformer, levels: tuple[int, ...]) -> None:
        """Wrap an encoder; its weights are shared.

        Args:
            encoder: the encoder.
            levels: numbers of blocks from 0, rising; the last block's output is the encoder's own.

        Raises:
            ValueError: no levels, blocks that do not exist, in another order, or without a norm.
        """
        depth = len(encoder.blocks)
        if not levels or sorted({*levels}) != [*levels] or levels[0] < 0 or levels[-1] >= depth:
            raise ValueError(
                f"levels must be rising numbers of blocks from 0 to {depth - 1}, came {levels}."
            )
        own = encoder.levels
        norms: list[nn.Module] = [*encoder.level_norms, encoder.norm]
        if own and not {*levels} <= {*own}:
            raise ValueError(
                f"The encoder has norms for the levels {own} only, came {levels}; choose from them."
            )
        self.encoder = encoder
        self.levels = levels
        self._norms = [norms[own.index(n)] if own else encoder.norm for n in levels]

    @property
    def request(self) -> BatchRequest:
        """The clips that it takes."""
        return self.encoder.request

    @property
    def width(self) -> int:
        """``d``, the width of a token."""
        return self.encoder.width

    @torch.no_grad()
    def encode(
        self, frames: UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"]
    ) -> Float[Tensor, "b n d"]:
        """Tokens of all levels of every clip, without gradient; ``n`` counts every level's."""
        names = [f"blocks.{number:02d}.out" for number in self.levels]
        captured = self.encoder(frames, capture=names).captured
        outputs = (norm(captured[name]) for norm, name in zip(self._norms, names, strict=True))
        clips = [rearrange(x, "(b n) d -> b n d", b=len(frames)) for x in outputs]
        return torch.cat(clips, dim=1)
