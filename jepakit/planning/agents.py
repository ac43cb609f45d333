"""Agents: one that plans in a world model, and the controls that it is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.planning.environments.suite import Suite
from jepakit.planning.episode import Moment
from jepakit.planning.plan import Cost, Plan, shifted
from jepakit.planning.planner import LatentPlanner
from jepakit.planning.solver import Solver
from jepakit.seeds import generator


class RandomAgent:
    """Draws every action uniformly between the bounds."""

    name = "random"

    def __init__(self, space: ActionSpace, *, seed: int = 0) -> None:
        self.space, self.seed = space, seed

    def act(self, moment: Moment) -> Float[Tensor, "p a"]:
        """An action of each episode's own stream."""
        low, high = self.space.bounds(torch.empty(0))
        rows = [
            torch.rand(len(self.space), generator=generator("random", self.seed, n, moment.step))
            for n in moment.episodes
        ]
        return low + torch.stack(rows) * (high - low)


class StillAgent:
    """Does nothing, or what comes closest to it within the bounds."""

    name = "zero action"

    def __init__(self, space: ActionSpace) -> None:
        self.space = space

    def act(self, moment: Moment) -> Float[Tensor, "p a"]:
        """Zero."""
        low, high = self.space.bounds(torch.empty(0))
        return torch.zeros(len(moment.episodes), len(self.space)).clamp(low, high)


@runtime_checkable
class Policy(Protocol):
    """A goal-conditioned policy, such as one that was cloned."""

    def act(
        self,
        frames: UInt8[Tensor, "p h w 3"],
        goals: UInt8[Tensor, "p h w 3"],
        states: Float[Tensor, "p s"],
    ) -> Float[Tensor, "p a"]:
        """What it does."""


class PolicyAgent:
    """Does what a policy says."""

    def __init__(self, policy: Policy, *, name: str = "behaviour cloning") -> None:
        self.policy, self.name = policy, name

    def act(self, moment: Moment) -> Float[Tensor, "p a"]:
        """The policy's actions."""
        return self.policy.act(moment.frames, moment.goals, moment.states)


@dataclass
class _Memory:
    """What a planning agent remembers of an episode."""

    frames: list[Tensor]
    states: list[Tensor]
    actions: list[Tensor]
    plan: Tensor
    done: int = 0


class PlanningAgent:
    """Model-predictive control: encode, plan, do the first actions of the plan, plan again.

    Source: V-JEPA 2, section 8.3.

    Args:
        planner: of the model, with solver and objective.
        context: earlier frames that the model is given, the present included.
        execute: actions of a plan that are done before the next plan.
        warm_start: whether the rest of the last plan is searched around.
        budget_seconds: wall time of a plan, per episode that is still running.
        seed: of the plans, with the number of the episode and the step.
        device: of the model.
    """

    name = "planning"

    def __init__(
        self,
        planner: LatentPlanner,
        *,
        context: int = 1,
        execute: int = 1,
        warm_start: bool = True,
        budget_seconds: float | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        if not 1 <= execute <= planner.solver.horizon or context < 1:
            raise ValueError(
                f"execute must be 1 to the horizon ({planner.solver.horizon}) and context at least "
                f"1, got {execute} and {context}."
            )
        self.planner = planner
        self.context, self.execute, self.warm_start = context, execute, warm_start
        self.budget_seconds, self.seed, self.device = budget_seconds, seed, device
        self.plans: list[Plan] = []
        self._memory: dict[int, _Memory] = {}

    def act(self, moment: Moment) -> Float[Tensor, "p a"]:
        """The next action of each episode's plan."""
        if moment.step == 0:
            self._memory, self.plans = {}, []
        self._remember(moment)
        if moment.step % self.execute == 0:
            self._replan(moment)
        chosen = []
        for number in moment.episodes:
            memory = self._memory[number]
            chosen.append(memory.plan[memory.done])
            memory.done += 1
            memory.actions.append(chosen[-1])
        return torch.stack(chosen)

    def _remember(self, moment: Moment) -> None:
        empty = torch.zeros(0, len(self.planner.model.actions))
        for row, number in enumerate(moment.episodes):
            memory = self._memory.setdefault(number, _Memory([], [], [], empty))
            memory.frames = [*memory.frames, moment.frames[row]][-self.context :]
            memory.states = [*memory.states, moment.states[row]][-self.context :]
            memory.actions = memory.actions[-(self.context - 1) :] if self.context > 1 else []

    def _replan(self, moment: Moment) -> None:
        memories = [self._memory[number] for number in moment.episodes]
        model, device = self.planner.model, self.device
        none = torch.zeros(0, len(model.actions))
        done = torch.stack([torch.stack(m.actions) if m.actions else none for m in memories])
        states = torch.stack([torch.stack(m.states) for m in memories])
        frames = torch.stack([torch.stack(m.frames) for m in memories])
        seen = states[..., : model.actions.states].to(device)
        warm = None
        if self.warm_start and moment.step:
            warm = torch.stack([shifted(memory.plan, memory.done) for memory in memories])
        budget = None if self.budget_seconds is None else self.budget_seconds * len(memories)
        plan = self.planner.plan(
            model.start(frames.to(device), done.to(device), seen),
            model.goal(moment.goals.to(device)),
            seeds=[(self.seed, number, moment.step) for number in moment.episodes],
            warm_start=warm,
            budget_seconds=budget,
        )
        self.plans.append(plan)
        for memory, actions in zip(memories, plan.actions.cpu(), strict=True):
            memory.plan, memory.done = actions, 0


class OracleAgent:
    """Plans in the real simulator with the real goal: how well one could do.

    Args:
        suite: whose environments can be set to a state.
        solver: searches.
        execute: actions of a plan that are done before the next plan.
        seed: of the plans.
    """

    name = "oracle"

    def __init__(self, suite: Suite, solver: Solver, *, execute: int = 1, seed: int = 0) -> None:
        self.suite, self.solver = suite, solver
        self.execute, self.seed = execute, seed
        self._plans: dict[int, Tensor] = {}

    def act(self, moment: Moment) -> Float[Tensor, "p a"]:
        """The next action of each episode's plan."""
        turn = moment.step % self.execute
        if turn == 0:
            for row, number in enumerate(moment.episodes):
                cost: Cost = self.suite.true_cost([moment.truth[row]])
                seed = (self.seed, number, moment.step)
                self._plans[number] = self.solver.solve(cost, seeds=[seed]).actions[0]
        return torch.stack([self._plans[number][turn] for number in moment.episodes])
