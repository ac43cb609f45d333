"""Asking a model what hidden tokens of a clip hold, and how far off it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from jepakit.batch import BatchRequest, TokenMasks
from jepakit.protocols import PredictsHidden

Grid = Bool[np.ndarray, "v tt hh ww"]


@runtime_checkable
class Predicting(PredictsHidden, Protocol):
    """A model that predicts hidden tokens and says which clips it takes."""

    @property
    def request(self) -> BatchRequest:
        """The clips that it takes."""

    @property
    def width(self) -> int:
        """``d``, the width of a token's latent."""


def predicting(model: object) -> Predicting:
    """The model as one that predicts what is hidden.

    Raises:
        ValueError: it predicts nothing.
    """
    if not isinstance(model, Predicting):
        raise ValueError(
            f"{kind_of(model)} predicts no hidden tokens, so it cannot be surprised: choose a run "
            "that trains a predictor with its encoder, such as configs/cjepa/demo.yaml or one of "
            "V-JEPA 2."
        )
    return model


def fitting(frames: UInt8[np.ndarray, "t h w 3"], request: BatchRequest) -> None:
    """Refuse clips that the model's predictor does not take.

    Raises:
        ValueError: a clip of another length or size.
    """
    expected = (request.frames, *request.size)
    if frames.shape[:3] != expected:
        raise ValueError(
            f"This model's predictor knows clips of {expected[0]} frames of {expected[1]} x "
            f"{expected[2]} pixels, came {frames.shape[0]} of {frames.shape[1]} x "
            f"{frames.shape[2]}: read the clip with those numbers."
        )


def device_of(model: object) -> torch.device:
    """Where a model computes."""
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    first = next(parameters, None)
    return torch.device("cpu") if first is None else first.device


def tensor_of(array: np.ndarray, device: torch.device) -> Tensor:
    """A copy, since views that run backwards or may not be written make no tensors."""
    return torch.from_numpy(np.array(array)).to(device)


def predictions(
    model: Predicting, frames: UInt8[np.ndarray, "t h w 3"], hidden: Grid, *, batch: int = 4
) -> Iterator[tuple[slice, TokenMasks, Float[Tensor, "m e"]]]:
    """Predict the hidden tokens under each of ``v`` masks of one clip.

    Args:
        model: predicts.
        frames: the clip.
        hidden: true where a token is hidden; the others are visible.
        batch: masks that are computed at once.

    Yields:
        Which masks, the masks and the predicted latents, packed as their ``target``.
    """
    device = device_of(model)
    clip = tensor_of(frames, device)
    rows = torch.from_numpy(hidden.reshape(len(hidden), -1))
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        count = len(part)
        slots = torch.where(part, 0, -1)
        masks = TokenMasks.build(~part, slots, [()] * count, [False] * count).to(device)
        same = clip.expand(count, *clip.shape)
        predicted = model.predict_hidden(model.visible_latents(same, masks), masks)
        yield slice(start, start + count), masks, predicted


def errors_under(
    model: Predicting,
    frames: UInt8[np.ndarray, "t h w 3"],
    hidden: Grid,
    *,
    batch: int = 4,
) -> Float[np.ndarray, "v tt hh ww"]:
    """The model's own training loss of each hidden token of a clip; NaN where a token is visible.

    Args:
        model: predicts.
        frames: the clip.
        hidden: masks of the clip, true where a token is hidden.
        batch: masks that are computed at once.
    """
    target = target_tokens(model, frames[None])[0]
    found = np.full((len(hidden), target.shape[0]), np.nan)
    for which, masks, predicted in predictions(model, frames, hidden, batch=batch):
        error = model.hidden_errors(predicted, target[masks.target.position])
        place = (masks.target.sample.cpu().numpy(), masks.target.position.cpu().numpy())
        found[which][place] = error.double().cpu().numpy()
    return found.reshape(hidden.shape)


def target_tokens(
    model: Predicting, clips: UInt8[np.ndarray, "b t h w 3"]
) -> Float[Tensor, "b n e"]:
    """What is to be predicted of each clip; without gradient."""
    with torch.no_grad():
        return model.target_latents(tensor_of(clips, device_of(model)))


def as_predicted(model: Predicting, latents: Float[Tensor, "m e"]) -> Float[Tensor, "m e"] | None:
    """The prediction that would be right if ``latents`` were the target.

    Models predict normalised latents, or latents as they are. Which, is told by the loss, which is
    0 for the right one; None where it is for neither.
    """
    levels = (
        latents.unflatten(-1, (-1, model.width))
        if latents.shape[-1] % model.width == 0
        else latents
    )
    normed = F.layer_norm(levels.float(), levels.shape[-1:]).reshape(latents.shape)
    scale = model.hidden_errors(torch.zeros_like(normed), latents).mean()
    for candidate in (latents, normed):
        if model.hidden_errors(candidate, latents).mean() <= 1e-5 * scale:
            return candidate
    return None


def kind_of(model: object) -> str:
    """What a model is called in a refusal."""
    return "This encoder alone" if model is None else type(model).__name__
