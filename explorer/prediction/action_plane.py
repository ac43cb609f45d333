"""The energy of the true next frame over a plane of actions: is the true action at its minimum?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from explorer.prediction.asking import device_of, kind_of, tensor_of
from jepakit.evals.planning.prediction_quality import check_steps
from jepakit.losses.averaging import at_least_float32
from jepakit.protocols import WorldModel


@dataclass(frozen=True)
class ActionPlane:
    """Energies of a grid of actions, ``mean |z(a) - z|`` over the latents of the next frame.

    Attributes:
        energy: rows along the second action, columns along the first.
        first: values of the first action, in its own unit.
        second: values of the second action.
        names: of the two actions.
        true: the action that was done.
        true_energy: its energy.
        held: energy of the guess that nothing changes.
    """

    energy: Float[np.ndarray, "q r"]
    first: Float[np.ndarray, " r"]
    second: Float[np.ndarray, " q"]
    names: tuple[str, str]
    true: tuple[float, float]
    true_energy: float
    held: float

    @property
    def best(self) -> tuple[float, float]:
        """The action of the grid with the lowest energy."""
        row, column = np.unravel_index(int(self.energy.argmin()), self.energy.shape)
        return float(self.first[column]), float(self.second[row])

    @property
    def lower(self) -> float:
        """Share of the grid with a lower energy than the true action: 0 is perfect, 0.5 chance."""
        return float((self.energy < self.true_energy).mean())


def acting(model: object) -> WorldModel[Any]:
    """The model as one that imagines what actions lead to.

    Raises:
        ValueError: it does not.
    """
    if not isinstance(model, WorldModel):
        raise ValueError(
            f"{kind_of(model)} imagines no actions: choose a run of a world model, such as "
            "configs/vjepa2/push_dynamics.yaml."
        )
    return model


@torch.no_grad()
def action_plane(
    model: object,
    frames: UInt8[np.ndarray, "t h w 3"],
    actions: Float[np.ndarray, "t-1 a"],
    states: Float[np.ndarray, "t s"],
    *,
    axes: tuple[int, int] = (0, 1),
    steps: int = 21,
    batch: int = 64,
) -> ActionPlane:
    """Imagine the last frame with every action of a grid instead of the last action.

    Where nothing visible depends on the action, the plane is flat and its minimum means nothing:
    compare ``true_energy`` with ``held``, or choose a moment at which something moves.

    Source: V-JEPA 2-AC, the energy landscapes of section 4.

    Args:
        model: a world model.
        frames: of an episode, two at least; the last one is to be imagined.
        actions: done between them; what is not on the plane keeps its true value.
        states: the agent's own at each frame; 0 wide without one.
        axes: which two actions span the plane, between their bounds.
        steps: points along each.
        batch: actions that are imagined at once.

    Raises:
        ValueError: no world model, frames, actions or axes that it does not take.
    """
    able = acting(model)
    _check(able, frames, actions, states, axes, steps)
    device = device_of(model)
    clip, done, own = (tensor_of(x, device) for x in (frames, actions, states))
    done, own = done.float(), own.float()
    begin = able.start(clip[None, :-1], done[None, :-1], own[None, :-1])
    goal = at_least_float32(able.goal(clip[-1:]))
    low, high = able.actions.bounds(done)
    lines = [torch.linspace(float(low[a]), float(high[a]), steps, device=device) for a in axes]
    tried = done[-1].repeat(steps * steps + 1, 1)
    second, first = torch.meshgrid(lines[1], lines[0], indexing="ij")
    tried[:-1, axes[0]], tried[:-1, axes[1]] = first.flatten(), second.flatten()
    energies = torch.cat([_energies(able, begin, goal, part) for part in tried.split(batch)])
    values = energies.double().cpu().numpy()
    return ActionPlane(
        energy=values[:-1].reshape(steps, steps),
        first=lines[0].double().cpu().numpy(),
        second=lines[1].double().cpu().numpy(),
        names=(able.actions.names[axes[0]], able.actions.names[axes[1]]),
        true=(float(done[-1, axes[0]]), float(done[-1, axes[1]])),
        true_energy=float(values[-1]),
        held=float((at_least_float32(begin.latents) - goal).abs().double().mean()),
    )


def _energies(
    model: WorldModel[Any], begin: Any, goal: Float[Tensor, "1 n d"], tried: Float[Tensor, "s a"]
) -> Float[Tensor, " s"]:
    imagined = model.step(begin.repeat(len(tried)), tried)
    return (at_least_float32(imagined.latents) - goal).abs().mean(dim=(1, 2))


def _check(
    model: WorldModel[Any],
    frames: np.ndarray,
    actions: np.ndarray,
    states: np.ndarray,
    axes: tuple[int, int],
    steps: int,
) -> None:
    space, size = model.actions, model.request.size
    if frames.shape[1:3] != size or len(frames) < 2:
        raise ValueError(
            f"The world model takes two or more frames of {size} pixels, came {frames.shape[0]} "
            f"of {frames.shape[1:3]}."
        )
    check_steps([len(frames) - 1], getattr(model, "horizon_limit", None))
    if actions.shape[1] != len(space) or states.shape[1] != space.states:
        raise ValueError(
            f"The world model was trained on {len(space)} actions and {space.states} states, came "
            f"{actions.shape[1]} and {states.shape[1]}."
        )
    if axes[0] == axes[1] or not all(0 <= a < len(space) for a in axes) or steps < 2:
        raise ValueError(
            f"A plane needs two different actions out of 0..{len(space) - 1} {space.names} and 2 "
            f"points along each at least, came {axes} and {steps}."
        )
