"""Time and quality of the planners beside a plain CEM: ``python -m bench.planning_solvers``.

A dynamics model of random weights, a goal that actions within +-0.3 reach, bounds of +-1, one
problem at a time. The cost ratio is that of the returned plan over that of doing nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from jsonargparse import auto_cli
from torch import Tensor, nn

from bench.harness import emit, interleave, paired_ratio, show
from jepakit.actions import ActionSpace
from jepakit.planning import CEM, ICEM, MPPI, GradientDescent, RandomShooting, Solver

SAMPLES, HORIZON, ITERATIONS, ELITES, ACTIONS, LATENT = 300, 5, 30, 30, 10, 192
REACH = 0.3
PLAIN = "plain CEM"
Solve = Callable[["Task"], Tensor]


class Dynamics(nn.Module):
    """``z + f(z, a)``, with ``f`` linear (0.04 million weights) or of two hidden layers (0.17)."""

    def __init__(self, kind: str, generator: torch.Generator) -> None:
        super().__init__()
        sizes = [LATENT + ACTIONS, *([256, 256] if kind == "mlp" else []), LATENT]
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(sizes):
            linear = nn.Linear(inputs, outputs)
            bound = inputs**-0.5
            for weight in linear.parameters():
                nn.init.uniform_(weight, -bound, bound, generator=generator)
            layers += [linear, nn.GELU()]
        self.change = nn.Sequential(*layers[:-1])

    def forward(self, latent: Tensor, action: Tensor) -> Tensor:
        """The next latent."""
        return latent + self.change(torch.cat([latent, action], dim=-1))


@dataclass(frozen=True)
class Task:
    """From a latent to a goal."""

    dynamics: Dynamics
    start: Tensor
    goal: Tensor
    seed: int

    def cost(self, actions: Tensor) -> Tensor:
        """Mean square distance after the last action, for plans of one problem."""
        latent = self.start.expand(*actions.shape[:2], -1)
        for action in actions.unbind(dim=2):
            latent = self.dynamics(latent, action)
        return (latent - self.goal).square().mean(dim=-1)


def task(kind: str, seed: int) -> Task:
    """Random weights, a random start, and a goal that is within reach."""
    generator = torch.Generator().manual_seed(seed)
    dynamics = Dynamics(kind, generator).requires_grad_(requires_grad=False)
    start = torch.randn(1, 1, LATENT, generator=generator)
    actions = REACH * (2 * torch.rand(HORIZON, ACTIONS, generator=generator) - 1)
    goal = start
    for action in actions:
        goal = dynamics(goal, action.expand(1, 1, -1))
    return Task(dynamics, start, goal, seed)


@torch.no_grad()
def plain_cem(problem: Task) -> Tensor:
    """The textbook loop with clipping and the best plan so far, and nothing else."""
    generator = torch.Generator().manual_seed(problem.seed)
    mean, std = torch.zeros(HORIZON, ACTIONS), torch.ones(HORIZON, ACTIONS)
    best, lowest = mean, torch.tensor(torch.inf)
    for _ in range(ITERATIONS):
        noise = torch.randn(SAMPLES, HORIZON, ACTIONS, generator=generator)
        actions = (mean + std * noise).clamp(-1, 1)
        costs = problem.cost(actions.unsqueeze(0))[0]
        order = costs.topk(ELITES, largest=False).indices
        if costs[order[0]] < lowest:
            best, lowest = actions[order[0]], costs[order[0]]
        mean, std = actions[order].mean(dim=0), actions[order].std(dim=0)
    return best


def solved(solver: Solver, problem: Task) -> Tensor:
    """The plan of one of ours."""
    return solver.solve(problem.cost, seeds=[(problem.seed,)]).actions[0]


def solvers() -> dict[str, Solve]:
    """All with the same number of evaluations, but for the gradient, which has fewer."""
    space = ActionSpace(
        names=tuple(f"a{i}" for i in range(ACTIONS)), low=(-1.0,) * ACTIONS, high=(1.0,) * ACTIONS
    )
    budget: dict[str, Any] = {
        "horizon": HORIZON,
        "samples": SAMPLES,
        "iterations": ITERATIONS,
        "elites": ELITES,
    }
    ours: dict[str, Solver] = {
        "CEM": CEM(space, **budget),
        "iCEM": ICEM(space, **budget),
        "MPPI": MPPI(space, **budget),
        "random shooting": RandomShooting(space, **budget),
        "gradient": GradientDescent(space, horizon=HORIZON, starts=8, iterations=50),
    }
    return {PLAIN: plain_cem, **{name: partial(solved, solver) for name, solver in ours.items()}}


@torch.no_grad()
def quality(solve: Solve, tasks: list[Task]) -> tuple[float, float, float]:
    """Median and largest cost ratio, and the share of actions out of bounds."""
    ratios, outside = [], []
    for problem in tasks:
        plan = solve(problem).view(1, 1, HORIZON, ACTIONS)
        nothing = problem.cost(torch.zeros_like(plan))
        ratios.append(float(problem.cost(plan) / nothing))
        outside.append(float((plan.abs() > 1).float().mean()))
    return median(ratios), max(ratios), sum(outside) / len(outside)


def run(problems: int = 8, rounds: int = 7, threads: int = 1) -> None:
    """Compare the planners on random dynamics, linear and with hidden layers.

    Args:
        problems: random problems for the cost ratios.
        rounds: how often each planner is timed, interleaved, on the first problem.
        threads: CPU threads of torch.
    """
    torch.set_num_threads(threads)
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for kind in ("linear", "mlp"):
        tasks = [task(kind, seed) for seed in range(problems)]
        candidates = solvers()
        timings = interleave(
            {name: partial(solve, tasks[0]) for name, solve in candidates.items()}, rounds=rounds
        )
        figures[kind] = {}
        for name, solve in candidates.items():
            ratio, worst, outside = quality(solve, tasks)
            figures[kind][name] = {
                "cpu_s": timings[name].cpu,
                "times_plain": 1 / paired_ratio(timings[PLAIN], timings[name]),
                "cost_ratio": ratio,
                "worst_cost_ratio": worst,
                "out_of_bounds": outside,
            }
        columns = ("planner", "CPU s", "x plain", "cost ratio", "worst", "out of bounds")
        rows = [(name, *values.values()) for name, values in figures[kind].items()]
        show(f"{kind}, {SAMPLES} x {HORIZON} x {ITERATIONS}, median of {problems}", columns, rows)
    emit("planning_solvers", figures)


if __name__ == "__main__":
    auto_cli(run)
