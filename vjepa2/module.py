"""V-JEPA 2, phase 1: the one place that knows which parts belong together."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from jepakit.batch import BatchRequest, SceneBatch, TokenMasks
from jepakit.nn.flops import TRAINING
from jepakit.nn.pooling import mean_pool
from jepakit.nn.vit import VisionTransformer
from jepakit.protocols import AnyMasker
from jepakit.training.module import JepaModule
from jepakit.training.optimization import Optimization
from jepakit.training.schedules import ramp
from vjepa2.objective import FeatureLoss, VJepaLosses, nearness, normalised
from vjepa2.predictor import Prediction, Predictor


class VJEPA2(JepaModule):
    """Hide tubes of a clip; predict the latents of what is hidden from what is visible.

    V-JEPA 2, section 2.1, and V-JEPA 2.1 with ``context_weight > 0`` and an encoder with levels;
    I-JEPA is the case of clips of one frame. An encoder with ``images`` also trains on batches of
    still images, by a tokenizer and vectors of their own. Differs: all masks of a clip run as one
    packed batch, and no token list is cut to the shortest of the batch unless the masker says so.

    Args:
        encoder: the context encoder; the target encoder starts as its copy.
        masker: what is hidden in each clip, once or several times.
        predictor: builds the predictor for the encoder.
        feature_loss: distance of predicted to target latents.
        context_weight: ``lambda`` of the loss on visible tokens (2.1); at 0 they are not predicted.
        context_ramp: optimizer steps between which ``lambda`` rises from 0, in a straight line.
        context_nearness: whether visible tokens weigh ``1 / sqrt(distance to a hidden one)``.
        recompute: keep only the inputs of blocks and run them again in the backward pass: a third
            more time, and memory for large models.
        optimization: learning rate, weight decay and their schedules.

    Raises:
        ValueError: visible tokens are to be predicted by a predictor without a head for them, or
            the other way round.
    """

    def __init__(
        self,
        encoder: VisionTransformer,
        *,
        masker: AnyMasker,
        predictor: Callable[[VisionTransformer], Predictor] = Predictor,
        feature_loss: FeatureLoss | None = None,
        context_weight: float = 0.0,
        context_ramp: tuple[int, int] = (0, 0),
        context_nearness: bool = True,
        recompute: bool = False,
        optimization: Optimization | None = None,
    ) -> None:
        super().__init__(optimization or Optimization())
        self.encoder = encoder
        self.target_encoder = copy.deepcopy(encoder).requires_grad_(requires_grad=False).eval()
        self.predictor = predictor(encoder)
        if (context_weight > 0) != (self.predictor.context_head is not None):
            raise ValueError(
                f"context_weight is {context_weight}, and the predictor has "
                f"{'no' if self.predictor.context_head is None else 'a'} head for visible tokens: "
                "set predictor.context to true exactly where context_weight is above 0."
            )
        self.encoder.recompute = self.predictor.recompute = recompute
        self.feature_loss = feature_loss or FeatureLoss()
        self._masker = masker
        self.context_weight = context_weight
        self.context_ramp = context_ramp
        self.context_nearness = context_nearness

    @property
    def request(self) -> BatchRequest:
        """The clips that the encoder takes."""
        return self.encoder.request

    @property
    def still_request(self) -> BatchRequest | None:
        """The still images that the encoder takes; None without a tokenizer of their own."""
        if not self.encoder.images:
            return None
        return dataclasses.replace(self.request, frames=1, tubelet=1)

    @property
    def masker(self) -> AnyMasker:
        """What the data module hides in each clip."""
        return self._masker

    @property
    def width(self) -> int:
        """Width of a token's latent."""
        return self.encoder.width

    def ema_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """The context encoder and the target encoder that follows it."""
        return [(self.encoder, self.target_encoder)]

    def loss(self, batch: SceneBatch) -> VJepaLosses:
        """All terms for one batch of clips under all their masks."""
        masks = batch.masks
        if masks is None:
            raise ValueError("The batch carries no masks; the data module draws them by a masker.")
        hierarchy = self.predictor.hierarchy
        with torch.no_grad():
            full = self.target_encoder(batch.frames, hierarchy=hierarchy).tokens
            target = normalised(full, self.width)
        context = self.encoder(batch.frames, masks.context, hierarchy=hierarchy).tokens
        image = self.encoder.images and batch.frames.shape[1] == 1
        predicted: Prediction = self.predictor(context, masks, image=image)
        rows = masks.target.index % len(target)
        prediction = self.feature_loss(
            predicted.target, target[rows], masks.target, joined=self._joined
        )
        zero = prediction.new_zeros(())
        seen, weight = zero, zero
        if predicted.context is not None:
            seen = self._context_loss(predicted.context, target, masks)
            weight = zero + self._context_weight_at(self.global_step)
        pooled = mean_pool(context[:, -self.width :], masks.context)
        return VJepaLosses(
            total=prediction + weight * seen,
            prediction=prediction,
            context=seen,
            context_weight=weight,
            visible=tuple(zero + kept.context for kept in masks.shares()),
            hidden=tuple(zero + kept.target for kept in masks.shares()),
            target_std=full.float().unflatten(0, (len(batch), -1)).std(dim=1).mean(),
            pooled=pooled.unflatten(0, (-1, len(batch))).mean(dim=0),
            image=zero + float(image) if self.encoder.images else None,
        )

    def _context_loss(
        self, predicted: Float[Tensor, "c d"], target: Float[Tensor, "bn d"], masks: TokenMasks
    ) -> Float[Tensor, ""]:
        goal = target[masks.context.index % len(target)]
        weight = nearness(masks, self.encoder.grid) if self.context_nearness else None
        return self.feature_loss(predicted, goal, masks.context, weight=weight, joined=self._joined)

    @property
    def _joined(self) -> bool:
        """Whether samples weigh the same; a rank of images weighs as one of clips (2.1)."""
        return not self.encoder.images

    def _context_weight_at(self, step: int) -> float:
        begin, end = self.context_ramp
        return ramp(step, start=0.0, end=self.context_weight, begin=begin, until=end)

    def flops(self, batch: SceneBatch) -> float:
        """Model FLOPs of one training step on this batch; padding would not count."""
        masks = batch.masks
        full = (masks.context.grid if masks else self.encoder.tokens,) * len(batch)
        context = masks.context.lengths if masks else full
        hidden = masks.target.lengths if masks else (0,) * len(batch)
        learned = self.encoder.flops(context) + self.predictor.flops(context, hidden)
        return TRAINING * learned + self.encoder.flops(full)

    def compile_blocks(self) -> None:
        """Compile the dense parts of every block, see :meth:`VisionTransformer.compile_blocks`."""
        self.encoder.compile_blocks()
        self.target_encoder.compile_blocks()
        self.predictor.compile_blocks()

    def encode(
        self, frames: UInt8[Tensor, "b t h w 3"], *, target: bool = True
    ) -> Float[Tensor, "b n d"]:
        """Latents of whole clips from the target encoder, or from the context encoder."""
        return (self.target_encoder if target else self.encoder).encode(frames)

    @torch.no_grad()
    def visible_latents(
        self, frames: UInt8[Tensor, "b t h w 3"], masks: TokenMasks
    ) -> Float[Tensor, "c e"]:
        """What the predictor reads, see :class:`jepakit.protocols.PredictsHidden`."""
        return self.encoder(frames, masks.context, hierarchy=self.predictor.hierarchy).tokens

    @torch.no_grad()
    def target_latents(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b n e"]:
        """What is to be predicted, all levels side by side, not normalised."""
        return self.target_encoder(frames, hierarchy=self.predictor.hierarchy).dense()

    @torch.no_grad()
    def predict_hidden(
        self, context: Float[Tensor, "c e"], masks: TokenMasks
    ) -> Float[Tensor, "m e"]:
        """Latents of the hidden tokens of clips, all levels side by side."""
        return self.predictor(context, masks).target

    @torch.no_grad()
    def hidden_errors(
        self, predicted: Float[Tensor, "m e"], target: Float[Tensor, "m e"]
    ) -> Float[Tensor, " m"]:
        """The prediction loss of each hidden token."""
        return self.feature_loss.tokens(predicted, normalised(target, self.width))
