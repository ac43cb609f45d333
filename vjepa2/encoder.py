"""The encoders of the family by name: sizes, and what a variant adds to them."""

from __future__ import annotations

from typing import Literal, NamedTuple

from jepakit.nn.attention import Kernel
from jepakit.nn.positions import Position
from jepakit.nn.vit import VisionTransformer

Size = Literal["vit_ti", "vit_s", "vit_b", "vit_l", "vit_h", "vit_g", "vit_gg"]
"""Tiny, small, base, large, huge, giant and gigantic (``ViT-G``)."""

Variant = Literal["2.0", "2.1"]


class Shape(NamedTuple):
    """Numbers of a size.

    Attributes:
        width: of a token.
        depth: blocks.
        heads: of the attention.
        hidden: width of the MLPs.
    """

    width: int
    depth: int
    heads: int
    hidden: int


SIZES: dict[Size, Shape] = {
    "vit_ti": Shape(192, 12, 3, 768),
    "vit_s": Shape(384, 12, 6, 1536),
    "vit_b": Shape(768, 12, 12, 3072),
    "vit_l": Shape(1024, 24, 16, 4096),
    "vit_h": Shape(1280, 32, 16, 5120),
    "vit_g": Shape(1408, 40, 22, 6144),
    "vit_gg": Shape(1664, 48, 26, 8192),
}

POSITION: dict[Variant, Position] = {"2.0": "rope_tiled", "2.1": "rope_stretched"}


class Encoder(VisionTransformer):
    """A vision transformer of the family, by its name.

    Variant 2.0 turns queries and keys with the tiled frequencies of the published weights; 2.1 with
    true rotations stretched to the pretrained grid, normed outputs of four levels, and a tokenizer
    for still images.

    Source: V-JEPA 2, table of encoders, and the released configurations of 2.0 and 2.1. Differs:
    the gigantic size has the 8192 wide MLPs of 2.1 in both variants; a misspelt option leaves them
    at 6656 in the released code of 2.0, of which no weights were published.
    """

    def __init__(
        self,
        name: Size = "vit_l",
        *,
        variant: Variant = "2.0",
        frames: int = 64,
        size: int | tuple[int, int] = 256,
        patch: int = 16,
        tubelet: int = 2,
        position: Position | None = None,
        kernel: Kernel = "auto",
    ) -> None:
        """Build the encoder.

        Args:
            name: which size.
            variant: which release.
            frames: frames of a clip.
            size: height and width of a frame in pixels, or one number for a square.
            patch: side of a patch in pixels.
            tubelet: frames of a token.
            position: other positions than the variant's, see :data:`jepakit.nn.positions.Position`:
                ``sincos`` for V-JEPA 1, ``learned`` for I-JEPA.
            kernel: attention kernel, see :data:`jepakit.nn.attention.Kernel`.

        Raises:
            ValueError: sizes that do not divide.
        """
        shape = SIZES[name]
        newer = variant == "2.1"
        super().__init__(
            shape.width,
            depth=shape.depth,
            heads=shape.heads,
            frames=frames,
            size=size,
            patch=patch,
            tubelet=tubelet,
            mlp_ratio=shape.hidden / shape.width,
            position=position or POSITION[variant],
            levels=levels_of(shape.depth) if newer else (),
            images=newer,
            kernel=kernel,
        )


def levels_of(depth: int) -> tuple[int, ...]:
    """The four blocks whose outputs make up the hierarchy of 2.1, every quarter's last.

    Of the gigantic encoder's 48 blocks the third is number 37 rather than 35, as released.
    """
    if depth == SIZES["vit_gg"].depth:
        return 11, 23, 37, 47
    return tuple(depth * quarter // 4 - 1 for quarter in (1, 2, 3, 4))
