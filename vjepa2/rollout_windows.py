"""Frames imagined one after the other, each rollout from a single frame of a window."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from vjepa2.action_predictor import ActionPredictor
from vjepa2.frame_attention import Past


def windows(
    x: Float[Tensor, "b t *rest"], length: int, count: int
) -> Float[Tensor, "bc length *rest"]:
    """The first ``count`` windows of each row, one after the other."""
    places = torch.arange(count, device=x.device).unsqueeze(1)
    return x[:, places + torch.arange(length, device=x.device)].flatten(0, 1)


def imagined_windows(
    predictor: ActionPredictor,
    latents: Float[Tensor, "b t n d"],
    conditions: Mapping[str, Float[Tensor, "_b _t _a"]],
    *,
    steps: int,
    starts: int,
    normed: Callable[[Tensor], Tensor],
) -> Float[Tensor, "bc steps n d"]:
    """The ``steps`` frames that are expected after each of the first ``starts`` frames alone.

    Args:
        predictor: imagines.
        latents: of true frames.
        conditions: what was done in each frame that has one after it.
        steps: frames to imagine.
        starts: frames of a row from which to imagine.
        normed: what makes latents out of the predictor's outputs.
    """
    new = latents[:, :starts].flatten(0, 1).unsqueeze(1)
    given = {name: windows(value, steps, starts) for name, value in conditions.items()}
    frames, past = [], Past()
    for step in range(steps):
        now = {name: value[:, step : step + 1] for name, value in given.items()}
        following, past = predictor.extend(new, now, past)
        new = normed(following)
        frames.append(new)
    return torch.cat(frames, dim=1)
