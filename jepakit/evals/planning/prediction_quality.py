"""How well a world model imagines held-out windows, against copying, the mean and wrong actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from jepakit.losses.averaging import at_least_float32
from jepakit.protocols import WorldModel
from jepakit.seeds import generator
from jepakit.transitions import TransitionBatch

MODEL, COPY, MEAN, OTHER = "model", "copy of the last frame", "mean latent", "other actions"
PREDICTORS = (MODEL, COPY, MEAN, OTHER)


@dataclass(frozen=True)
class PredictionScores:
    """How near predictions are to the latents of the real frames, window by window.

    Attributes:
        steps: actions from the last seen frame to the predicted one, ``k`` of them.
        episodes: episode of each window.
        cosine: similarity of predicted and real latents, mean over a frame's latents.
        square: ``||z_hat - z||^2`` over a frame's latents.
        spread: ``||z - m||^2`` with the mean latents ``m`` of all real frames that are predicted,
            one mean per place in the frame.
    """

    steps: tuple[int, ...]
    episodes: tuple[str, ...]
    cosine: dict[str, Float[ndarray, "w k"]]
    square: dict[str, Float[ndarray, "w k"]]
    spread: Float[ndarray, "w k"]


def score_predictions(
    model: WorldModel[Any],
    batches: Callable[[], Iterable[TransitionBatch]],
    steps: Sequence[int],
    *,
    device: torch.device | str = "cpu",
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> PredictionScores:
    """Imagine every window from its first frame with its actions, and with those of others.

    ``copy of the last frame`` says that nothing changes, ``mean latent`` knows the held-out frames
    and not the window, and ``other actions`` is the model with the actions of a window of another
    episode.

    Args:
        model: imagines.
        batches: goes once over the windows, of more than ``max(steps)`` frames, equally many of
            each episode in a row; called twice.
        steps: how far ahead.
        device: of the model.
        seed: of which window gets whose actions.
        progress: told how many more windows are done; each comes twice.

    Raises:
        ValueError: steps below 1, or windows of fewer than two episodes.
    """
    check_steps(steps, None)
    steps = sorted(set(steps))
    told = progress or _silent
    mean, actions, keys = _first_pass(model, batches(), steps, device, told)
    episodes = tuple(key.rsplit("--", 1)[0] for key in keys)
    other = actions[_partners(episodes, seed)]
    rows: dict[str, list[Tensor]] = {}
    done = 0
    for batch in batches():
        swapped = other[done : done + len(batch)].to(device)
        for name, values in _scores(model, batch.to(device), swapped, mean, steps).items():
            rows.setdefault(name, []).append(values.double().cpu())
        done += len(batch)
        told(len(batch))
    joined = {name: torch.cat(values).numpy() for name, values in rows.items()}
    return PredictionScores(
        steps=tuple(steps),
        episodes=episodes,
        cosine={name: joined[f"cosine {name}"] for name in PREDICTORS},
        square={name: joined[f"square {name}"] for name in PREDICTORS},
        spread=joined[f"square {MEAN}"],
    )


def check_steps(steps: Sequence[int], limit: int | None) -> None:
    """Refuse steps that a model cannot imagine.

    Args:
        steps: how far ahead.
        limit: frames that it can be given and imagine in all; None without a limit.

    Raises:
        ValueError: one is below 1, or beyond the limit.
    """
    if not steps or min(steps) < 1:
        raise ValueError(f"Steps must be at least 1, came {list(steps)}.")
    if limit is not None and max(steps) >= limit:
        raise ValueError(
            f"The model can imagine {limit - 1} steps after the first frame, asked for "
            f"{max(steps)}. Lower the steps, or train a model on longer windows."
        )


@torch.no_grad()
def _first_pass(
    model: WorldModel[Any],
    batches: Iterable[TransitionBatch],
    steps: Sequence[int],
    device: torch.device | str,
    told: Callable[[int], None],
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "w t a"], list[str]]:
    """The mean latents of the frames to be predicted, all actions, and the windows' names."""
    total, frames = torch.zeros(()), 0
    actions: list[Tensor] = []
    keys: list[str] = []
    for batch in batches:
        real = _real(model, batch.to(device), steps)
        total = total.to(device) + real.double().sum(dim=(0, 1))
        frames += len(batch) * len(steps)
        actions.append(batch.actions.clone())
        keys += batch.keys
        told(len(batch))
    if not keys:
        raise ValueError("No windows to predict: the data set (or the split) is empty.")
    return (total / frames).float(), torch.cat(actions), keys


def _partners(episodes: Sequence[str], seed: int) -> Tensor:
    """For every window one of another episode: episodes in a random circle, each takes the next."""
    names = list(dict.fromkeys(episodes))
    count = len(episodes) // len(names)
    if len(names) < 2 or [name for name in names for _ in range(count)] != list(episodes):
        raise ValueError(
            "Other actions need equally many windows, in a row, of at least 2 episodes; came "
            f"{len(episodes)} windows of {len(names)}."
        )
    circle = torch.randperm(len(names), generator=generator("other actions", seed))
    following = torch.empty_like(circle)
    following[circle] = circle.roll(-1)
    return (following[:, None] * count + torch.arange(count)).flatten()


@torch.no_grad()
def _scores(
    model: WorldModel[Any],
    batch: TransitionBatch,
    other: Float[Tensor, "b t a"],
    mean: Float[Tensor, "n d"],
    steps: Sequence[int],
) -> dict[str, Float[Tensor, "b k"]]:
    real = _real(model, batch, steps)
    start = model.start(
        batch.frames[:, :1], batch.actions[:, :0], batch.states[:, :1, : model.actions.states]
    )
    predicted = {
        MODEL: _imagined(model, start, batch.actions, steps),
        COPY: at_least_float32(start.latents).unsqueeze(1).expand_as(real),
        MEAN: mean.expand_as(real),
        OTHER: _imagined(model, start, other, steps),
    }
    found = {}
    for name, latents in predicted.items():
        found[f"cosine {name}"] = F.cosine_similarity(latents, real, dim=-1).mean(dim=-1)
        found[f"square {name}"] = (latents - real).square().sum(dim=(2, 3))
    return found


def _real(
    model: WorldModel[Any], batch: TransitionBatch, steps: Sequence[int]
) -> Float[Tensor, "b k n d"]:
    frames = batch.frames[:, list(steps)]
    latents = model.goal(frames.flatten(0, 1))
    return at_least_float32(latents).unflatten(0, frames.shape[:2])


def _imagined(
    model: WorldModel[Any], state: Any, actions: Float[Tensor, "b t a"], steps: Sequence[int]
) -> Float[Tensor, "b k n d"]:
    latents = []
    for step in range(max(steps)):
        state = model.step(state, actions[:, step])
        if step + 1 in steps:
            latents.append(at_least_float32(state.latents))
    return torch.stack(latents, dim=1)


def _silent(_: int) -> None:
    return
