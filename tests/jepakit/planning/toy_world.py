"""A world model that can be followed by hand: every token moves alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from planning_problems import SPACE
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.batch import BatchRequest


@dataclass(frozen=True)
class ToyState:
    """Latents alone."""

    latents: Tensor

    def repeat(self, samples: int) -> ToyState:
        return ToyState(self.latents.repeat_interleave(samples, dim=0))


class ToyWorld:
    """``z <- 0.9 z + tanh(W a)``, 3 tokens of width 4; notes how many rows each step had."""

    def __init__(self) -> None:
        self.matrix = torch.randn(4, 2, generator=torch.Generator().manual_seed(1))
        self.rows: list[int] = []

    @property
    def actions(self) -> ActionSpace:
        return SPACE

    @property
    def request(self) -> BatchRequest:
        return BatchRequest(frames=1, size=(4, 4), patch=2, tubelet=1)

    def start(self, frames: Tensor, actions: Tensor, states: Tensor) -> ToyState:
        return ToyState(self.goal(frames[:, -1]))

    def step(self, state: ToyState, action: Tensor) -> ToyState:
        self.rows.append(len(action))
        moved = torch.tanh(action @ self.matrix.T.to(action)).unsqueeze(1)
        return ToyState(0.9 * state.latents + moved)

    def goal(self, frames: Tensor) -> Tensor:
        return frames.float().flatten(1).mean(dim=1).view(-1, 1, 1).expand(-1, 3, 4)


def latents(problems: int = 2, *, seed: int = 0) -> Tensor:
    return torch.randn(problems, 3, 4, generator=torch.Generator().manual_seed(seed))
