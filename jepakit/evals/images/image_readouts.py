"""All ways of reading frozen features of one network, chosen on training pictures only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped

from jepakit.evals.images.label_draws import balanced_draw, hold_out
from jepakit.evals.images.linear_sweep import LinearSweep, fit_linear
from jepakit.evals.images.low_shot import fit_low_shot
from jepakit.evals.images.nearest_neighbours import (
    NEIGHBOURS,
    TEMPERATURE,
    choose_neighbours,
    neighbour_votes,
)
from jepakit.evals.probes.linear_probe import STRENGTHS
from jepakit.seeds import derive_seed

KNN = "kNN"
LAST = "linear, last level"


@dataclass(frozen=True)
class ImageSettings:
    """How pictures are classified.

    Attributes:
        share: share of the training labels that the few-label probe sees, class-balanced.
        share_draws: how often they are drawn; scores are means.
        neighbours: numbers of neighbours to choose from.
        temperature: of the votes of neighbours.
        sweep: the linear probes.
        strengths: regularisation strengths of the few-label probe to choose from.
        selection: share of the training pictures of each class that is held out to choose by.
        draws: bootstrap draws, of test pictures.
        confidence: of the intervals.
        seed: of the parts, the draws and the bootstrap.
    """

    share: float = 0.01
    share_draws: int = 3
    neighbours: tuple[int, ...] = NEIGHBOURS
    temperature: float = TEMPERATURE
    sweep: LinearSweep = field(default_factory=LinearSweep)
    strengths: tuple[float, ...] = STRENGTHS
    selection: float = 0.2
    draws: int = 2000
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse counts below 1."""
        if (
            self.share_draws < 1
            or self.draws < 1
            or not self.neighbours
            or min(self.neighbours) < 1
        ):
            raise ValueError(
                "share_draws, draws and numbers of neighbours must be at least 1, got "
                f"{self.share_draws}, {self.draws} and {list(self.neighbours)}."
            )

    @property
    def few(self) -> str:
        """What the few-label probe is called."""
        return f"logistic, {100 * self.share:g} % of the labels"


@dataclass(frozen=True)
class LabelPlan:
    """Which training pictures probes fit on and choose by; the same for all networks.

    Attributes:
        labels: class of each training picture.
        classes: number of classes.
        fit: rows to fit on while choosing.
        selection: rows to choose by.
        few: rows of each class-balanced draw.
    """

    labels: Int[np.ndarray, " n"]
    classes: int
    fit: Int[np.ndarray, " f"]
    selection: Int[np.ndarray, " s"]
    few: tuple[Int[np.ndarray, " drawn"], ...]

    @classmethod
    def of(
        cls, labels: Int[np.ndarray, " n"], classes: Sequence[str], settings: ImageSettings
    ) -> LabelPlan:
        """Draw all parts.

        Raises:
            ValueError: impossible shares, or a class with too few pictures.
        """

        def rng(*name: str | int) -> np.random.Generator:
            return np.random.default_rng(derive_seed("image probes", settings.seed, *name))

        fit, selection = hold_out(labels, settings.selection, rng("held out"), classes=classes)
        few = tuple(
            balanced_draw(labels, settings.share, rng("few", draw), classes=classes)
            for draw in range(settings.share_draws)
        )
        return cls(labels, len(classes), fit, selection, few)


@dataclass(frozen=True)
class Reading:
    """Answers about the test pictures by one way of reading features.

    Attributes:
        readout: its name.
        score: per draw of labels (one where all are used), a score of every class.
        chosen: per draw, the hyper-parameters chosen.
        at_edge: whether one of them is an end of its grid, so that a wider one may do better.
        selection: what each hyper-parameter reached on the held-out pictures, where that is told.
        detail: whether it is a variant beside the chosen one.
    """

    readout: str
    score: tuple[Float[np.ndarray, "q classes"], ...]
    chosen: tuple[dict[str, float], ...] = ({},)
    at_edge: bool = False
    selection: dict[str, float | None] = field(default_factory=dict)
    detail: bool = False


