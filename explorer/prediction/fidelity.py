"""Does the map of a predicted removal find what truly changes? Numbers for one removal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from explorer.prediction.counterfactual import LATENTS, RESIDUAL, Counterfactual
from jepakit.evals.figures.counterfactual import rank_agreement
from jepakit.evals.removals.removal_truth import CHANGED
from jepakit.evals.scores import auroc

UNTRAINED = "untrained twin"


@dataclass(frozen=True)
class ObjectEffect:
    """One of the objects that stay.

    Attributes:
        name: of the object.
        predicted: mean residual norm over its visible tokens, weighted by its share of them.
        changed: share of its pixels that look different without the removed one; None without a
            re-simulation.
    """

    name: str
    predicted: float
    changed: float | None

    @property
    def moved(self) -> bool | None:
        """Whether the removal reaches it: more than a rounding of its outline changes."""
        return None if self.changed is None else self.changed > CHANGED


@dataclass(frozen=True)
class Fidelity:
    """How one removal was foreseen.

    Attributes:
        auroc: chance that a token of another object that truly changes scores above one that does
            not, by score; NaN where all or none change.
        everywhere: the same over all visible tokens, background included.
        rank: Spearman correlation of the residual with the true change of latents, all visible
            tokens.
        rank_pixels: with the true change of pixels.
        tokens: tokens of other objects.
        changed: how many of them truly change.
    """

    auroc: dict[str, float]
    everywhere: dict[str, float]
    rank: float
    rank_pixels: float
    tokens: int
    changed: int


def fidelity(view: Counterfactual, *, untrained: Counterfactual | None = None) -> Fidelity | None:
    """Hold a removal against the re-simulation; None without one.

    Tokens count as changed, and objects as in :mod:`jepakit.evals.removals.causal_fidelity`: by
    what is seen, without the pixels that the removed object covered.

    Args:
        view: the removal.
        untrained: the same removal asked of the model's untrained twin.
    """
    truth = view.truth
    if truth is None:
        return None
    scores = {RESIDUAL: view.predicted, LATENTS: truth.latents, **view.baselines}
    if untrained is not None:
        scores[UNTRAINED] = untrained.predicted
    return Fidelity(
        auroc=_aurocs(truth.changed, scores, view.others),
        everywhere=_aurocs(truth.changed, scores, view.visible),
        rank=rank_agreement(view.predicted, truth.latents, view.visible),
        rank_pixels=rank_agreement(view.predicted, truth.pixels, view.visible),
        tokens=int(view.others.sum()),
        changed=int((truth.changed & view.others).sum()),
    )


def object_effects(view: Counterfactual) -> list[ObjectEffect]:
    """The objects that stay and are seen, the most affected by the model's word first."""
    found = []
    for row, name in enumerate(view.names):
        weight = np.where(view.visible, view.coverage[row], 0).astype(np.float64)
        if row == view.removed - 1 or not weight.any():
            continue
        mean = float(np.nansum(view.predicted * weight) / weight.sum())
        changed = None if view.truth is None else float(view.truth.objects[row])
        found.append(ObjectEffect(name, mean, changed))
    return sorted(found, key=lambda effect: -effect.predicted)


def caption(
    view: Counterfactual, *, untrained: Counterfactual | None = None
) -> dict[str, str | float]:
    """The numbers of a removal, for the foot of its pictures."""
    found: dict[str, str | float] = {
        "removed": view.name,
        "hidden tokens": float((~view.visible).sum()),
        "visible tokens": float(view.visible.sum()),
    }
    numbers = fidelity(view, untrained=untrained)
    if numbers is None:
        return found | {"truth": "not known: the clip has no simulation without this object"}
    found |= {
        "tokens of other objects": float(numbers.tokens),
        "of them truly changed": float(numbers.changed),
        "rank correlation with true change of latents": numbers.rank,
        "rank correlation with true change of pixels": numbers.rank_pixels,
    }
    found |= {f"AUROC {name}": value for name, value in numbers.auroc.items()}
    return found | {f"AUROC {name}, everywhere": v for name, v in numbers.everywhere.items()}


def _aurocs(
    truth: Bool[np.ndarray, "tt hh ww"],
    scores: Mapping[str, Float[np.ndarray, "tt hh ww"]],
    among: Bool[np.ndarray, "tt hh ww"],
) -> dict[str, float]:
    once = np.ones((1, int(among.sum())))
    if not among.any():
        return dict.fromkeys(scores, float("nan"))
    return {n: float(auroc(truth[among], values[among])(once)[0]) for n, values in scores.items()}
