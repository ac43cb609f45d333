"""What weights tell about a network, and what has to be known besides."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from jepakit.nn.positions import Position
from vjepa2.encoder import SIZES, levels_of

Layout = Literal["vjepa2", "vjepa2.1", "ijepa"]
"""Whose names and shapes a file has; ``vjepa2`` is V-JEPA 2.0."""

POSITION: dict[Layout, Position] = {
    "vjepa2": "rope_tiled",
    "vjepa2.1": "rope_stretched",
    "ijepa": "learned",
}
FRAMES: dict[Layout, int] = {"vjepa2": 64, "vjepa2.1": 64, "ijepa": 1}
PIXELS: dict[Layout, int] = {"vjepa2": 256, "vjepa2.1": 384, "ijepa": 224}
PREDICTOR_HEADS = {384: 12}
IJEPA_HEADS = {(1408, 40): 16}
"""I-JEPA's giant encoder has 16 heads, that of V-JEPA 2 has 22."""


@dataclass(frozen=True)
class EncoderShape:
    """Numbers of an encoder that its weights show.

    Attributes:
        layout: whose names it has.
        width: of a token.
        depth: blocks.
        hidden: width of the MLPs.
        patch: side of a patch in pixels.
        tubelet: frames of a token.
        tokens: learned positions; 0 where positions are turns of queries and keys.
    """

    layout: Layout
    width: int
    depth: int
    hidden: int
    patch: int
    tubelet: int
    tokens: int

    @classmethod
    def of(cls, encoder: Mapping[str, Any], weights: Mapping[str, Tensor]) -> EncoderShape:
        """Numbers of an encoder of ours with these arguments.

        Raises:
            ValueError: the released code has no such encoder.
        """
        layout = layout_of(encoder)
        return cls(
            layout=layout,
            width=encoder["width"],
            depth=encoder["depth"],
            hidden=weights["blocks.0.fc1.weight"].shape[0],
            patch=encoder["patch"],
            tubelet=encoder["tubelet"],
            tokens=len(weights["positions.table"]) if layout == "ijepa" else 0,
        )

    @property
    def levels(self) -> tuple[int, ...]:
        """Blocks whose outputs have a norm of their own."""
        return levels_of(self.depth) if self.layout == "vjepa2.1" else ()

    def arguments(
        self, *, heads: int | None = None, frames: int | None = None, size: int | None = None
    ) -> dict[str, Any]:
        """Arguments of :class:`~jepakit.nn.VisionTransformer`.

        Args:
            heads: attention heads; by default those of the published encoder of this size.
            frames: of a clip; by default as published.
            size: of a frame in pixels; by default as published.

        Raises:
            ValueError: the heads of an unpublished size are not given, or learned positions are
                of another size.
        """
        if self.tokens:
            learned = math.isqrt(self.tokens) * self.patch
            if (frames or 1, size or learned) != (1, learned):
                raise ValueError(
                    f"The positions of this encoder were learned for images of {learned} pixels; "
                    "leave frames and size out."
                )
            size = learned
        return {
            "width": self.width,
            "depth": self.depth,
            "heads": heads or self.published_heads(),
            "frames": frames or FRAMES[self.layout],
            "size": size or PIXELS[self.layout],
            "patch": self.patch,
            "tubelet": self.tubelet,
            "mlp_ratio": self.hidden / self.width,
            "position": POSITION[self.layout],
            "levels": list(self.levels),
            "images": self.layout == "vjepa2.1",
        }

    def published_heads(self) -> int:
        """Heads of the published encoder of this width and depth.

        Raises:
            ValueError: there is none.
        """
        size = self.width, self.depth
        known = {(shape.width, shape.depth): shape.heads for shape in SIZES.values()}
        if self.layout == "ijepa":
            known |= IJEPA_HEADS
        if size not in known:
            raise ValueError(
                f"Weights do not show the number of attention heads, and no published encoder has "
                f"the width {size[0]} and depth {size[1]}: give the heads (--heads N)."
            )
        return known[size]


