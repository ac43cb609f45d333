"""The energy of what could come next: is the true second half of a clip the least surprising?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from explorer.clip import Clip
from explorer.prediction.asking import (
    Predicting,
    as_predicted,
    fitting,
    predicting,
    predictions,
    target_tokens,
)
from explorer.prediction.hiding import HidingPlan

TRUE, LATE, SLOW, REVERSED, STILL = (
    "true future",
    "one slice late",
    "half speed",
    "reversed",
    "last frame held",
)
Frames = UInt8[np.ndarray, "t h w 3"]


@dataclass(frozen=True)
class FutureEnergies:
    """How well each candidate agrees with what the model predicts from the first half.

    Attributes:
        energies: mean training loss over the tokens of the second half, by candidate; the true
            future is the first.
        per_slice: the same of each time slice of the second half.
        held: the same for the guess that the last frame stays; it wins by construction where that
            is a candidate. None where the model's loss compares something else.
        start: first time slice of the second half.
    """

    energies: dict[str, float]
    per_slice: dict[str, Float[np.ndarray, " s"]]
    held: dict[str, float] | None
    start: int

    @property
    def rank(self) -> int:
        """Place of the true future, 1 for the lowest energy; ties count against it."""
        true = self.energies[TRUE]
        return 1 + sum(e <= true for name, e in self.energies.items() if name != TRUE)

    @property
    def margin(self) -> float:
        """How far the best other candidate lies above the truth, as a share of the larger of both.

        From -1 to 1: negative where another candidate is lower.
        """
        true = self.energies[TRUE]
        best = min(e for name, e in self.energies.items() if name != TRUE)
        return (best - true) / (max(best, true) or 1.0)


def half_of(slices: int) -> int:
    """The first time slice of the second half.

    Raises:
        ValueError: there is one slice only.
    """
    if slices < 2:
        raise ValueError(
            "This model's clips have one time slice and so no future: take a model of longer clips."
        )
    return slices // 2


def candidate_futures(
    frames: Frames, *, tubelet: int, others: Sequence[Clip] = ()
) -> dict[str, Frames]:
    """Whole clips with the same first half, by what their second half is.

    ``one slice late`` goes on from a slice before the end of the first half; ``half speed`` shows
    every frame twice. Candidates that are the truth to the last pixel are left out.

    Args:
        frames: the clip; its second half is the true future.
        tubelet: frames of a time slice.
        others: further clips of the same size, whose second halves are candidates.

    Raises:
        ValueError: a clip without a future, another clip of another size, or no candidate left.
    """
    start = half_of(len(frames) // tubelet) * tubelet
    past, future = frames[:start], frames[start:]
    ends = {
        LATE: frames[start - tubelet : len(frames) - tubelet],
        SLOW: future.repeat(2, axis=0)[: len(future)],
        REVERSED: future[::-1],
        STILL: past[-1:].repeat(len(future), axis=0),
    }
    for number, other in enumerate(others, start=1):
        if other.frames.shape != frames.shape:
            raise ValueError(
                f"'{other.name}' is {other.frames.shape}, the clip {frames.shape}: read both with "
                "the same frames and size."
            )
        ends[f"another clip {number}" if len(others) > 1 else "another clip"] = other.frames[start:]
    different = {name: end for name, end in ends.items() if not np.array_equal(end, future)}
    if not different:
        raise ValueError("Nothing moves in this clip's second half: all its futures are the same.")
    return {TRUE: frames} | {name: np.concatenate([past, end]) for name, end in different.items()}


def future_energies(
    model: object,
    clip: Clip,
    *,
    others: Sequence[Clip] = (),
    candidates: Mapping[str, Frames] | None = None,
) -> FutureEnergies:
    """Predict the second half of a clip from its first, and compare with candidates.

    Args:
        model: predicts hidden tokens.
        clip: of the length and size that the model was trained on.
        others: clips whose second halves are candidates too.
        candidates: whole clips instead of those of :func:`candidate_futures`, the one called
            ``true future`` among them.

    Raises:
        ValueError: the model predicts nothing, or the clip or a candidate does not fit.
    """
    able = predicting(model)
    request = able.request
    fitting(clip.frames, request)
    chosen = candidates or candidate_futures(clip.frames, tubelet=request.tubelet, others=others)
    _check(chosen, clip)
    start = half_of(request.grid[0])
    hidden = HidingPlan.of("future", request.grid).hidden[start - 1 : start]
    ((_, masks, predicted),) = predictions(able, clip.frames, hidden)
    places = masks.target.position
    shape = (request.grid[0] - start, -1)
    per_slice = {}
    for name, frames in chosen.items():
        target = target_tokens(able, frames[None])[0, places]
        error = able.hidden_errors(predicted, target).double().cpu().numpy()
        per_slice[name] = error.reshape(shape).mean(axis=1)
    return FutureEnergies(
        energies={name: float(values.mean()) for name, values in per_slice.items()},
        per_slice=per_slice,
        held=_held(able, clip.frames, chosen, start),
        start=start,
    )


def _held(
    model: Predicting, frames: Frames, candidates: Mapping[str, Frames], start: int
) -> dict[str, float] | None:
    first = start * model.request.tubelet
    still = frames.copy()
    still[first:] = frames[first - 1]
    places = slice(start * model.request.grid[1] * model.request.grid[2], None)
    guess = as_predicted(model, target_tokens(model, still[None])[0, places])
    if guess is None:
        return None
    targets = {n: target_tokens(model, c[None])[0, places] for n, c in candidates.items()}
    return {n: float(model.hidden_errors(guess, t).double().mean()) for n, t in targets.items()}


def _check(candidates: Mapping[str, Frames], clip: Clip) -> None:
    wrong = [name for name, c in candidates.items() if c.shape != clip.frames.shape]
    if TRUE not in candidates or len(candidates) < 2 or wrong:
        raise ValueError(
            f"Candidates are whole clips like the given one {clip.frames.shape}, '{TRUE}' and at "
            f"least one other; came {list(candidates)}, of another shape {wrong}."
        )
