"""V-JEPA 2, phase 2: the world model on actions, the one place that knows its parts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from jepakit.actions import ActionSpace
from jepakit.batch import BatchRequest
from jepakit.data.transitions.features import weights_sha256
from jepakit.losses.sigreg import SigReg, SketchedSigReg
from jepakit.nn.flops import TRAINING
from jepakit.nn.readout import AllPatches
from jepakit.nn.vit import VisionTransformer
from jepakit.training.module import JepaModule
from jepakit.training.optimization import Optimization
from jepakit.transitions import TransitionBatch
from vjepa2.action_predictor import ActionPredictor
from vjepa2.dynamics_objective import DynamicsLosses, DynamicsObjective
from vjepa2.frame_attention import Past
from vjepa2.inverse_dynamics import InverseDynamics
from vjepa2.latent_state import DynamicsState
from vjepa2.perception import Perception, ReadoutOf
from vjepa2.rollout_windows import imagined_windows, windows

Target = Literal["frozen", "ema", "online"]
"""Which latents of the next frame are to be predicted.

``frozen``: of an encoder that does not learn; it is in memory once, and not in the optimizer.
``ema``: of a moving average of an encoder that learns. ``online``: of the encoder itself, with
gradient; without SIGReg it collapses.
"""

FITTED_FRAMES = 3072

PredictorOf = Callable[[int, dict[str, int], tuple[int, int]], ActionPredictor]


class Dynamics(JepaModule):
    """From latents, the agent's own state and an action to the latents of the next frame.

    Source: V-JEPA 2-AC; V-JEPA 2, sections 4.4 and 4.6; for ``target: online`` LeWorldModel, where
    encoder and predictor learn together and SIGReg keeps latents apart. Differs: any encoder, any
    declared actions, attention on kept keys and values for rollouts in training and planning.

    Args:
        encoder: sees single frames; published or trained weights come with ``--start_from``.
        actions: names and bounds of the actions, and how they move the agent's own state.
        frames: frames of a window in training; without a ``memory`` of the predictor, imagination
            reaches no further.
        readout: builds what turns patch tokens into latents.
        predictor: builds the predictor.
        target: see :data:`Target`.
        objective: terms and weights of the loss.
        sigreg: keeps latents apart, one vector per latent; used with ``sigreg_weight``.
        normalise: whether latents have mean 0 and variance 1 each; leave it out with SIGReg.
        unused: conditions without a token whose weights a published file holds: name and numbers.
        recompute: keep only the inputs of the predictor's blocks for the backward pass.
        optimization: learning rate, weight decay and their schedules.

    Raises:
        ValueError: terms of the loss that the target or the frames rule out.
    """

    def __init__(
        self,
        encoder: VisionTransformer,
        *,
        actions: ActionSpace,
        frames: int = 8,
        readout: ReadoutOf = AllPatches,
        predictor: PredictorOf = ActionPredictor,
        target: Target = "frozen",
        objective: DynamicsObjective | None = None,
        sigreg: SigReg | None = None,
        normalise: bool = True,
        unused: dict[str, int] | None = None,
        recompute: bool = False,
        optimization: Optimization | None = None,
    ) -> None:
        super().__init__(optimization or Optimization())
        self.objective = objective or DynamicsObjective()
        self.frames, self.target, self._actions = frames, target, actions
        self._check()
        self.perception = Perception(encoder, readout, normalise=normalise)
        self.teacher: Perception | None = None
        if target == "ema":
            self.teacher = copy.deepcopy(self.perception).requires_grad_(requires_grad=False).eval()
        elif target == "frozen":
            self.perception.encoder.requires_grad_(requires_grad=False)
        sizes = {"action": len(actions)} | ({"state": actions.states} if actions.states else {})
        self.predictor = predictor(
            self.perception.width, sizes | (unused or {}), self.perception.grid
        )
        self.predictor.recompute = recompute
        self.sigreg = sigreg or SketchedSigReg()
        self.inverse: InverseDynamics | None = None
        if self.objective.inverse_weight:
            rows, columns = self.perception.grid
            self.inverse = InverseDynamics(rows * columns * self.width, len(actions))
        learns = self.learns_latents
        if learns != (self.objective.sigreg_weight > 0) and target == "frozen":
            raise ValueError(
                f"sigreg_weight is {self.objective.sigreg_weight}, and "
                + (
                    "the readout learns: without it all latents become one."
                    if learns
                    else "neither encoder nor readout learns: there is nothing to regularise."
                )
            )

    # -- training --------------------------------------------------------------------------------

    @property
    def request(self) -> BatchRequest:
        """The windows that it takes."""
        frame = self.perception.encoder.request
        return BatchRequest(frames=self.frames, size=frame.size, patch=frame.patch, tubelet=1)

    @property
    def actions(self) -> ActionSpace:
        """The actions it is trained on."""
        return self._actions

    @property
    def masker(self) -> None:
        """Nothing is hidden."""
        return

    @property
    def width(self) -> int:
        """Width of a latent."""
        return self.perception.width

    def ema_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """What the teacher follows, where there is one."""
        return [] if self.teacher is None else [(self.perception, self.teacher)]

    def loss(self, batch: TransitionBatch) -> DynamicsLosses:
        """All terms for one batch of windows."""
        latents, target = self._perceived(batch)
        given = self._conditions(batch.actions, batch.states[:, :-1])
        objective = self.objective
        predicted = self.perception.normed(self.predictor(latents[:, :-1], given))
        teacher_forced = objective.distance(predicted, target[:, 1:]).mean()
        zero = teacher_forced.new_zeros(())
        rollout, sigreg, inverse = zero, zero, zero
        if objective.rollout:
            steps, starts = objective.rollout, objective.starts(self.frames)
            imagined = imagined_windows(
                self.predictor,
                latents,
                given,
                steps=steps,
                starts=starts,
                normed=self.perception.normed,
            )
            goals = windows(target[:, 1:], steps, starts)
            rollout = objective.discounted(objective.distance(imagined, goals))
        if objective.sigreg_weight:
            sigreg = self.sigreg(latents.flatten(0, 2), step=self.global_step)
        if self.inverse is not None:
            done = self._actions.normalised(batch.actions)
            inverse = F.mse_loss(self.inverse(latents), done)
        return DynamicsLosses(
            total=teacher_forced
            + objective.rollout_weight * rollout
            + objective.sigreg_weight * sigreg
            + objective.inverse_weight * inverse,
            teacher_forced=teacher_forced,
            rollout=rollout,
            sigreg=sigreg,
            inverse=inverse,
            copied=objective.distance(target[:, :-1], target[:, 1:]).mean().detach(),
            pooled=latents.mean(dim=(1, 2)),
        )

    def flops(self, batch: TransitionBatch) -> float:
        """Model FLOPs of a training step; an encoder that does not learn counts its forward pass.

        Latents out of a cache cost nothing.
        """
        count, starts = len(batch), self.objective.starts(self.frames)
        moved = self.predictor.flops(count, self.frames - 1)
        moved += self.predictor.flops(count * starts, self.objective.rollout)
        encoder = self.perception.encoder
        seen = 0.0
        if batch.features is None:
            seen = encoder.flops([encoder.tokens] * (count * self.frames))
        read = self.perception.readout.flops(count * self.frames)
        factor = {"frozen": 1.0, "ema": TRAINING + 1.0, "online": float(TRAINING)}[self.target]
        return factor * seen + TRAINING * (moved + read)

    def on_train_start(self) -> None:
        """Fit a readout that is to be fitted to the data, to the first of its windows."""
        super().on_train_start()
        if not self.perception.fitted:
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            found: list[Tensor] = []
            for batch in data.train_dataloader():
                found.append(batch.frames)
                if sum(x.shape[0] * x.shape[1] for x in found) >= FITTED_FRAMES:
                    break
            self.perception.fit(torch.cat(found))

    @property
    def encoder_sha256(self) -> str:
        """Of what makes latents, for a cache of them.

        Raises:
            ValueError: it learns.
        """
        if self.learns_latents:
            raise ValueError(
                "Latents can be kept only where neither encoder nor readout learns: set target to "
                "frozen and take another readout, or leave data.features out."
            )
        return weights_sha256(self.perception)

    @property
    def learns_latents(self) -> bool:
        """Whether encoder or readout change in training."""
        return self.target != "frozen" or any(True for _ in self.perception.readout.parameters())

    # -- imagination -----------------------------------------------------------------------------

    @property
    def horizon_limit(self) -> int | None:
        """Frames that may be imagined and given in all; None where there is no limit."""
        endless = self.predictor.memory is not None and self.predictor.pairing == "interleaved"
        return None if endless else self.frames

    @torch.no_grad()
    def start(
        self,
        frames: UInt8[Tensor, "b t h w 3"],
        actions: Float[Tensor, "b t-1 a"],
        states: Float[Tensor, "b t s"],
    ) -> DynamicsState:
        """The state after some frames and what was done between them.

        Raises:
            ValueError: actions or states of another width than it was trained on.
        """
        self._check_widths(actions, states)
        latents = (self.teacher or self.perception)(frames)
        past = Past()
        if latents.shape[1] > 1:
            given = self._conditions(actions, states[:, :-1])
            past = self.predictor.extend(latents[:, :-1], given, past)[1]
        return DynamicsState(latents[:, -1], states[:, -1], past)

    def step(self, state: DynamicsState, action: Float[Tensor, "b a"]) -> DynamicsState:
        """The state after an action, imagined."""
        given = self._conditions(action.unsqueeze(1), state.proprio.unsqueeze(1))
        latents, past = self.predictor.extend(state.latents.unsqueeze(1), given, state.past)
        moved = (
            self._actions.moved(state.proprio, action) if self._actions.states else state.proprio
        )
        return DynamicsState(self.perception.normed(latents)[:, 0], moved, past)

    @torch.no_grad()
    def goal(self, frames: UInt8[Tensor, "b h w 3"]) -> Float[Tensor, "b n d"]:
        """Latents of goal images.

        Raises:
            ValueError: images of another size than the model's.
        """
        if frames.shape[1:3] != self.request.size:
            raise ValueError(
                f"A goal image must be {self.request.size}, came {tuple(frames.shape[1:3])}: "
                "resize it as the training frames were."
            )
        return (self.teacher or self.perception)(frames.unsqueeze(1))[:, 0]

    # -- details ---------------------------------------------------------------------------------

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Start with a run of its own kind, or with what another one sees with.

        That is the perception of kept latents, or the target encoder of another family's run.

        Raises:
            ValueError: there is neither among the weights.
        """
        seen, encoder = _below("perception.", weights), _below("target_encoder.", weights)
        if seen and len(seen) < len(weights):
            super().adopt(weights)
            return
        if not seen and not encoder:
            raise ValueError("These weights hold neither a world model nor a target_encoder.")
        for perception in (self.perception, self.teacher):
            if perception is not None:
                part = perception if seen else perception.encoder
                part.load_state_dict(seen or encoder)

    def on_train_batch_start(self, batch: TransitionBatch, batch_idx: int) -> None:
        """Seed the step, and keep an encoder that does not learn in evaluation mode."""
        super().on_train_batch_start(batch, batch_idx)
        if self.target == "frozen":
            self.perception.encoder.eval()

    def _perceived(self, batch: TransitionBatch) -> tuple[Tensor, Tensor]:
        """Latents that are predicted from, and those that are to be predicted."""
        if batch.features is not None:
            if self.learns_latents:
                raise ValueError("Kept latents are for an encoder and a readout that do not learn.")
            latents = batch.features.to(self.predictor.head.weight.dtype)
            return latents, latents
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.target != "frozen"):
            tokens = self.perception.tokens(batch.frames)
        latents = self.perception.read(tokens)
        if self.teacher is None:
            return latents, latents
        with torch.no_grad():
            return latents, self.teacher(batch.frames)

    def _conditions(self, actions: Tensor, states: Tensor) -> dict[str, Tensor]:
        given = {"action": actions}
        return given | ({"state": states} if "state" in self.predictor.used else {})

    def _check(self) -> None:
        objective = self.objective
        if self.frames < 2 or objective.rollout >= self.frames:
            raise ValueError(
                f"Windows of {self.frames} frames have {self.frames - 1} next frames, too few for "
                f"a rollout of {objective.rollout}."
            )

    def _check_widths(self, actions: Tensor, states: Tensor) -> None:
        space = self._actions
        found, wanted = (actions.shape[-1], states.shape[-1]), (len(space), space.states)
        if found != wanted:
            raise ValueError(
                f"The model was trained on {wanted[0]} actions {space.names} and {wanted[1]} "
                f"numbers of state; came {found[0]} and {found[1]}."
            )


def _below(mark: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of one part, by its own names."""
    return {name.removeprefix(mark): w for name, w in weights.items() if name.startswith(mark)}
