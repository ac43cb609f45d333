"""Remove an object: where the model says that the scene will change, and where it truly does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from scipy.ndimage import distance_transform_edt

from explorer.clip import Clip
from explorer.prediction.asking import (
    Predicting,
    device_of,
    fitting,
    kind_of,
    target_tokens,
    tensor_of,
)
from explorer.prediction.removal_truth import RemovalTruth
from jepakit.data.coverage import coverage_of
from jepakit.evals.probes.run_probe import encoder_of
from jepakit.nn.attention_maps import mean_attention
from jepakit.nn.vit import VisionTransformer
from jepakit.protocols import Intervenes
from jepakit.training.module import JepaModule

RESIDUAL, LATENTS, NEARNESS, ATTENTION = (
    "predicted residual",
    "true change of latents",
    "nearness",
    "attention",
)
ATTENTION_TOKENS = 2048  # above, attention weights of all pairs take too long and too much memory

TokenMap = Float[np.ndarray, "tt hh ww"]


@runtime_checkable
class Counterfactuals(Predicting, Intervenes, Protocol):
    """A model that says what a scene is like without an object."""


@runtime_checkable
class WeighsResidual(Protocol):
    """A model whose training weighs the error of the predicted change."""

    causal_weight: float


@dataclass(frozen=True)
class Counterfactual:
    """What a model says of a removal, beside what truly happens.

    Attributes:
        clip: as the model saw it.
        labels: label map of every frame.
        removed: id of the removed object.
        visible: tokens that do not show the removed object; the others were hidden.
        others: visible tokens that show another object.
        predicted: norm of the residual that the model predicts; NaN where hidden.
        baselines: nearness to the removed object, and attention to it where it can be told.
        truth: None without a re-simulation of this removal.
        names: of the objects, in order.
        coverage: of the tokens by objects, see :class:`jepakit.batch.SceneBatch`.
    """

    clip: Clip
    labels: UInt8[np.ndarray, "t h w"]
    removed: int
    visible: Bool[np.ndarray, "tt hh ww"]
    others: Bool[np.ndarray, "tt hh ww"]
    predicted: TokenMap
    baselines: Mapping[str, TokenMap]
    truth: RemovalTruth | None
    names: tuple[str, ...]
    coverage: UInt8[np.ndarray, "k tt hh ww"] = field(repr=False)

    @property
    def name(self) -> str:
        """Of the removed object."""
        return self.names[self.removed - 1]

    @property
    def without(self) -> UInt8[np.ndarray, "t h w 3"] | None:
        """The re-simulated clip."""
        if self.truth is None or self.clip.truth is None:
            return None
        return self.clip.truth.without[self.removed]


def capable(model: object) -> Counterfactuals:
    """The model as one that was trained to predict what a removal changes.

    Raises:
        ValueError: it was not.
    """
    if not isinstance(model, Counterfactuals):
        raise ValueError(
            f"{kind_of(model)} does not predict what the removal of an object changes: "
            "choose a run of Causal-JEPA, such as configs/cjepa/demo.yaml."
        )
    if isinstance(model, WeighsResidual) and model.causal_weight == 0:
        raise ValueError(
            "This model's residual head was not trained (causal_weight is 0), so it says nothing "
            "of removals: choose a run with causal_weight above 0."
        )
    return model


def object_at(labels: UInt8[np.ndarray, "t h w"], x: float, y: float, frame: int) -> int:
    """Id of the object at pixel ``(x, y)`` (column, row) of a frame.

    Raises:
        ValueError: background, or a pixel or frame outside of the clip.
    """
    frames, height, width = labels.shape
    if not (0 <= x < width and 0 <= y < height and 0 <= frame < frames):
        raise ValueError(
            f"Pixel ({x}, {y}) of frame {frame} lies outside of {frames} frames of {width} x "
            f"{height} pixels."
        )
    identity = int(labels[frame, int(y), int(x)])
    if identity == 0:
        raise ValueError("There is no object at this place: click on one.")
    return identity


def label_map(
    clip: Clip, labels: UInt8[np.ndarray, "t h w"] | None = None
) -> UInt8[np.ndarray, "t h w"]:
    """The label map given, or the clip's own.

    Raises:
        ValueError: there is neither, or one of another size.
    """
    found = labels if labels is not None else None if clip.truth is None else clip.truth.labels
    if found is None:
        raise ValueError(
            f"'{clip.name}' has no object masks, and an object can only be removed where it is "
            "known which pixels it has: take a generated scene, or give a label map of the clip."
        )
    if found.shape != clip.frames.shape[:3]:
        raise ValueError(f"The label map is {found.shape}, the clip {clip.frames.shape[:3]}.")
    return found


def counterfactual(
    model: object,
    clip: Clip,
    removed: int,
    *,
    labels: UInt8[np.ndarray, "t h w"] | None = None,
) -> Counterfactual:
    """Ask a model what changes without an object, and look what does.

    Source: Causal-JEPA, Algorithm 3; the truth is the same world simulated again without it.

    Args:
        model: predicts the change of a removal, see :class:`jepakit.protocols.Intervenes`.
        clip: of the length and size that the model was trained on.
        removed: id of the object in the label map.
        labels: label map; the clip's own by default. With another one the re-simulations are left
            aside, since its ids are others.

    Raises:
        ValueError: the model cannot tell, the clip does not fit or has no label map, or the object
            is nowhere to be seen, or everywhere.
    """
    able = capable(model)
    request = able.request
    fitting(clip.frames, request)
    ids = label_map(clip, labels)
    names = _names(clip, ids, own=labels is None)
    _check(removed, ids, names)
    coverage = coverage_of(ids, len(names), patch=request.patch, tubelet=request.tubelet)
    device = device_of(able)
    with torch.no_grad():
        answer = able.intervene(
            tensor_of(clip.frames, device)[None],
            tensor_of(coverage, device)[None],
            [[removed]],
        )
    visible = answer.visible[0].bool().cpu().numpy().reshape(request.grid)
    norm = answer.residual[0].double().norm(dim=-1).cpu().numpy().reshape(request.grid)
    return Counterfactual(
        clip=clip,
        labels=ids,
        removed=removed,
        visible=visible,
        others=visible & (coverage > 0).any(axis=0),
        predicted=np.where(visible, norm, np.nan),
        baselines=_baselines(model, clip, coverage[removed - 1]),
        truth=_truth(able, clip, removed) if labels is None else None,
        names=names,
        coverage=coverage,
    )


def _names(clip: Clip, labels: np.ndarray, *, own: bool) -> tuple[str, ...]:
    if own and clip.truth is not None:
        return clip.truth.names
    return tuple(f"object {i}" for i in range(1, int(labels.max()) + 1))


def _check(removed: int, labels: np.ndarray, names: tuple[str, ...]) -> None:
    if not 1 <= removed <= len(names):
        raise ValueError(f"Objects are numbered 1..{len(names)}, asked for {removed}.")
    if not (labels == removed).any():
        raise ValueError(f"'{names[removed - 1]}' (object {removed}) is nowhere to be seen.")


def _truth(model: Predicting, clip: Clip, removed: int) -> RemovalTruth | None:
    truth = clip.truth
    if truth is None or removed not in truth.without:
        return None
    other = truth.without[removed]
    before, after = target_tokens(model, np.stack([clip.frames, other])).double()
    norm = (before - after).norm(dim=-1).cpu().numpy().reshape(model.request.grid)
    return RemovalTruth.of(
        clip.frames, other, truth.labels, removed, count=len(truth.names), latents=norm
    )


def _baselines(
    model: object, clip: Clip, covered: UInt8[np.ndarray, "tt hh ww"]
) -> dict[str, TokenMap]:
    """What knows no effects: how near a token is to the removed object, and attention to it."""
    away = [
        distance_transform_edt(here == 0) if here.any() else np.full(here.shape, np.inf)
        for here in covered
    ]
    far = float(sum(covered.shape[1:]))
    found = {NEARNESS: -np.minimum(np.stack(away), far)}
    encoder = encoder_of(model, "target") if isinstance(model, JepaModule) else None
    if isinstance(encoder, VisionTransformer) and encoder.tokens <= ATTENTION_TOKENS:
        frames = tensor_of(clip.frames, device_of(encoder))[None]
        weights = tensor_of(covered, frames.device).flatten().float() / 255
        received = mean_attention(encoder, frames)[0] @ weights
        found[ATTENTION] = received.double().cpu().numpy().reshape(covered.shape)
    return found
