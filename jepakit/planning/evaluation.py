"""A world model and its controls on the same tasks: agents are built, run and accounted for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from jepakit.planning.agents import (
    OracleAgent,
    PlanningAgent,
    Policy,
    PolicyAgent,
    RandomAgent,
    StillAgent,
)
from jepakit.planning.closed_loop import Run, run_episodes
from jepakit.planning.environments import open_suite
from jepakit.planning.episode import Agent
from jepakit.planning.half_precision import HalfPrecision
from jepakit.planning.objectives import ActionPenalty, GoalDistance, Objective, WeightedSum
from jepakit.planning.pictures import PictureMaker
from jepakit.planning.planner import LatentPlanner
from jepakit.planning.results import summary, tasks_digest
from jepakit.planning.solver_choice import choose_solver
from jepakit.planning_pictures import Pictures
from jepakit.protocols import WorldModel
from jepakit.training.runs import RunFolder, load_run
from jepakit.training.versions import versions

Progress = Callable[[str, int, int], None]
"""Told the agent, steps done and steps in all."""


@runtime_checkable
class Options(Protocol):
    """What :class:`PlanningEvaluation` reads; ``plan.py`` says what each means."""

    run: str
    cloning: str | None
    environment: str
    goal_steps: int
    episodes: int
    max_steps: int
    solver: Any
    horizon: int
    samples: int
    iterations: int
    elites: float
    distance: Any
    when: Any
    action_penalty: float
    context: int
    execute: int
    budget_ms: float | None
    controls: list[Any]
    oracle_samples: int
    oracle_iterations: int
    shown: int
    seed: int
    checkpoint: Any
    device: str
    precision: Any
    recorded: bool


class PlanningEvaluation:
    """One evaluation of a run.

    Args:
        options: see ``plan.py``.

    Raises:
        FileNotFoundError: no such run.
        ValueError: the run is no world model, its actions are not the environment's, the cloned
            policy is none or has others, there is no oracle, or numbers make no sense.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.device = torch.device(_device(options.device))
        model = load_run(options.run, options.checkpoint).to(self.device)
        if not isinstance(model, WorldModel):
            raise ValueError(
                f"{options.run} is a run of {type(model).__name__}, which imagines no actions; "
                "train a world model, such as configs/vjepa2/push_dynamics.yaml."
            )
        self.model: WorldModel[Any] = model
        size = model.request.size[0]
        self.suite = open_suite(options.environment, size=size, goal_steps=options.goal_steps)
        if model.actions.names != self.suite.actions.names:
            raise ValueError(
                f"{options.run} was trained on the actions {model.actions.names}, "
                f"{options.environment} takes {self.suite.actions.names}."
            )
        if "oracle" in options.controls:
            self.suite.true_cost([])  # raises where there is none, before hours of other agents
        self.policy = self._policy() if "cloning" in options.controls else None
        self.planner = self._planner()
        self.tasks = self.suite.tasks(options.episodes, options.seed)

    def run(self, progress: Progress | None = None) -> list[Run]:
        """All agents on all tasks, the planner first."""
        runs = []
        for agent in self.agents():
            shown = self.options.shown if agent.name in ("planning", "oracle") else 0
            told = None if progress is None else _telling(progress, agent.name)
            with torch.no_grad():
                runs.append(
                    run_episodes(
                        self.suite,
                        self.tasks,
                        agent,
                        max_steps=self.options.max_steps,
                        keep=shown,
                        progress=told,
                    )
                )
        return runs

    def agents(self) -> Iterator[Agent]:
        """The planner, then its controls."""
        options, space = self.options, self.suite.actions
        yield PlanningAgent(
            self.planner,
            context=options.context,
            execute=options.execute,
            budget_seconds=None if options.budget_ms is None else options.budget_ms / 1000,
            seed=options.seed,
            device=self.device,
        )
        for control in options.controls:
            if control == "random":
                yield RandomAgent(space, seed=options.seed)
            elif control == "zero":
                yield StillAgent(space)
            elif control == "cloning":
                assert self.policy is not None
                yield PolicyAgent(self.policy)
            else:
                yield self._oracle()

    def facts(self, runs: list[Run]) -> dict[str, Any]:
        """What ``results.json`` holds."""
        return {
            "options": {name: getattr(self.options, name) for name in Options.__annotations__},
            "agents": summary(runs),
            "seed": self.options.seed,
            "tasks_sha256": tasks_digest(self.tasks),
            "environment_sha256": self.suite.digest(),
            "data_fingerprint": _fingerprint(Path(self.options.run)),
            "actions": asdict(self.suite.actions),
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "versions": versions(),
        }

    def pictures(self, runs: list[Run]) -> Pictures:
        """What is shown of the runs, the first of which is the planner's."""
        options = self.options
        maker = PictureMaker(
            self.suite,
            self.planner,
            GoalDistance(options.distance),
            self.device,
            seed=options.seed,
            limit=self._imagined_at_most(1),
        )
        return maker.make(self.tasks, runs)

    def _imagined_at_most(self, given: int) -> int | None:
        """Steps that the model can imagine after so many frames."""
        frames: int | None = getattr(self.model, "horizon_limit", None)
        return None if frames is None else frames - given

    def _planner(self) -> LatentPlanner:
        options = self.options
        solver = choose_solver(
            options.solver,
            self.model.actions,
            horizon=options.horizon,
            samples=options.samples,
            iterations=options.iterations,
            elites=options.elites,
        )
        objective: Objective = GoalDistance(options.distance, when=options.when)
        if options.action_penalty:
            objective = WeightedSum([objective, ActionPenalty(options.action_penalty)])
        return LatentPlanner(
            HalfPrecision(self.model) if options.precision == "bfloat16" else self.model,
            solver,
            objective,
            max_candidates=20_000,
            horizon_limit=self._imagined_at_most(options.context),
            recorded=options.recorded,
        )

    def _policy(self) -> Policy:
        options = self.options
        policy: Any = load_run(str(options.cloning), options.checkpoint).to(self.device)
        is_policy = isinstance(policy, Policy)
        if not is_policy:
            raise ValueError(
                f"{options.cloning} is a run of {type(policy).__name__}, which is no policy; train "
                "one, such as configs/vjepa2/push_cloning.yaml."
            )
        names, size = policy.actions.names, policy.request.size
        if names != self.suite.actions.names or size != self.model.request.size:
            raise ValueError(
                f"{options.cloning} was trained on the actions {names} and {size} pixels; expected "
                f"{self.suite.actions.names} and {self.model.request.size}."
            )
        return policy

    def _oracle(self) -> OracleAgent:
        options = self.options
        solver = choose_solver(
            "icem",
            self.suite.actions,
            horizon=options.horizon,
            samples=options.oracle_samples,
            iterations=options.oracle_iterations,
        )
        return OracleAgent(self.suite, solver, execute=options.execute, seed=options.seed)


def _device(name: str) -> str:
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def _fingerprint(run: Path) -> str | None:
    """Of the data that a run was trained on; None where it was converted and not trained here."""
    record = RunFolder(run).record
    starts = json.loads(record.read_text()).get("starts") if record.exists() else None
    return starts[-1]["data"].get("fingerprint") if starts else None


def _telling(progress: Progress, agent: str) -> Callable[[int, int], None]:
    return lambda done, of: progress(agent, done, of)
