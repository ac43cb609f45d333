"""How surprising each token of a clip is: the error of its prediction while it is hidden."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explorer.clip import Clip
from explorer.prediction.asking import (
    Predicting,
    as_predicted,
    errors_under,
    fitting,
    predicting,
    target_tokens,
)
from explorer.prediction.hiding import Hide, HidingPlan, held_clips

TokenMap = Float[np.ndarray, "tt hh ww"]


@dataclass(frozen=True)
class Surprise:
    """The error of each token's prediction, in units of the model's own training loss.

    Attributes:
        errors: of the model; NaN where a token was not asked for (the first slice of ``future``).
        held: of the guess that the last frame seen stays, see :func:`surprise`; None where there is
            no such guess, for blocks of space and for models whose loss compares something else.
        hide: what was hidden in turn.
        clip: the clip.
    """

    errors: TokenMap
    held: TokenMap | None
    hide: Hide
    clip: Clip

    @property
    def curve(self) -> Float[np.ndarray, " tt"]:
        """Mean error of each time slice."""
        return slice_means(self.errors)

    @property
    def held_curve(self) -> Float[np.ndarray, " tt"] | None:
        """Mean error of each time slice if the last frame seen stays."""
        return None if self.held is None else slice_means(self.held)

    @property
    def peak(self) -> int:
        """The most surprising time slice."""
        return int(np.nanargmax(self.curve))

    @property
    def against_held(self) -> float | None:
        """Error over that of a held frame, whole clip: below 1 the model knows what moves.

        None without such a guess, or in a clip where nothing moves.
        """
        if self.held is None or not np.nanmean(self.held) > 0:
            return None
        return float(np.nanmean(self.errors) / np.nanmean(self.held))


def surprise(
    model: object, clip: Clip, *, hide: Hide = "slice", block: int = 2, batch: int = 4
) -> Surprise:
    """Hide parts of a clip in turn and measure how badly the model predicts them.

    The target encoder sees whole clips: what is to be predicted of a slice also tells of its
    neighbours. A number alone says little; hold it against an untrained twin of the model and
    against ``held``: the target encoder's latents of the clip in which the last frame seen stays
    for as long as the model sees nothing. That guess knows where tokens are and nothing of what is
    hidden, and is exactly right where nothing moves.

    Args:
        model: predicts hidden tokens, see :class:`jepakit.protocols.PredictsHidden`.
        clip: of the length and size that the model was trained on.
        hide: what is hidden in turn.
        block: side of a hidden square in tokens, with ``hide="blocks"``.
        batch: masks that are computed at once.

    Raises:
        ValueError: the model predicts nothing, the clip is of another size, or nothing would stay
            visible.
    """
    able = predicting(model)
    fitting(clip.frames, able.request)
    plan = HidingPlan.of(hide, able.request.grid, block=block)
    errors = errors_under(able, clip.frames, plan.hidden, batch=batch)
    held = held_errors(able, clip, plan, hide, batch=batch)
    return Surprise(
        errors=_joined(errors, plan),
        held=None if held is None else _joined(held, plan),
        hide=hide,
        clip=clip,
    )


def held_errors(
    model: Predicting, clip: Clip, plan: HidingPlan, hide: Hide, *, batch: int
) -> Float[np.ndarray, "v tt hh ww"] | None:
    """The loss of guessing that the last frame seen stays; None where that cannot be said."""
    clips = held_clips(clip.frames, hide, model.request.tubelet)
    if clips is None:
        return None
    target = target_tokens(model, clip.frames[None])[0]
    rows = []
    for start in range(0, len(clips), batch):
        for guess in target_tokens(model, clips[start : start + batch]):
            predicted = as_predicted(model, guess)
            if predicted is None:
                return None
            rows.append(model.hidden_errors(predicted, target).double().cpu().numpy())
    return np.stack(rows).reshape(plan.hidden.shape)


def slice_means(values: TokenMap) -> Float[np.ndarray, " tt"]:
    """Mean of each time slice over its tokens with a value; NaN where there is none."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=(1, 2))
    count = known.sum(axis=(1, 2))
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def _joined(values: Float[np.ndarray, "v tt hh ww"], plan: HidingPlan) -> TokenMap:
    """Each token's value under the mask that asks for it."""
    asked = plan.asked.any(axis=0)
    return np.where(asked, np.where(plan.asked, values, 0.0).sum(axis=0), np.nan)
