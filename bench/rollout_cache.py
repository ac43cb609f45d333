"""What kept keys and values save in a planner: ``python -m bench.rollout_cache``.

One solve of CEM over patch tokens, every imagined step with the past that all candidates share,
against the same solve with a forward pass over all frames so far, as peers do it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from jsonargparse import auto_cli
from torch import Tensor

from bench.harness import emit, interleave, paired_ratio, show
from jepakit.actions import ActionSpace
from jepakit.nn.vit import VisionTransformer
from jepakit.planning import CEM, Cost
from vjepa2.action_predictor import ActionPredictor
from vjepa2.dynamics import Dynamics

SPACE = ActionSpace(("x", "y"), (-1.0, -1.0), (1.0, 1.0))


class Solve:
    """CEM from a few frames to a goal.

    Args:
        model: of latents of single frames.
        context: frames before the plan.
        horizon: actions of a plan.
        samples: candidates of each of two iterations.
    """

    def __init__(self, model: Dynamics, *, context: int, horizon: int, samples: int) -> None:
        generator = torch.Generator().manual_seed(0)
        side = model.request.size[0]
        shape = (1, context + 1, side, side, 3)
        frames = torch.randint(0, 256, shape, generator=generator).to(torch.uint8)
        self.model, self.frames = model, frames[:, :-1]
        self.done = torch.rand(1, context - 1, 2, generator=generator) * 2 - 1
        self.goal = model.goal(frames[:, -1])
        self.solver = CEM(SPACE, horizon=horizon, samples=samples, iterations=2)
        self.latents = model.perception(self.frames)

    def distance(self, latents: Tensor) -> Tensor:
        """Mean square distance of candidates to the goal."""
        return (latents - self.goal).square().mean(dim=(1, 2)).unsqueeze(0)

    def kept(self) -> Tensor:
        """The plan with kept keys and values."""
        start = self.model.start(self.frames, self.done, torch.zeros(1, self.frames.shape[1], 0))

        def cost(actions: Tensor) -> Tensor:
            state = start.repeat(actions.shape[1])
            for action in actions[0].unbind(dim=1):
                state = self.model.step(state, action)
            return self.distance(state.latents)

        return self._plan(cost)

    def plain(self) -> Tensor:
        """The plan with a forward pass over all frames for each step."""

        def cost(actions: Tensor) -> Tensor:
            samples = actions.shape[1]
            latents = self.latents.expand(samples, -1, -1, -1)
            done = self.done.expand(samples, -1, -1)
            for action in actions[0].unbind(dim=1):
                done = torch.cat([done, action.unsqueeze(1)], dim=1)
                following = self.model.predictor(latents, {"action": done})[:, -1:]
                following = self.model.perception.normed(following)
                latents = torch.cat([latents, following], dim=1)
            return self.distance(latents[:, -1])

        return self._plan(cost)

    def _plan(self, cost: Cost) -> Tensor:
        with torch.no_grad():
            return self.solver.solve(cost, seeds=[(0,)]).actions


def main(
    width: int = 384,
    depth: int = 4,
    heads: int = 6,
    context: int = 3,
    horizon: int = 5,
    samples: int = 16,
    rounds: int = 5,
    threads: int = 1,
) -> None:
    """Print CPU seconds per solve of both, and how far their plans are apart.

    Args:
        width: of a latent and of a token of the predictor.
        depth: blocks of the predictor.
        heads: its attention heads.
        context: frames before the plan.
        horizon: actions of a plan.
        samples: candidates of an iteration.
        rounds: interleaved rounds.
        threads: of torch.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    encoder = VisionTransformer(width, depth=1, heads=heads, frames=1, size=64, patch=8, tubelet=1)
    sizes: dict[str, Any] = {"width": width, "depth": depth, "heads": heads}
    predictor = partial(ActionPredictor, pairing="interleaved", **sizes)
    model = Dynamics(encoder, actions=SPACE, frames=context + horizon, predictor=predictor).eval()
    solve = Solve(model, context=context, horizon=horizon, samples=samples)
    apart = (solve.kept() - solve.plain()).abs().max().item()
    if apart > 1e-5:
        raise ValueError(f"The two rollouts differ: plans are {apart} apart.")
    times = interleave({"kept": solve.kept, "plain": solve.plain}, rounds=rounds)
    ratio = paired_ratio(times["plain"], times["kept"])
    show(
        f"CEM solve, {samples} x 2 candidates, {context} frames of 64 tokens, {horizon} steps",
        ["rollout", "CPU s", "wall s", "times"],
        [
            ["plain", times["plain"].cpu, times["plain"].wall, 1.0],
            ["kept keys and values", times["kept"].cpu, times["kept"].wall, ratio],
        ],
    )
    emit("rollout_cache", {"ratio": ratio, "largest_difference": apart, **sizes})


if __name__ == "__main__":
    auto_cli(main, as_positional=False)
