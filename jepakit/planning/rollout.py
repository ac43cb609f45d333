"""Imagination: what a world model expects of many plans at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.planning.plan import Cost
from jepakit.protocols import WorldModel


def imagine(
    model: WorldModel[Any], state: Any, actions: Float[Tensor, "p s h a"]
) -> Iterator[Float[Tensor, "p s n d"]]:
    """Latents after each action of each plan, step by step; nothing older is kept.

    Args:
        model: imagines.
        state: the present of ``p`` problems, a :class:`jepakit.protocols.LatentState` of the model.
        actions: ``s`` plans for each of them.
    """
    problems, samples = actions.shape[:2]
    state = state.repeat(samples)
    for action in actions.flatten(0, 1).unbind(dim=1):
        state = model.step(state, action)
        yield state.latents.unflatten(0, (problems, samples))


def chunked(cost: Cost, max_candidates: int) -> Cost:
    """The same cost for ever so many plans, at most ``max_candidates`` of them in memory at once.

    At least one plan of every problem runs at a time.

    Raises:
        ValueError: ``max_candidates`` is below 1.
    """
    if max_candidates < 1:
        raise ValueError(f"max_candidates must be at least 1, got {max_candidates}.")

    def in_parts(actions: Float[Tensor, "p s h a"]) -> Float[Tensor, "p s"]:
        parts = actions.split(max(1, max_candidates // len(actions)), dim=1)
        return torch.cat([cost(part) for part in parts], dim=1)

    return in_parts
