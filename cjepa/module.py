"""Causal-JEPA: the one place that knows which parts belong together."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cjepa.counterfactual import intervene
from cjepa.interventions import InterventionSource, intervened_latents
from cjepa.objective import CausalJepaLosses
from cjepa.predictor import Predictor
from cjepa.segmentation import LearnedObjects
from jepakit.batch import BatchRequest, SceneBatch, TokenMasks
from jepakit.losses import CausalResidualLoss, LatentLoss, SigReg, SpectralSigReg
from jepakit.nn.edits import Edit
from jepakit.nn.flops import TRAINING
from jepakit.nn.pooling import mean_pool
from jepakit.nn.vit import VisionTransformer
from jepakit.protocols import Intervention, Masker
from jepakit.training.module import JepaModule
from jepakit.training.optimization import Optimization


class CausalJEPA(JepaModule):
    """Hide whole objects; predict their latents and what their removal changes (Algorithm 1).

    Differs from the paper: targets are layer-normalised by default, tokens are packed rather than
    cut to the shortest sample, and what the paper leaves open is an argument.

    Args:
        encoder: the context encoder; the target encoder starts as its copy.
        masker: what is hidden in each sample, run by the data module; None with ``segmentation``.
        predictor: builds the predictor from the encoder's width and grid.
        latent_loss: distance of predicted to target latents, ``L_pred``.
        causal_loss: error of the predicted change, ``L_causal``.
        causal_weight: ``lambda``; at 0 the intervened scene is not encoded at all.
        sigreg: regulariser of the pooled context latents, ``L_sigreg``.
        sigreg_weight: ``mu``.
        intervention: what "without the object" means, see :mod:`cjepa.interventions`.
        full_sequence: whether the context encoder sees every token, hidden ones zeroed (ablation).
        segmentation: slots learned on the target encoder's tokens take the place of objects
            (ablation).
        frozen_encoder: whether the predictor alone learns: a second stage on the target encoder of
            a first one (``--start_from``): latents hold still while their changes are learned.
        optimization: learning rate, weight decay and their schedules.

    Raises:
        ValueError: neither a masker nor a segmentation, or both; or a masker that hides more
            regions than the predictor has slots for.
    """

    def __init__(
        self,
        encoder: VisionTransformer,
        *,
        masker: Masker | None = None,
        predictor: Callable[[int, tuple[int, int, int]], Predictor] = Predictor,
        latent_loss: LatentLoss | None = None,
        causal_loss: CausalResidualLoss | None = None,
        causal_weight: float = 0.5,
        sigreg: SigReg | None = None,
        sigreg_weight: float = 0.01,
        intervention: InterventionSource = "zero",
        full_sequence: bool = False,
        segmentation: Callable[[int, tuple[int, int, int]], LearnedObjects] | None = None,
        frozen_encoder: bool = False,
        optimization: Optimization | None = None,
    ) -> None:
        super().__init__(optimization or Optimization())
        if (masker is None) == (segmentation is None):
            raise ValueError("Give either a masker or a segmentation, to say what is hidden.")
        self.encoder = encoder
        self.target_encoder = copy.deepcopy(encoder).requires_grad_(requires_grad=False).eval()
        self.frozen_encoder = frozen_encoder
        encoder.requires_grad_(requires_grad=not frozen_encoder)
        self.predictor = predictor(encoder.width, encoder.grid)
        slots = self.predictor.slot_embedding.num_embeddings
        if masker is not None and masker.max_slots > slots:
            raise ValueError(
                f"{type(masker).__name__} hides up to {masker.max_slots} regions of a sample, but "
                f"the predictor has {slots} slots: raise predictor.slots."
            )
        self.latent_loss = latent_loss or LatentLoss()
        self.causal_loss = causal_loss or CausalResidualLoss()
        self.sigreg = sigreg or SpectralSigReg()
        self.segmentation = segmentation and segmentation(encoder.width, encoder.grid)
        self._masker = masker
        self.causal_weight = causal_weight
        if causal_weight == 0:
            self.predictor.freeze_residual()
        self.sigreg_weight = sigreg_weight
        self.intervention: InterventionSource = intervention
        self.full_sequence = full_sequence

    @property
    def request(self) -> BatchRequest:
        """The clips that the encoder takes, and what the intervention needs of a batch."""
        causal = self.causal_weight > 0
        return dataclasses.replace(
            self.encoder.request,
            labels=causal and self.intervention == "zero",
            counterfactual=causal and self.intervention == "resimulated",
        )

    @property
    def masker(self) -> Masker | None:
        """What the data module hides in each sample; None where the model finds objects itself."""
        return self._masker

    @property
    def width(self) -> int:
        """Width of a token's latent."""
        return self.encoder.width

    @property
    def needs_weights(self) -> str:
        """A frozen encoder that nobody has trained teaches the predictor noise."""
        if not self.frozen_encoder:
            return ""
        return "model.frozen_encoder holds an encoder still that would have random weights"

    def ema_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """The context encoder and the target encoder that follows it."""
        return [(self.encoder, self.target_encoder)]

    def loss(self, batch: SceneBatch) -> CausalJepaLosses:
        """All terms for one batch (Algorithm 1, lines 7-15)."""
        with torch.no_grad():
            full = self.target_encoder(batch.frames).tokens
        segmentation = full.new_zeros(())
        masks = batch.masks
        if self.segmentation is not None:
            masks, segmentation = self.segmentation(full, batch, self.global_step)
        if masks is None:
            raise ValueError("The batch carries no masks; the data module draws them by a masker.")
        if masks.views > 1:
            raise ValueError(
                f"The batch has {masks.views} masks per clip and Causal-JEPA takes one, since the "
                "change that it predicts belongs to one removal: use a masker of single samples."
            )
        context = self._context(batch.frames, masks)
        prediction = self.predictor(context, masks)
        zero = context.new_zeros((), dtype=torch.float32)
        l_pred = self.latent_loss(prediction.target, full[masks.target.index], masks.target)
        l_causal = zero
        if self.causal_weight > 0:
            change = self._change(full, batch, masks, prediction.residual)
            l_causal = self.causal_loss(prediction.residual, change, masks.context)
        pooled = mean_pool(context, masks.context)
        l_sigreg = zero
        # The last batch of a validation may be a single clip, which has no spread to judge.
        if self.sigreg_weight > 0 and (self.training or len(batch) > 1):
            l_sigreg = self.sigreg(pooled, step=self.global_step)
        weighted = self.causal_weight * l_causal + self.sigreg_weight * l_sigreg
        return CausalJepaLosses(
            total=l_pred + weighted + segmentation,
            prediction=l_pred,
            causal=l_causal,
            sigreg=l_sigreg,
            segmentation=segmentation,
            fallback=zero + sum(masks.fallback) / len(batch),
            hidden=zero + masks.target.total / (len(batch) * masks.target.grid),
            pooled=pooled,
        )

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Start with the weights of a run; a frozen encoder is that run's target encoder."""
        super().adopt(weights)
        if self.frozen_encoder:
            self.encoder.load_state_dict(self.target_encoder.state_dict())

    def _context(
        self,
        frames: UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"],
        masks: TokenMasks,
    ) -> Float[Tensor, "c d"]:
        if not self.full_sequence:
            return self.encoder(frames, masks.context).tokens
        blank = {"embed": Edit.replace(0.0, masks.target.index)}
        return self.encoder(frames, edits=blank).tokens[masks.context.index]

    @torch.no_grad()
    def _change(
        self,
        full: Float[Tensor, "bn d"],
        batch: SceneBatch,
        masks: TokenMasks,
        residual: Float[Tensor, "c d"],
    ) -> Float[Tensor, "c d"]:
        removed = intervened_latents(self.target_encoder, batch, masks, self.intervention)
        change = full[masks.context.index] - removed
        if self.intervention == "resimulated" and batch.removed is not None:
            # A sample without a re-simulation, or whose removed object could not be hidden, says
            # nothing about removal: its error is made 0.
            known = (batch.removed > 0) & ~masks.hidden_ids[:, 0]
            known = known[masks.context.sample].unsqueeze(1)
            change = torch.where(known, change, residual.detach().to(change.dtype))
        return change

    def flops(self, batch: SceneBatch) -> float:
        """Model FLOPs of one training step on this batch; padding would not count."""
        size, n = len(batch), self.encoder.tokens
        masks = batch.masks
        context = masks.context.lengths if masks else (n,) * size
        target = masks.target.lengths if masks else (0,) * size
        seen = (n,) * size if self.full_sequence else context
        learns = 1 if self.frozen_encoder else TRAINING
        total = learns * self.encoder.flops(seen)
        total += TRAINING * self.predictor.flops(context, target)
        total += self.encoder.flops((n,) * size)
        if self.causal_weight > 0:
            second = context if self.intervention == "drop" else (n,) * size
            total += self.encoder.flops(second)
        return total

    def compile_blocks(self) -> None:
        """Compile the dense parts of every block, see :meth:`VisionTransformer.compile_blocks`."""
        self.encoder.compile_blocks()
        self.target_encoder.compile_blocks()
        self.predictor.compile_blocks()

    def encode(
        self, frames: UInt8[Tensor, "b t h w 3"], *, target: bool = True
    ) -> Float[Tensor, "b n d"]:
        """Latents of the full scene from the target encoder, or from the context encoder."""
        return (self.target_encoder if target else self.encoder).encode(frames)

    @torch.no_grad()
    def visible_latents(
        self, frames: UInt8[Tensor, "b t h w 3"], masks: TokenMasks
    ) -> Float[Tensor, "c e"]:
        """What the predictor reads, see :class:`jepakit.protocols.PredictsHidden`."""
        return self._context(frames, masks)

    def target_latents(self, frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b n e"]:
        """What is to be predicted, not normalised."""
        return self.target_encoder.encode(frames)

    @torch.no_grad()
    def predict_hidden(
        self, context: Float[Tensor, "c e"], masks: TokenMasks
    ) -> Float[Tensor, "m e"]:
        """Latents of the hidden tokens."""
        return self.predictor(context, masks).target

    @torch.no_grad()
    def hidden_errors(
        self, predicted: Float[Tensor, "m e"], target: Float[Tensor, "m e"]
    ) -> Float[Tensor, " m"]:
        """``L_pred`` of each hidden token."""
        return self.latent_loss.tokens(predicted, target)

    def intervene(
        self,
        frames: UInt8[Tensor, "b t h w 3"],
        coverage: UInt8[Tensor, "b k tt hh ww"],
        objects: Sequence[Sequence[int]],
    ) -> Intervention:
        """The scene without ``objects``, see :func:`cjepa.counterfactual.intervene`."""
        return intervene(self.encoder, self.predictor, frames, coverage, objects)
