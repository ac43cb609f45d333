"""Recorded kernels: arguments taken apart and put together on any device, plans equal on a GPU."""

from __future__ import annotations

import pytest
import torch
from tiny_dynamics import dynamics
from torch import Tensor

from jepakit.actions import PUSH
from jepakit.planning import CEM, GoalDistance, GradientDescent, LatentPlanner, Recorder
from jepakit.planning.half_precision import HalfPrecision
from jepakit.planning.recording import structure_of, tensors_of, with_tensors
from jepakit.training.runs import build_model
from vjepa2.dynamics import Dynamics
from vjepa2.frame_attention import Kept, Past, plain_attention
from vjepa2.latent_state import DynamicsState


def state(frames: int = 3, width: int = 4) -> DynamicsState:
    kept = tuple(Kept(torch.randn(2, 1, 3, 4), torch.randn(2, 1, 3, 4)) for _ in range(2))
    return DynamicsState(torch.randn(2, 5, width), torch.randn(2, 0), Past(frames, own=kept))


class TestStructures:
    def test_taken_apart_and_put_together(self) -> None:
        value = (state(), torch.ones(2), "word")
        parts = list(tensors_of(value))
        assert len(parts) == 7
        new = with_tensors(value, iter([x + 1 for x in parts]))
        assert type(new[0].past.own[0]) is Kept
        assert new[0].past.frames == 3
        assert new[2] == "word"
        for came, given in zip(tensors_of(new), parts, strict=True):
            assert torch.equal(came, given + 1)

    def test_structures_differ_by_shape_and_by_what_is_no_tensor(self) -> None:
        assert structure_of(state()) == structure_of(state())
        assert structure_of(state()) != structure_of(state(frames=2))
        assert structure_of(state()) != structure_of(state(width=5))
        assert hash(structure_of((state(), torch.ones(1)))) is not None

    def test_a_cpu_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"on a CUDA device, came \['cpu'\]"):
            Recorder(lambda x: x)(torch.ones(1))

    def test_gradients_are_refused(self) -> None:
        model = tiny_dynamics()
        solver = GradientDescent(model.actions, horizon=2, iterations=1)
        with pytest.raises(ValueError, match="needs gradients"):
            LatentPlanner(model, solver, GoalDistance(), recorded=True)


def tiny_dynamics() -> Dynamics:
    """Untrained, always the same."""
    torch.manual_seed(0)
    model = build_model(dynamics())
    assert isinstance(model, Dynamics)
    return model.eval()


def seen(model: object, device: str) -> tuple[object, Tensor]:
    side = model.request.size[0]  # type: ignore[attr-defined]
    pictures = torch.randint(
        0, 256, (2, 2, side, side, 3), generator=torch.Generator().manual_seed(1)
    ).to(device, torch.uint8)
    none = torch.zeros(2, 0, len(PUSH), device=device)
    own = torch.zeros(2, 1, PUSH.states, device=device)
    return model.start(pictures[:, :1], none, own), model.goal(pictures[:, 1])  # type: ignore[attr-defined]


def test_bfloat16_changes_latents_by_its_rounding_alone() -> None:
    exact, half = tiny_dynamics(), HalfPrecision(tiny_dynamics())
    with torch.no_grad():
        wide, narrow = seen(exact, "cpu"), seen(half, "cpu")
        action = torch.full((2, len(PUSH)), 0.5)
        later = [m.step(s[0], action).latents for m, s in ((exact, wide), (half, narrow))]
    assert all(x.dtype == torch.float32 for x in later)
    assert half.model.predictor.head.weight.dtype == torch.bfloat16
    for a, b in [(wide[1], narrow[1]), (later[0], later[1])]:
        assert 0 < (a - b).norm() / a.norm() < 0.03
    assert half.actions is half.model.actions
    assert half.request == exact.request


def test_few_tokens_attend_as_many_do() -> None:
    q, k, v = (torch.randn(6, 2, n, 8, dtype=torch.float64) for n in (4, 20, 20))
    wanted = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(plain_attention(q, k, v), wanted)


@pytest.mark.gpu
@pytest.mark.parametrize("half", [False, True])
def test_recorded_plans_are_those_of_plain_kernels(half: bool) -> None:
    model = tiny_dynamics().to("cuda")
    world = HalfPrecision(model) if half else model
    solver = CEM(PUSH, horizon=2, samples=32, iterations=3)
    with torch.inference_mode():
        present, goal = seen(world, "cuda")
        costs = torch.rand(2, 16, 2, len(PUSH), device="cuda")
        plain = LatentPlanner(world, solver, GoalDistance("l1"))
        recorded = LatentPlanner(world, solver, GoalDistance("l1"), recorded=True)
        for turn in range(3):  # the third replays with other numbers
            other = costs * (1 - 0.3 * turn)
            torch.testing.assert_close(
                recorded.cost(present, goal)(other), plain.cost(present, goal)(other)
            )
        plans = [p.plan(present, goal, seeds=[(0,), (1,)]) for p in (plain, recorded)]
    torch.testing.assert_close(plans[0].actions, plans[1].actions)
