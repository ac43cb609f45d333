"""A model with a predictor, as this study uses it: masks, visible tokens, errors image by image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from jepakit.batch import TokenMasks
from jepakit.interp.drift import token_drift
from jepakit.nn.vit import VisionTransformer
from jepakit.packing import Packing
from jepakit.protocols import PredictsHidden
from jepakit.seeds import generator
from jepakit.training.module import JepaModule


class NoPredictor(ValueError):
    """Why a model cannot be asked for its predictor's errors."""


@dataclass(frozen=True)
class ImageErrors:
    """Errors on the hidden tokens, mean over those of every image.

    Attributes:
        error: the training loss.
        angle: one minus the cosine of prediction and target, both centred over their features, so
            that it is the same whether targets are layer-normalised or not.
    """

    error: Float[np.ndarray, "... n"]
    angle: Float[np.ndarray, "... n"]


@dataclass(frozen=True)
class HiddenPredictor:
    """A model that predicts hidden tokens, and its context encoder.

    Attributes:
        model: that was trained.
        encoder: the student, whose tokens the predictor reads.
    """

    model: PredictsHidden
    encoder: VisionTransformer

    @classmethod
    def of(cls, model: nn.Module | None) -> HiddenPredictor:
        """A model that encodes visible tokens by dropping the hidden ones.

        Raises:
            NoPredictor: it has none, or its predictor reads something else than the last norm of
                such a pass (several levels, or all tokens with hidden ones zeroed).
        """
        if not isinstance(model, JepaModule) or not isinstance(model, PredictsHidden):
            raise NoPredictor("no predictor of hidden tokens")
        pairs = model.ema_pairs()
        if not pairs:
            raise NoPredictor("no context encoder beside a teacher")
        encoder = pairs[0][0]
        if not isinstance(encoder, VisionTransformer):
            raise NoPredictor(f"its encoder is a {type(encoder).__name__}, not a ViT of ours")
        found = cls(model, encoder)
        if not found._drops():
            raise NoPredictor(
                "its predictor reads several levels, or an encoder that sees hidden tokens as "
                "zeros; only tokens of the last norm of a pass over visible tokens can be patched"
            )
        return found

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.encoder.norm.weight.device

    def judge(
        self, predicted: Float[Tensor, "m e"], target: Float[Tensor, "m e"], packing: Packing
    ) -> ImageErrors:
        """Errors of hidden tokens, averaged image by image, in float64 on the host."""
        error = self.model.hidden_errors(predicted, target)
        centred = [x - x.mean(dim=-1, keepdim=True) for x in (predicted.float(), target.float())]
        angle = token_drift(centred[0][None], centred[1][None])[0]
        return ImageErrors(_per_image(error, packing), _per_image(angle, packing))

    def _drops(self) -> bool:
        """Whether ``visible_latents`` is a pass of the encoder over the visible tokens alone."""
        request, tokens = self.encoder.request, self.encoder.tokens
        shape = (1, request.frames, *request.size, 3)
        frames = torch.randint(0, 256, shape, generator=generator("drops"), dtype=torch.uint8)
        hidden = torch.arange(tokens)[None] % 3 == 0
        masks, frames = region_masks(hidden).to(self.device), frames.to(self.device)
        own = self.model.visible_latents(frames, masks)
        with torch.no_grad():
            dropped = self.encoder(frames, masks.context).tokens
        return own.shape == dropped.shape and torch.allclose(own, dropped, atol=1e-5)


def region_masks(hidden: Bool[Tensor, "b n"]) -> TokenMasks:
    """What is hidden as a model's masks: one region, whose tokens share the first slot."""
    none: list[tuple[int, ...]] = [()] * len(hidden)
    slots = torch.where(hidden, 0, -1)
    return TokenMasks.build(~hidden, slots, none, [False] * len(hidden))


def foreign_images(groups: np.ndarray) -> np.ndarray:
    """For every image the first one of another group, half the images further on.

    Raises:
        ValueError: all images are of one group.
    """
    count = len(groups)
    if len(set(groups.tolist())) < 2:
        raise ValueError(
            "A context of another scene needs images of at least 2 scenes, there is 1."
        )
    steps = (np.arange(count) + count // 2) % count
    rows = (np.arange(count)[:, None] + steps[None]) % count
    foreign = groups[rows] != groups[:, None]
    return rows[np.arange(count), foreign.argmax(axis=1)]


def pixels_of(frames: UInt8[np.ndarray, "b t h w 3"], device: torch.device) -> Tensor:
    """Clips on the device."""
    return torch.from_numpy(frames).to(device)


def _per_image(values: Float[Tensor, " m"], packing: Packing) -> Float[np.ndarray, " b"]:
    owner = packing.sample.cpu().numpy()
    total = np.bincount(owner, values.double().cpu().numpy(), minlength=packing.batch)
    return total / np.array(packing.lengths)
