"""Planes of actions: a world whose minimum is known, a loop over a tiny run, refusals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from planted_models import tiny_cjepa
from tiny_dynamics import SIZE, dynamics, write_run
from torch import Tensor

from explorer.prediction.action_plane import action_plane
from explorer.prediction.figures import action_figure
from jepakit.actions import ActionSpace
from jepakit.batch import BatchRequest
from jepakit.training.runs import load_run


@dataclass(frozen=True)
class Place:
    latents: Tensor

    def repeat(self, samples: int) -> Place:
        return Place(self.latents.repeat_interleave(samples, dim=0))


class Mover:
    """A latent is the first pixel's red and green; an action adds to them."""

    actions = ActionSpace(("dx", "turn", "dy"), (-4.0, 0.0, -8.0), (4.0, 1.0, 8.0))
    request = BatchRequest(frames=2, size=(4, 4), patch=2, tubelet=1)

    def start(self, frames: Tensor, actions: Tensor, states: Tensor) -> Place:
        assert frames.shape[1] == actions.shape[1] + 1 == states.shape[1]
        return Place(self.goal(frames[:, -1]))

    def step(self, state: Place, action: Tensor) -> Place:
        return Place(state.latents + action[:, None, ::2])

    def goal(self, frames: Tensor) -> Tensor:
        return frames[:, 0, 0, :2].float().unsqueeze(1)


def episode(actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    places = np.array([50, 50]) + np.concatenate([np.zeros((1, 2)), actions[:, ::2].cumsum(axis=0)])
    frames = np.zeros((len(places), 4, 4, 3), np.uint8)
    frames[:, 0, 0, :2] = places
    return frames, actions.astype(np.float32), np.zeros((len(places), 0), np.float32)


def test_the_minimum_is_at_the_true_action() -> None:
    frames, actions, states = episode(np.array([[1.0, 0, 5], [2.0, 0.5, -4]]))
    plane = action_plane(Mover(), frames, actions, states, axes=(0, 2), steps=5, batch=7)
    assert (plane.best, plane.true) == ((2.0, -4.0), (2.0, -4.0))
    assert (plane.lower, plane.true_energy) == (0.0, 0.0)
    assert plane.names == ("dx", "dy")
    assert plane.held == pytest.approx((2 + 4) / 2)
    dx, dy = np.meshgrid(np.linspace(-4, 4, 5), np.linspace(-8, 8, 5))
    np.testing.assert_allclose(plane.energy, (abs(dx - 2) + abs(dy + 4)) / 2)


def test_a_wrong_model_is_found_out() -> None:
    frames, actions, states = episode(np.array([[2.0, 0.5, -4]]))
    actions[-1, 0] = -2.0
    plane = action_plane(Mover(), frames, actions, states, axes=(0, 2), steps=5)
    assert plane.best == (2.0, -4.0)
    assert plane.lower == pytest.approx((plane.energy < 2.0).mean())
    assert plane.lower > 0


@torch.no_grad()
def test_it_is_a_loop_over_a_run(tmp_path: Path) -> None:
    write_run(tmp_path / "run", dynamics(frames=4))
    model = load_run(tmp_path / "run")
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, SIZE, SIZE, 3)).astype(np.uint8)
    actions = rng.uniform(-1, 1, (3, 2)).astype(np.float32)
    states = rng.uniform(0.1, 0.9, (4, 2)).astype(np.float32)
    plane = action_plane(model, frames, actions, states, steps=3, batch=2)
    clip, done, own = (torch.from_numpy(x)[None] for x in (frames, actions, states))
    goal = model.goal(clip[:, -1])
    state = model.start(clip[:, :3], done[:, :2], own[:, :3])
    for row, second in enumerate((-1.0, 0.0, 1.0)):
        for column, first in enumerate((-1.0, 0.0, 1.0)):
            imagined = model.step(state, torch.tensor([[first, second]])).latents
            slow = float((imagined - goal).abs().double().mean())
            assert plane.energy[row, column] == pytest.approx(slow, rel=1e-5)
    slow = float((model.step(state, done[:, 2]).latents - goal).abs().double().mean())
    assert plane.true_energy == pytest.approx(slow, rel=1e-5)


def test_refusals(tmp_path: Path) -> None:
    frames, actions, states = episode(np.array([[2.0, 0.5, -4]]))
    with pytest.raises(ValueError, match="CausalJEPA imagines no actions"):
        action_plane(tiny_cjepa(), frames, actions, states)
    with pytest.raises(ValueError, match="two or more frames"):
        action_plane(Mover(), frames[:1], actions[:0], states[:1])
    with pytest.raises(ValueError, match="3 actions and 0 states"):
        action_plane(Mover(), frames, actions[:, :2], states)
    for axes in ((0, 0), (0, 3)):
        with pytest.raises(ValueError, match="two different actions"):
            action_plane(Mover(), frames, actions, states, axes=axes)
    model = write_run(tmp_path / "run", dynamics(frames=3))
    blank = np.zeros((4, SIZE, SIZE, 3), np.uint8)
    zeros = np.zeros((3, 2), np.float32), np.zeros((4, 2), np.float32)
    with pytest.raises(ValueError, match="can imagine 2 steps"):
        action_plane(model, blank, *zeros)


def test_the_figure_marks_both_actions() -> None:
    frames, actions, states = episode(np.array([[2.0, 0.5, -4]]))
    figure = action_figure(action_plane(Mover(), frames, actions, states, axes=(0, 2), steps=5))
    best, true = figure.axes[0].lines
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (2.0, -4.0)
    assert (true.get_xdata()[0], true.get_ydata()[0]) == (2.0, -4.0)
    assert figure.axes[0].get_xlabel() == "dx"