@dataclass(frozen=True)
class PredictorShape:
    """Numbers of a predictor that its weights show.

    Attributes:
        layout: whose names it has.
        width: of a token.
        depth: blocks.
        mask_tokens: mask tokens to choose from.
        levels: levels of the encoder that come in and are predicted.
        target_width: width of a predicted level.
        context: whether visible tokens are predicted by a head of their own.
    """

    layout: Layout
    width: int
    depth: int
    mask_tokens: int
    levels: int
    target_width: int
    context: bool

    @classmethod
    def of(cls, predictor: Mapping[str, Any], encoder: Mapping[str, Any]) -> PredictorShape:
        """Numbers of a predictor of ours with these arguments, for an encoder with these.

        Raises:
            ValueError: the released code has no such encoder or predictor.
        """
        layout = layout_of(encoder)
        if layout == "ijepa" and predictor["mask_tokens"] != 1:
            raise ValueError(
                f"A predictor of I-JEPA has one mask token, this one {predictor['mask_tokens']}."
            )
        return cls(
            layout=layout,
            width=predictor["width"],
            depth=predictor["depth"],
            mask_tokens=predictor["mask_tokens"],
            levels=len(encoder["levels"]) if predictor["hierarchy"] else 1,
            target_width=predictor["target_width"] or encoder["width"],
            context=predictor["context"],
        )

    def arguments(self, encoder: Mapping[str, Any], *, heads: int | None = None) -> dict[str, Any]:
        """Arguments of :class:`~vjepa2.Predictor`.

        Args:
            encoder: arguments of the encoder.
            heads: attention heads; by default as published, which in I-JEPA is as many as the
                encoder has.

        Raises:
            ValueError: the heads of an unpublished width are not given.
        """
        published = encoder["heads"] if self.layout == "ijepa" else PREDICTOR_HEADS.get(self.width)
        if not heads and not published:
            raise ValueError(
                "Weights do not show the number of attention heads, and no published predictor has "
                f"the width {self.width}: give the heads (--predictor_heads N)."
            )
        other = self.target_width != encoder["width"]
        return {
            "width": self.width,
            "depth": self.depth,
            "heads": heads or published,
            "mask_tokens": self.mask_tokens,
            "hierarchy": self.levels > 1,
            "target_width": self.target_width if other else None,
            "context": self.context,
        }


def count(names: Iterable[str], pattern: str) -> int:
    """One more than the highest number that the group of ``pattern`` matches at a name's start."""
    numbers = [int(found[1]) for name in names if (found := re.match(pattern, name))]
    return max(numbers, default=-1) + 1


def layout_of(encoder: Mapping[str, Any]) -> Layout:
    """The release that an encoder with these arguments is of.

    Raises:
        ValueError: it is of none.
    """
    position, images, levels = encoder["position"], encoder["images"], tuple(encoder["levels"])
    if (position, images, levels) == ("rope_tiled", False, ()):
        return "vjepa2"
    if (position, images, levels) == ("rope_stretched", True, levels_of(encoder["depth"])):
        return "vjepa2.1"
    if (position, images, levels, encoder["tubelet"]) == ("learned", False, (), 1):
        return "ijepa"
    raise ValueError(
        f"The released code has no encoder with position: {position}, images: {images}, levels: "
        f"{levels} and tubelet: {encoder['tubelet']}. Its encoders are those of V-JEPA 2 "
        "(rope_tiled), V-JEPA 2.1 (rope_stretched, images, four levels) and I-JEPA (learned, "
        "tubelet 1)."
    )


def encoder_shape(state: Mapping[str, Tensor]) -> EncoderShape:
    """Numbers of an official encoder; its names are without prefixes.

    Raises:
        ValueError: the state has no patch projection or no blocks.
    """
    project, mlp = "patch_embed.proj.weight", "blocks.0.mlp.fc1.weight"
    for name in (project, mlp):
        if name not in state:
            raise ValueError(
                f"This is no official encoder: {name} is missing. It has {sorted(state)[:8]}."
            )
    kernel = state[project].shape
    layout: Layout = "vjepa2" if len(kernel) == 5 else "ijepa"
    if any(name.startswith("norms_block.") for name in state):
        layout = "vjepa2.1"
    positions = state["pos_embed"].shape[1] if "pos_embed" in state else 0
    return EncoderShape(
        layout=layout,
        width=kernel[0],
        depth=count(state, r"blocks\.(\d+)\."),
        hidden=state[mlp].shape[0],
        patch=kernel[-1],
        tubelet=kernel[2] if len(kernel) == 5 else 1,
        tokens=positions if layout == "ijepa" else 0,
    )


def predictor_shape(state: Mapping[str, Tensor], encoder: EncoderShape) -> PredictorShape:
    """Numbers of an official predictor; its names are without prefixes.

    Raises:
        ValueError: the state is no predictor.
    """
    deep = "predictor_embed.0.weight" in state
    project, head = f"predictor_embed{'.2' if deep else ''}.weight", "predictor_proj.weight"
    for name in (project, head):
        if name not in state:
            raise ValueError(
                f"This is no official predictor: {name} is missing. It has {sorted(state)[:8]}."
            )
    levels = state["predictor_embed.0.weight"].shape[1] // encoder.width if deep else 1
    single = encoder.layout == "ijepa"
    return PredictorShape(
        layout=encoder.layout,
        width=state[project].shape[0],
        depth=count(state, r"predictor_blocks\.(\d+)\."),
        mask_tokens=1 if single else max(1, count(state, r"mask_tokens\.(\d+)$")),
        levels=levels,
        target_width=state[head].shape[0] // max(levels, 1),
        context="predictor_proj_context.weight" in state,
    )
