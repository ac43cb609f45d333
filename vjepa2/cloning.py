"""Behaviour cloning with goals: the control that every planner is held against."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from jepakit.actions import ActionSpace
from jepakit.batch import BatchRequest
from jepakit.nn.flops import TRAINING
from jepakit.nn.readout import AllPatches
from jepakit.nn.vit import VisionTransformer
from jepakit.training.module import JepaModule
from jepakit.training.optimization import Optimization
from jepakit.transitions import TransitionBatch
from vjepa2.perception import Perception, ReadoutOf


@dataclass(frozen=True)
class CloningLosses:
    """The error of a cloned policy.

    Attributes:
        total: mean square error of actions whose bounds are at -1 and 1.
        mean_action: what always doing the batch's mean action would get.
        pooled: latent of each window's present, for the collapse monitor.
    """

    total: Float[Tensor, ""]
    mean_action: Float[Tensor, ""]
    pooled: Float[Tensor, "b d"]

    def log(self) -> dict[str, Tensor]:
        """Scalars by name; ``over_mean`` below 1 is better than the mean action."""
        return {"over_mean": self.total / self.mean_action.clamp(min=1e-12)}


class Cloning(JepaModule):
    """From the present, a goal picture and the agent's own state to the action that was done.

    The goal is a later frame of the same episode (hindsight), any of the window's with the same
    probability: what was done there did lead to it. Encoder, readout and an MLP learn together.

    Source: goal-conditioned behaviour cloning, the control of V-JEPA 2, section 9.3; goals in
    hindsight as in Ding et al. 2019.

    Args:
        encoder: sees single frames.
        actions: names and bounds of the actions.
        frames: frames of a window; goals are up to ``frames - 1`` steps ahead.
        readout: builds what turns patch tokens into latents.
        hidden: width of the MLP.
        optimization: learning rate, weight decay and their schedules.
    """

    def __init__(
        self,
        encoder: VisionTransformer,
        *,
        actions: ActionSpace,
        frames: int = 11,
        readout: ReadoutOf = AllPatches,
        hidden: int = 512,
        optimization: Optimization | None = None,
    ) -> None:
        super().__init__(optimization or Optimization())
        if frames < 2:
            raise ValueError(
                f"A goal needs a later frame: frames must be at least 2, got {frames}."
            )
        self.frames, self.actions = frames, actions
        self.perception = Perception(encoder, readout, normalise=False)
        rows, columns = self.perception.grid
        seen = 2 * rows * columns * self.perception.width + actions.states
        self.policy = nn.Sequential(
            nn.LayerNorm(seen),
            nn.Linear(seen, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, len(actions)),
        )

    @property
    def request(self) -> BatchRequest:
        """The windows that it takes."""
        frame = self.perception.encoder.request
        return BatchRequest(frames=self.frames, size=frame.size, patch=frame.patch, tubelet=1)

    @property
    def masker(self) -> None:
        """Nothing is hidden."""
        return

    def ema_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """There is no teacher."""
        return []

    def loss(self, batch: TransitionBatch) -> CloningLosses:
        """Error of one present per window."""
        count, device = len(batch), batch.actions.device
        rows = torch.arange(count, device=device)
        present = torch.randint(0, self.frames - 1, (count,), device=device)
        ahead = torch.rand(count, device=device) * (self.frames - 1 - present)
        goal = present + 1 + ahead.long()
        latents = self.perception(
            torch.stack([batch.frames[rows, present], batch.frames[rows, goal]], dim=1)
        )
        found = self._policy(latents, batch.states[rows, present])
        wanted = self.actions.normalised(batch.actions[rows, present])
        return CloningLosses(
            total=F.mse_loss(found, wanted),
            mean_action=wanted.var(dim=0, correction=0).mean(),
            pooled=latents[:, 0].mean(dim=1),
        )

    @torch.no_grad()
    def act(
        self,
        frames: UInt8[Tensor, "p h w 3"],
        goals: UInt8[Tensor, "p h w 3"],
        states: Float[Tensor, "p s"],
    ) -> Float[Tensor, "p a"]:
        """The action for each present and goal, within the bounds."""
        latents = self.perception(torch.stack([frames, goals], dim=1).to(self.device))
        seen = states[:, : self.actions.states].to(self.device)
        found = self._policy(latents, seen).clamp(-1, 1)
        low, high = self.actions.bounds(found)
        return (low + high) / 2 + found * (high - low) / 2

    def flops(self, batch: TransitionBatch) -> float:
        """Model FLOPs of a training step."""
        encoder, count = self.perception.encoder, 2 * len(batch)
        layers = [layer for layer in self.policy if isinstance(layer, nn.Linear)]
        weights = sum(layer.weight.numel() for layer in layers)
        seen = encoder.flops([encoder.tokens] * count) + self.perception.readout.flops(count)
        return TRAINING * (seen + 2.0 * len(batch) * weights)

    def _policy(self, latents: Tensor, states: Tensor) -> Tensor:
        return self.policy(torch.cat([latents.flatten(1), states], dim=1))
