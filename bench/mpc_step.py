"""Milliseconds of one MPC step, from the picture to the action: ``python -m bench.mpc_step``.

The budget of V-JEPA 2's planner (500 candidates, 5 steps, 3 iterations of CEM) with a ViT-H/16
encoder on 256 x 256 pictures. ``--predictor paper`` is the dynamics model of the paper's table
(12 blocks as wide as the encoder, actions added; ``paper_6`` has the 6 of its lower end),
``released`` that of V-JEPA 2-AC (24 blocks of width 1,024, actions as tokens). A frame is pooled to
one latent; ``--side 2`` keeps 2 x 2, ``--side 16`` all 256. On a GPU: bfloat16, compiled blocks and
recorded kernels, each of which can be left out. Weights are random: only the time is measured.
Without a GPU it does the same with a tiny encoder and predictor and says so.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import torch
from jsonargparse import ArgumentParser

from bench.harness import emit, show
from jepakit.actions import FRANKA
from jepakit.nn.readout import PooledPatches
from jepakit.planning import CEM, GoalDistance, HalfPrecision, LatentPlanner
from vjepa2.action_predictor import ActionPredictor
from vjepa2.dynamics import Dynamics
from vjepa2.encoder import Encoder, Size

PREDICTORS: dict[str, dict[str, Any]] = {
    "released": {"width": 1024, "depth": 24, "heads": 16, "fusion": "concat"},
    "paper": {"width": 1280, "depth": 12, "heads": 16, "fusion": "add"},
    "paper_6": {"width": 1280, "depth": 6, "heads": 16, "fusion": "add"},
    "small": {"width": 192, "depth": 4, "heads": 3},
}


WARM_UP = 3


class Step:
    """Encode a picture, plan from it, and give the first action."""

    def __init__(self, planner: LatentPlanner, device: torch.device) -> None:
        model = planner.model
        generator = torch.Generator().manual_seed(0)
        side = model.request.size[0]
        pictures = torch.randint(0, 256, (1, 2, side, side, 3), generator=generator)
        pictures = pictures.to(torch.uint8).to(device)
        self.model, self.planner = model, planner
        self.seen, self.goal = pictures[:, :1], model.goal(pictures[:, 1])
        self.done = torch.zeros(1, 0, len(model.actions), device=device)
        self.pose = torch.zeros(1, 1, model.actions.states, device=device)

    def encode(self) -> Any:
        """The state that plans start from."""
        return self.model.start(self.seen, self.done, self.pose)

    def plan(self, state: Any) -> torch.Tensor:
        """The first action, on the host: reading it waits for the device."""
        return self.planner.plan(state, self.goal, seeds=[(0,)]).actions[0, 0].cpu()


@dataclass(frozen=True)
class Budget:
    """What is timed.

    Args:
        encoder: size of the encoder; vit_h on a GPU, vit_ti without one.
        predictor: size of the dynamics model; small without a GPU.
        side: rows and columns of latents that a frame is pooled to.
        samples: candidates of an iteration; 500 on a GPU, 64 without one.
        horizon: actions of a plan.
        iterations: of CEM.
        rounds: steps that are timed, after three that are not.
        half: bfloat16; on a GPU by default.
        compiled: whether the blocks of encoder and predictor are compiled; on a GPU by default.
        recorded: whether imagination is a CUDA graph; on a GPU by default.
    """

    encoder: Size | None = None
    predictor: Literal["paper", "paper_6", "released", "small"] | None = None
    side: int = 1
    samples: int | None = None
    horizon: int = 5
    iterations: int = 3
    rounds: int = 10
    half: bool | None = None
    compiled: bool | None = None
    recorded: bool | None = None

    def measure(self) -> None:
        """Print milliseconds of encoding, of planning, and of the step."""
        gpu = torch.cuda.is_available()
        budget = self.filled(gpu=gpu)
        step = budget.build(torch.device("cuda" if gpu else "cpu"))
        seconds: dict[str, list[float]] = {"encode": [], "plan": [], "step": []}
        with torch.inference_mode():
            for number in range(self.rounds + WARM_UP):
                marks = [time.perf_counter()]
                state = step.encode()
                if gpu:
                    torch.cuda.synchronize()
                marks.append(time.perf_counter())
                step.plan(state)
                marks.append(time.perf_counter())
                if number >= WARM_UP:
                    seconds["encode"].append(marks[1] - marks[0])
                    seconds["plan"].append(marks[2] - marks[1])
                    seconds["step"].append(marks[2] - marks[0])
        name = torch.cuda.get_device_name() if gpu else "CPU, not the figure of a GPU"
        ms = {part: 1000 * statistics.median(values) for part, values in seconds.items()}
        show(
            f"MPC step: {budget.encoder}, predictor {budget.predictor}, {step.goal.shape[1]} "
            f"latents a frame, {budget.samples} x {budget.iterations} candidates, "
            f"{budget.horizon} steps, {'bfloat16' if budget.half else 'float32'}, {name}",
            ["part", "ms"],
            [[part, value] for part, value in ms.items()],
        )
        emit("mpc_step", {"ms": ms, "device": name, **asdict(budget)})

    def filled(self, *, gpu: bool) -> Budget:
        """With a value for whatever is left open."""
        return Budget(
            self.encoder or ("vit_h" if gpu else "vit_ti"),
            self.predictor or ("paper" if gpu else "small"),
            self.side,
            self.samples or (500 if gpu else 64),
            self.horizon,
            self.iterations,
            self.rounds,
            *(gpu if x is None else x for x in (self.half, self.compiled, self.recorded)),
        )

    def build(self, device: torch.device) -> Step:
        """A world model with random weights and its planner."""
        torch.manual_seed(0)
        assert self.encoder
        assert self.predictor
        assert self.samples
        with device:  # initialising hundreds of millions of weights takes a CPU half a minute
            model = Dynamics(
                Encoder(self.encoder, frames=2, size=256),
                actions=FRANKA,
                frames=1 + self.horizon,
                readout=partial(PooledPatches, side=self.side),
                predictor=partial(ActionPredictor, **PREDICTORS[self.predictor]),
            ).eval()
        if self.compiled:
            model.perception.encoder.compile_blocks()
            model.predictor.compile_blocks()
        world = HalfPrecision(model) if self.half else model
        solver = CEM(FRANKA, horizon=self.horizon, samples=self.samples, iterations=self.iterations)
        planner = LatentPlanner(world, solver, GoalDistance("l1"), recorded=bool(self.recorded))
        return Step(planner, device)


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_class_arguments(Budget)
    Budget(**parser.parse_args().as_dict()).measure()