def read_features(
    learned: Shaped[np.ndarray, "n l d"],
    asked: Shaped[np.ndarray, "q l d"],
    plan: LabelPlan,
    settings: ImageSettings,
    *,
    device: torch.device | str = "cpu",
    advance: Callable[[], None] | None = None,
) -> list[Reading]:
    """kNN, linear probes of the last and of all levels, and the few-label probe.

    Args:
        learned: features of the training pictures, the last level last; floats, or uint8 pixels.
        asked: features of the test pictures, which are only ever predicted.
        plan: the training labels and their parts.
        settings: see :class:`ImageSettings`.
        device: where probes live.
        advance: called after each of the :func:`steps_of` readouts.
    """
    done = advance or (lambda: None)
    last, asked_last = (
        np.ascontiguousarray(values[:, -1], dtype=np.float32) for values in (learned, asked)
    )
    readings = _neighbours(last, asked_last, plan, settings, device)
    done()
    readings.append(_linear(LAST, last, asked_last, plan, settings, device))
    done()
    levels = learned.shape[1]
    if levels > 1:
        name = f"linear, last {levels} levels"
        every = learned.reshape(len(learned), -1), asked.reshape(len(asked), -1)
        readings.append(_linear(name, *every, plan, settings, device))
        done()
    readings.append(_low_shot(last, asked_last, plan, settings, device))
    done()
    return readings


def steps_of(levels: int) -> int:
    """How many readouts features of so many levels have."""
    return 4 if levels > 1 else 3


def _neighbours(
    learned: np.ndarray,
    asked: np.ndarray,
    plan: LabelPlan,
    settings: ImageSettings,
    device: torch.device | str,
) -> list[Reading]:
    chosen = choose_neighbours(
        learned,
        plan.labels,
        plan.fit,
        plan.selection,
        classes=plan.classes,
        ks=settings.neighbours,
        temperature=settings.temperature,
        device=device,
    )
    votes = neighbour_votes(
        learned,
        plan.labels,
        asked,
        classes=plan.classes,
        ks=tuple(chosen.selection),
        temperature=settings.temperature,
        device=device,
    )
    told: dict[str, float | None] = {f"k={k}": value for k, value in chosen.selection.items()}
    first = Reading(KNN, (votes[chosen.k],), ({"k": float(chosen.k)},), selection=told)
    return [first, *(Reading(f"{KNN}, k={k}", (v,), detail=True) for k, v in votes.items())]


def _linear(
    name: str,
    learned: np.ndarray,
    asked: np.ndarray,
    plan: LabelPlan,
    settings: ImageSettings,
    device: torch.device | str,
) -> Reading:
    found = fit_linear(
        learned,
        plan.labels,
        plan.fit,
        plan.selection,
        classes=plan.classes,
        sweep=settings.sweep,
        device=device,
    )
    return Reading(
        name,
        (found.heads.probabilities(asked),),
        ({"lr": found.trial.lr, "weight decay": found.trial.weight_decay},),
        at_edge=found.at_edge,
        selection={
            f"lr={s.trial.lr:g} weight decay={s.trial.weight_decay:g}": None
            if s.loss is None
            else s.accuracy
            for s in found.scores
        },
    )


def _low_shot(
    learned: np.ndarray,
    asked: np.ndarray,
    plan: LabelPlan,
    settings: ImageSettings,
    device: torch.device | str,
) -> Reading:
    fits = [
        fit_low_shot(
            learned[rows],
            plan.labels[rows],
            classes=plan.classes,
            rng=np.random.default_rng(derive_seed("few-label folds", settings.seed, draw)),
            strengths=settings.strengths,
            device=device,
        )
        for draw, rows in enumerate(plan.few)
    ]
    return Reading(
        settings.few,
        tuple(fit.model.probabilities(asked) for fit in fits),
        tuple({"strength": fit.strength} for fit in fits),
        at_edge=any(fit.at_edge for fit in fits),
    )
