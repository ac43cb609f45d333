"""Solve tasks by imagining them: ``python plan.py --config configs/plan/push_demo.yaml``."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser

# Idle OpenMP threads must not spin; has to be set before torch is imported, which waits until the
# arguments are known to be right.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

PROGRAMS = {
    "data_prep": ("-m", "data_prep"),
    "vjepa2.cache_latents": ("-m", "vjepa2.cache_latents"),
    "train.py": ("train.py",),
}
"""What ``make`` may run, in the folder of this file."""

Control = Literal["random", "zero", "cloning", "oracle"]


@dataclass(kw_only=True)
class PlanOptions:
    """Closed-loop planning on paired starts and goals, against controls.

    Writes results.json, report.html and episodes as GIF and MP4. Data, world model and cloned
    policy can be made first, by the commands in ``make``.

    Args:
        run: Run folder of the world model.
        make: Commands that are run first, one after the other, such as "train.py --config FILE
            --resume auto"; each goes on where it was stopped, or has nothing left to do.
        cloning: Run folder of the cloned policy; needed for that control.
        environment: Name of the environment.
        goal_steps: Steps of control between start and goal of a task.
        episodes: Tasks, the same for every agent.
        max_steps: Steps after which an episode has failed.
        solver: Who searches.
        horizon: Actions of a plan.
        samples: Candidates of an iteration; starts of the gradient solver.
        iterations: Rounds of a plan.
        elites: Share of the candidates that is refitted to.
        distance: Between imagined and goal latents.
        when: Distance after the last action of a plan, or summed over all.
        action_penalty: Weight of the mean square of the actions.
        context: Frames that the model is given, the present included.
        execute: Actions of a plan that are done before the next plan.
        budget_ms: Wall time of a plan per episode in milliseconds; none by default.
        controls: Agents that the planner is held against.
        oracle_samples: Candidates of the oracle, which plays them in the real simulator.
        oracle_iterations: Rounds of the oracle.
        shown: Episodes whose pictures are kept.
        seed: Of tasks, plans and controls.
        checkpoint: The last state, or the one with the best monitored value.
        device: Where models run; auto takes a GPU where there is one.
        precision: Of the world model's matrix products; bfloat16 is for GPUs.
        recorded: Whether imagination is a recorded CUDA graph: several times faster on a GPU, where
            launching kernels takes longer than running them; not for the gradient solver.
        out: Folder of the results; planning in the run folder if not given.
    """

    run: str
    make: list[str] = field(default_factory=list)
    cloning: str | None = None
    environment: str = "push"
    goal_steps: int = 10
    episodes: int = 200
    max_steps: int = 20
    solver: Literal["cem", "icem", "mppi", "gradient", "random"] = "cem"
    horizon: int = 10
    samples: int = 200
    iterations: int = 5
    elites: float = 0.1
    distance: Literal["l1", "l2", "cosine"] = "l2"
    when: Literal["last", "sum"] = "last"
    action_penalty: float = 0.0
    context: int = 1
    execute: int = 5
    budget_ms: float | None = None
    controls: list[Control] = field(default_factory=lambda: ["random", "zero"])
    oracle_samples: int = 64
    oracle_iterations: int = 5
    shown: int = 8
    seed: int = 0
    checkpoint: Literal["last", "best"] = "last"
    device: str = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    recorded: bool = False
    out: str | None = None

    def __call__(self) -> None:
        """Make what is missing, run all agents, print the table and write the files."""
        self._check()
        self._make()
        from jepakit.evals.planning.planning_report import (
            print_planning,
            write_planning,
            write_results,
        )
        from jepakit.planning.evaluation import PlanningEvaluation

        out = Path(self.out or Path(self.run) / "planning")
        try:
            evaluation = PlanningEvaluation(self)
            out.mkdir(parents=True, exist_ok=True)
            runs = self._all(evaluation)
        except (FileNotFoundError, ValueError) as error:
            sys.exit(f"plan.py: {error}")
        facts = evaluation.facts(runs)
        print_planning(facts)
        write_results(out, facts)  # before anything that is only to be looked at can fail
        print("Written:", *write_planning(out, facts, evaluation.pictures(runs)))  # noqa: T201

    def _all(self, evaluation: Any) -> Any:
        """All agents, with a bar for each; away from a terminal, ten lines for each."""
        from rich.progress import Progress

        with Progress() as progress:
            bars: dict[str, Any] = {}
            plain = not progress.console.is_terminal

            def told(agent: str, done: int, of: int) -> None:
                if agent not in bars:
                    bars[agent] = progress.add_task(agent, total=of)
                progress.update(bars[agent], completed=done)
                if plain and 10 * done // of > 10 * (done - 1) // of:
                    print(f"{agent}: step {done} of {of}", flush=True)  # noqa: T201

            return evaluation.run(told)

    def _check(self) -> None:
        if "cloning" in self.controls and self.cloning is None:
            sys.exit("plan.py: the control 'cloning' needs --cloning, the run folder of a policy.")
        if self.episodes < 1 or self.max_steps < 1:
            sys.exit("plan.py: episodes and max_steps must be at least 1.")

    def _make(self) -> None:
        """Run the commands that make what is missing, with their own progress."""
        here = Path(__file__).resolve().parent
        if self.make and Path.cwd() != here:
            sys.exit(f"plan.py: the commands of 'make' write below {here}; start plan.py there.")
        for line in self.make:
            program, *words = shlex.split(line)
            if program not in PROGRAMS:
                sys.exit(f"plan.py: make runs {', '.join(PROGRAMS)}; not {line!r}.")
            print("+", line, flush=True)  # noqa: T201
            done = subprocess.run(
                [sys.executable, *PROGRAMS[program], *words], cwd=here, check=False
            )
            if done.returncode:
                sys.exit(f"plan.py: {line!r} ended with code {done.returncode}.")


def read_options(arguments: Sequence[str] | None = None) -> PlanOptions:
    """The options of a command line."""
    parser = ArgumentParser(
        prog="plan.py", description=(PlanOptions.__doc__ or "").split("Args:")[0]
    )
    parser.add_argument("--config", action="config", help="File of options.")
    parser.add_class_arguments(PlanOptions, as_group=False)
    chosen: dict[str, Any] = parser.parse_args(arguments).as_dict()
    chosen.pop("config", None)
    return PlanOptions(**chosen)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options and plan."""
    read_options(arguments)()


if __name__ == "__main__":
    main()
