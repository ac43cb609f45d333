"""Action spaces: how actions move an agent's state, as recorded and as written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jepakit.actions import FRANKA, PUSH, ActionSpace, StateChange
from worlds.push import MAX_TRAVEL, PushWorld
from worlds.push.table import HIGH, LOW

FIXTURE = Path(__file__).resolve().parents[3] / "shared/fixtures/vjepa2/official_planning_tiny.pt"
CART = ActionSpace(
    names=("force", "aim"),
    low=(-2.0, 0.0),
    high=(2.0, 4.0),
    state_names=("mass", "speed", "aim"),
    changes=(
        StateChange((0,), (1,), scale=0.1, low=-1.0, high=1.0),
        StateChange((1,), (2,), how="set"),
    ),
)


@pytest.fixture
def record() -> dict[str, Any]:
    if not FIXTURE.is_file():
        pytest.skip(f"no recorded outputs: {FIXTURE.name} is not beside the repository")
    return torch.load(FIXTURE, weights_only=True)


class TestRecorded:
    """Arithmetic of the arm's poses in the official code."""

    def test_composition(self, record: dict[str, Any]) -> None:
        found = FRANKA.moved(record["compose_pose"], record["compose_action"])
        assert torch.allclose(found, record["compose_out"], atol=1e-12, rtol=0)
        single = FRANKA.moved(record["compose_pose"].float(), record["compose_action"].float())
        assert torch.allclose(single.double(), record["compose_out"], atol=1e-6, rtol=0)

    def test_differences(self, record: dict[str, Any]) -> None:
        poses = record["poses"]
        found = FRANKA.between(poses[:-1], poses[1:])
        assert torch.allclose(found, record["diffs"], atol=1e-12, rtol=0)
        first = FRANKA.between(poses[0], poses[1])
        assert torch.allclose(first, record["poses_to_diff_01"], atol=1e-12, rtol=0)

    def test_differences_lead_there(self, record: dict[str, Any]) -> None:
        """The gripper stays within 0 and 1, the rest comes back."""
        poses = record["poses"]
        there = FRANKA.moved(poses[:-1], FRANKA.between(poses[:-1], poses[1:]))
        assert torch.allclose(there[:, :6], poses[1:, :6], atol=1e-9)
        assert torch.allclose(there[:, 6], poses[1:, 6].clamp(0, 1), atol=1e-9)


class TestMoved:
    def test_add_scale_limit_and_set(self) -> None:
        before = torch.tensor([[3.0, 0.5, 9.0], [4.0, 0.95, 9.0]])
        after = CART.moved(before, torch.tensor([[-2.0, 1.0], [2.0, 3.5]]))
        assert torch.allclose(after, torch.tensor([[3.0, 0.3, 1.0], [4.0, 1.0, 3.5]]))
        assert before[0].tolist() == [3.0, 0.5, 9.0]

    def test_between_undoes_it(self) -> None:
        before, actions = torch.tensor([[3.0, 0.5, 9.0]]), torch.tensor([[-1.5, 2.0]])
        found = CART.between(before, CART.moved(before, actions))
        assert torch.allclose(found, actions, atol=1e-6)

    def test_gradient_flows_to_the_actions(self) -> None:
        actions = torch.full((2, 7), 0.1, requires_grad=True)
        FRANKA.moved(torch.full((2, 7), 0.3), actions).sum().backward()
        assert actions.grad is not None
        assert bool((actions.grad != 0).all())

    def test_no_state(self) -> None:
        bare = ActionSpace(names=("x",), low=(0.0,), high=(1.0,))
        assert bare.moved(torch.zeros(2, 0), torch.zeros(2, 1)).shape == (2, 0)
        assert bare.between(torch.zeros(2, 0), torch.zeros(2, 0)).tolist() == [[0.0], [0.0]]


def test_normalised() -> None:
    found = CART.normalised(torch.tensor([[-2.0, 4.0], [0.0, 1.0]]))
    assert found.tolist() == [[-1.0, 1.0], [0.0, -0.5]]


@pytest.mark.parametrize("space", [CART, FRANKA])
def test_to_json_and_back(space: ActionSpace) -> None:
    text = json.dumps(space.to_json(), allow_nan=False)
    assert ActionSpace.from_json(json.loads(text)) == space


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"high": (1.0,)}, "2 names, 2 and 1 bounds"),
        ({"names": (), "low": (), "high": ()}, "0 names"),
        ({"low": (-2.0, 4.0)}, r"lower bound must be below the upper one; it is not for \['aim'\]"),
        ({"changes": (StateChange((2,), (0,)),)}, "names a column beyond 2 actions or 3 states"),
        ({"changes": (StateChange((0,), (3,)),)}, "names a column beyond 2 actions or 3 states"),
    ],
)
def test_refused_spaces(fields: dict[str, Any], message: str) -> None:
    whole = {name: getattr(CART, name) for name in CART.__dataclass_fields__}
    with pytest.raises(ValueError, match=message):
        ActionSpace(**whole | fields)


def test_refused_changes() -> None:
    with pytest.raises(ValueError, match="must pair up"):
        StateChange((0, 1), (0,))
    with pytest.raises(ValueError, match="three Euler angles, came columns"):
        StateChange((0,), (0,), how="rotate")


def test_the_pusher_is_that_of_the_world() -> None:
    (change,) = PUSH.changes
    assert (change.scale, change.low, change.high) == (MAX_TRAVEL, LOW, HIGH)
    state = np.array([0.5, 0.9, 0.4, 0.4, 0.0])
    after = PushWorld().step(state, [0.3, 1.0])
    moved = PUSH.moved(torch.tensor(state[:2]), torch.tensor([0.3, 1.0], dtype=torch.float64))
    assert np.allclose(after[:2], moved.numpy(), atol=1e-12)
