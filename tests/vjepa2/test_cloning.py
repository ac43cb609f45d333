"""The cloned policy: what it learns from, and what it does."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from jepakit.actions import ActionSpace
from jepakit.nn.readout import PooledPatches
from jepakit.nn.vit import VisionTransformer
from jepakit.transitions import TransitionBatch
from vjepa2.cloning import Cloning

SPACE = ActionSpace(("x", "y"), (-2.0, 0.0), (2.0, 1.0), ("px", "py"))


def small(frames: int = 4) -> Cloning:
    torch.manual_seed(0)
    encoder = VisionTransformer(24, depth=1, heads=2, frames=2, size=32, patch=8)
    return Cloning(
        encoder, actions=SPACE, frames=frames, readout=partial(PooledPatches, side=2), hidden=16
    )


def batch(size: int = 64) -> TransitionBatch:
    generator = torch.Generator().manual_seed(1)
    made = TransitionBatch.fake(size, frames=4, generator=generator)
    return TransitionBatch(made.frames, made.actions.abs(), made.states, made.keys)


class TestLoss:
    def test_presents_and_later_goals_are_drawn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The action is that of the present; every later frame can be the goal, no earlier one."""
        model, given = small(), batch()
        shown = []
        monkeypatch.setattr(
            model, "_policy", lambda latents, states: shown.append(states) or given.actions[:, 0]
        )
        seen = []
        real = model.perception.forward
        monkeypatch.setattr(model.perception, "forward", lambda x: seen.append(x) or real(x))
        torch.manual_seed(2)
        loss = model.loss(given)
        pairs = set()
        wanted = []
        for row, (present, goal) in enumerate(seen[0]):
            places = [
                (given.frames[row] == frame).flatten(1).all(dim=1) for frame in (present, goal)
            ]
            first, later = (int(place.nonzero()) for place in places)
            pairs.add((first, later))
            assert torch.equal(shown[0][row], given.states[row, first])
            wanted.append(SPACE.normalised(given.actions[row, first]))
        assert pairs == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}
        expected = (given.actions[:, 0] - torch.stack(wanted)).square().mean()
        assert loss.total.item() == pytest.approx(expected.item())

    def test_the_mean_action(self) -> None:
        given = batch()
        same = TransitionBatch(
            given.frames, torch.ones_like(given.actions), given.states, given.keys
        )
        assert small().loss(same).mean_action.item() == 0.0

    def test_everything_learns(self) -> None:
        model = small()
        model.loss(batch()).total.backward()
        silent = [name for name, p in model.named_parameters() if p.grad is None]
        assert silent == []


class TestActing:
    def test_actions_are_in_their_own_units_and_bounds(self) -> None:
        model, given = small(), batch(8)
        with torch.no_grad():
            for parameter in model.policy[-1].parameters():
                parameter.mul_(1000)
        found = model.act(given.frames[:, 0], given.frames[:, 3], given.states[:, 0])
        low, high = SPACE.bounds(found)
        assert ((found >= low) & (found <= high)).all()
        assert ((found == low) | (found == high)).any(dim=0).all()

    def test_the_inverse_of_normalised(self) -> None:
        model, given = small(), batch(8)
        with torch.no_grad():
            latents = model.perception(given.frames[:, [0, 3]])
            raw = model._policy(latents, given.states[:, 0])
        found = model.act(given.frames[:, 0], given.frames[:, 3], given.states[:, 0])
        assert torch.allclose(SPACE.normalised(found), raw.clamp(-1, 1), atol=1e-6)

    def test_a_window_of_one_frame_has_no_goal(self) -> None:
        with pytest.raises(ValueError, match="at least 2, got 1"):
            small(frames=1)
