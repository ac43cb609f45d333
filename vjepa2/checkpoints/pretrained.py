"""A model between two formats: arguments, weights by our names, and where they come from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from jepakit.nn.block import Block
from jepakit.nn.vit import VisionTransformer
from vjepa2.predictor import Predictor

Role = Literal["target", "context"]
"""Which of the two encoders of a training: the moving average, or the one that is trained."""


@dataclass(frozen=True)
class Pretrained:
    """A model out of some file.

    Attributes:
        encoder: arguments of :class:`~jepakit.nn.VisionTransformer`.
        target: weights of the encoder that is evaluated.
        context: weights of the encoder that goes on training; the same where a file has only one.
        predictor: arguments of :class:`~vjepa2.Predictor`; None where there is none.
        predictor_weights: its weights.
        record: what ``conversion.json`` says of the source.
    """

    encoder: dict[str, Any]
    target: dict[str, Tensor]
    context: dict[str, Tensor]
    predictor: dict[str, Any] | None = None
    predictor_weights: dict[str, Tensor] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)

    def resized(self, *, frames: int | None = None, size: int | None = None) -> Pretrained:
        """The same weights for clips of another length or size.

        Raises:
            ValueError: positions are learned, and so exist for one size.
        """
        wanted = {"frames": frames, "size": size}
        changed = {
            name: value
            for name, value in wanted.items()
            if value is not None and value != self.encoder[name]
        }
        if changed and self.encoder["position"] == "learned":
            raise ValueError(f"Learned positions exist for one size; leave {sorted(changed)} out.")
        return dataclasses.replace(self, encoder=self.encoder | changed)

    def check(self) -> None:
        """Whether the arguments describe the weights; no memory is taken for it.

        Raises:
            ValueError: names or shapes differ; all are listed.
        """
        with torch.device("meta"):
            encoder = VisionTransformer(**with_tuples(self.encoder))
            predictor = Predictor(encoder, **self.predictor) if self.predictor else None
        for weights in (self.target, self.context):
            fill(encoder, weights, what="encoder", assign=True)
        if predictor is not None:
            fill(predictor, self.predictor_weights, what="predictor", assign=True)


def fill(
    part: nn.Module, weights: Mapping[str, Tensor], *, what: str, assign: bool = False
) -> None:
    """Load weights into a network that must have exactly them.

    Args:
        part: the network.
        weights: by its names.
        what: the network, for the message.
        assign: take the tensors themselves instead of copying their values.

    Raises:
        ValueError: names or shapes differ; all are listed.
    """
    try:
        part.load_state_dict(weights, assign=assign)
    except RuntimeError as error:
        raise ValueError(f"The weights do not fit the {what}: {error}") from error


def encoder_arguments(encoder: VisionTransformer) -> dict[str, Any]:
    """The arguments that build an encoder of this shape."""
    request = encoder.request
    height, width = request.size
    return {
        "width": encoder.width,
        "depth": len(encoder.blocks),
        "heads": encoder.heads,
        "frames": request.frames,
        "size": height if height == width else [height, width],
        "patch": request.patch,
        "tubelet": request.tubelet,
        "mlp_ratio": encoder.mlp_ratio,
        "position": encoder.position,
        "levels": list(encoder.levels),
        "images": encoder.images,
    }


def predictor_arguments(predictor: Predictor, encoder: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that build a predictor of this shape, for an encoder with these."""
    levels = len(encoder["levels"]) if predictor.hierarchy else 1
    predicted = predictor.target_head.out_features // levels
    blocks = [block for block in predictor.blocks if isinstance(block, Block)]
    return {
        "width": predictor.width,
        "depth": len(blocks),
        "heads": blocks[0].heads,
        "mask_tokens": len(predictor.mask_tokens),
        "hierarchy": predictor.hierarchy,
        "target_width": predicted if predicted != encoder["width"] else None,
        "context": predictor.context_head is not None,
    }


def fresh_predictor(encoder: Mapping[str, Any]) -> Predictor:
    """A predictor with weights of its own, always the same ones, for an encoder that has none."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Predictor(VisionTransformer(**with_tuples(encoder)))


def with_tuples(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Lists, as configurations hold them, back to tuples."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in arguments.items()
    }
