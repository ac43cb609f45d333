"""One recorded run of the released planner, iteration by iteration, with the recorded predictor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from official import difference, recorded
from torch import Tensor

from jepakit.actions import FRANKA
from jepakit.planning import GoalDistance, ReleasedCEM, Search, Start
from jepakit.planning.noise import Noise
from vjepa2.action_predictor import ActionPredictor
from vjepa2.checkpoints.official_action import action_predictor_state
from vjepa2.checkpoints.pretrained import fill

FLOAT32 = 1e-5


@pytest.fixture
def run() -> dict[str, Any]:
    return recorded("official_planning_tiny")["cem"]


@pytest.fixture
def predictor() -> ActionPredictor:
    shape, weights = action_predictor_state(recorded("official_ac_predictor_tiny")["state_dict"])
    predictor = ActionPredictor(**shape.arguments(heads=3, grid=(4, 4))).eval()
    fill(predictor, weights, what="predictor on actions")
    return predictor


@dataclass
class Judge:
    """Costs of plans for the recorded goal, as a model with no cache would find them."""

    predictor: ActionPredictor
    run: dict[str, Any]
    seen: list[Tensor] = field(default_factory=list)

    def __call__(self, actions: Tensor) -> Tensor:
        self.seen.append(actions)
        return GoalDistance("l1")(self.imagined(actions[0]), self.run["goal"][0], actions)

    @torch.no_grad()
    def imagined(self, plans: Tensor) -> list[Tensor]:
        frames = self.run["context"].expand(len(plans), -1, -1, -1)
        poses = self.run["pose"].expand(len(plans), -1, -1)
        trajectory = []
        for step in range(plans.shape[1]):
            conditions = {"action": plans[:, : step + 1], "state": poses}
            following = self.predictor(frames, conditions)[:, -1:]
            following = F.layer_norm(following, following.shape[-1:])
            frames = torch.cat([frames, following], dim=1)
            moved = FRANKA.moved(poses[:, -1], plans[:, step]).unsqueeze(1)
            poses = torch.cat([poses, moved], dim=1)
            trajectory.append(following[:, 0].unsqueeze(0))
        return trajectory


def solver(run: dict[str, Any]) -> ReleasedCEM:
    given = run["args"]
    momenta = {name: value for name, value in given.items() if name.startswith("momentum")}
    return ReleasedCEM(
        horizon=given["rollout"],
        samples=given["samples"],
        elites=given["topk"],
        iterations=given["cem_steps"],
        maxnorm=given["maxnorm"],
        **momenta,
    )


class Recorded(Noise):
    """The standard normal numbers of the recorded run, drawn step by step as it draws them."""

    def __init__(self, run: dict[str, Any]) -> None:
        super().__init__([(0,)])
        self.source = torch.Generator().manual_seed(run["seed"])

    def normal(self, *shape: int) -> Tensor:
        samples, horizon, numbers = shape
        steps = [torch.randn(samples, numbers, generator=self.source) for _ in range(horizon)]
        return torch.stack(steps, dim=1).unsqueeze(0)


def batches(run: dict[str, Any]) -> list[Tensor]:
    """Candidates of each iteration: every second call holds whole plans."""
    calls = run["sampled_actions_per_call"]
    for first, whole in zip(calls[::2], calls[1::2], strict=True):
        assert torch.equal(first[:, 0], whole[:, 0])
    return calls[1::2]


def search_of(cem: ReleasedCEM, noise: Noise) -> Search:
    mean = torch.zeros(1, cem.horizon, len(cem.search_space))
    return cem.search(Start(noise, mean, mean.unsqueeze(1)[:, :0]))


def test_refits_of_the_recorded_candidates(run: dict[str, Any], predictor: ActionPredictor) -> None:
    """The recorded batches alone: costs, elites, mean and spread lead to the recorded plan."""
    cem, judge = solver(run), Judge(predictor, run)
    search = search_of(cem, Noise([(0,)]))
    for batch in batches(run):
        actions = batch.unsqueeze(0)
        search.learn(cem.search_space.points(actions), judge(actions))
    assert search.answer is not None
    assert difference(cem.search_space.actions(search.answer), run["actions"]) <= FLOAT32


def test_the_whole_run_from_its_seed(run: dict[str, Any], predictor: ActionPredictor) -> None:
    """Every candidate of every iteration comes out as recorded, hence every mean and spread."""
    cem, judge = solver(run), Judge(predictor, run)
    search = search_of(cem, Recorded(run))
    for expected in batches(run):
        points = search.propose()
        actions = cem.search_space.actions(points)
        assert difference(actions[0], expected) <= FLOAT32
        search.learn(points, judge(actions))
    assert search.answer is not None
    assert difference(cem.search_space.actions(search.answer), run["actions"]) <= FLOAT32


def test_the_plan_is_the_mean_and_its_cost_is_its_own(
    run: dict[str, Any], predictor: ActionPredictor
) -> None:
    cem, judge = solver(run), Judge(predictor, run)
    plan = cem.solve(judge, seeds=[(0,)])
    assert torch.equal(judge.seen[-1][:, 0], plan.actions)
    assert torch.allclose(judge(plan.actions.unsqueeze(1))[:, 0], plan.cost)
    assert bool((plan.actions[..., 3:6] == 0).all())
    assert plan.model_calls == (3 * 16 + 1) * 2
