"""Milliseconds of one MPC step, from the picture to the action: ``python -m bench.mpc_step``.

The budget of V-JEPA 2-AC by default (500 candidates, 5 steps, 3 iterations of CEM) with a ViT-H/16
encoder on 256 x 256 pictures and a predictor of 24 blocks over 2 x 2 pooled tokens of a frame;
``--side 16`` plans over all 256 tokens. Weights are random: only the time is measured. Without a
GPU it does the same with a tiny encoder and predictor and says so.
"""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import Any, Literal

import torch
from jsonargparse import auto_cli

from bench.harness import emit, show
from jepakit.actions import FRANKA
from jepakit.nn.readout import PooledPatches
from jepakit.planning import CEM, GoalDistance, LatentPlanner
from vjepa2.action_predictor import ActionPredictor
from vjepa2.dynamics import Dynamics
from vjepa2.encoder import Encoder, Size

PREDICTOR: dict[str, Any] = {"width": 1024, "depth": 24, "heads": 16}
SMALL: dict[str, Any] = {"width": 192, "depth": 4, "heads": 3}


class Step:
    """Encode a picture, plan from it, and give the first action."""

    def __init__(self, model: Dynamics, planner: LatentPlanner, device: torch.device) -> None:
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


def main(
    encoder: Size | None = None,
    side: int | None = None,
    samples: int | None = None,
    horizon: int = 5,
    iterations: int = 3,
    rounds: int = 10,
    dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    compiled: bool = False,
) -> None:
    """Print milliseconds of encoding, of planning, and of the step.

    Args:
        encoder: size of the encoder; vit_h on a GPU, vit_ti without one.
        side: rows and columns of latents that a frame is pooled to; 2 by default.
        samples: candidates of an iteration; 500 on a GPU, 64 without one.
        horizon: actions of a plan.
        iterations: of CEM.
        rounds: steps that are timed, after two that are not.
        dtype: of the arithmetic; auto is bfloat16 on a GPU, float32 without one.
        compiled: whether the predictor's blocks are compiled.
    """
    gpu = torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    kind = torch.bfloat16 if dtype == "bfloat16" or (dtype == "auto" and gpu) else torch.float32
    size = encoder or ("vit_h" if gpu else "vit_ti")
    samples = samples or (500 if gpu else 64)
    step = build(size, side or 2, samples, horizon, iterations, device, compiled=compiled)
    seconds: dict[str, list[float]] = {"encode": [], "plan": [], "step": []}
    with torch.no_grad(), torch.autocast(device.type, kind, enabled=kind != torch.float32):
        for number in range(rounds + 2):
            marks = [time.perf_counter()]
            state = step.encode()
            if gpu:
                torch.cuda.synchronize()
            marks.append(time.perf_counter())
            step.plan(state)
            marks.append(time.perf_counter())
            if number >= 2:
                seconds["encode"].append(marks[1] - marks[0])
                seconds["plan"].append(marks[2] - marks[1])
                seconds["step"].append(marks[2] - marks[0])
    name = torch.cuda.get_device_name() if gpu else "CPU, not the figure of a GPU"
    tokens = step.goal.shape[1]
    ms = {part: 1000 * statistics.median(values) for part, values in seconds.items()}
    show(
        f"MPC step: {size}, {tokens} latents a frame, {samples} x {iterations} candidates, "
        f"{horizon} steps, {str(kind).removeprefix('torch.')}, {name}",
        ["part", "ms"],
        [[part, value] for part, value in ms.items()],
    )
    emit("mpc_step", {"ms": ms, "encoder": size, "latents": tokens, "device": name})


def build(
    size: Size,
    side: int,
    samples: int,
    horizon: int,
    iterations: int,
    device: torch.device,
    *,
    compiled: bool,
) -> Step:
    """A world model with random weights and its planner."""
    torch.manual_seed(0)
    sees = Encoder(size, frames=2, size=256)
    small = size in ("vit_ti", "vit_s")
    model = Dynamics(
        sees,
        actions=FRANKA,
        frames=1 + horizon,
        readout=partial(PooledPatches, side=side),
        predictor=partial(ActionPredictor, **(SMALL if small else PREDICTOR)),
    )
    model = model.eval().to(device)
    if compiled:
        model.predictor.compile(dynamic=False)
    solver = CEM(FRANKA, horizon=horizon, samples=samples, iterations=iterations)
    return Step(model, LatentPlanner(model, solver, GoalDistance("l1")), device)


if __name__ == "__main__":
    auto_cli(main, as_positional=False)
