"""Does a subspace found on one set of clips work on another: alignment and retained effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.probes.dense_probe import DenseProbe
from jepakit.evals.states.probes.splits import kfold
from jepakit.evals.states.probes.state_subspaces import Recipe, state_subspace
from jepakit.interp.alignment import (
    RetainedEffect,
    energy_weighted_alignment,
    noise_ceiling,
    retained_causal_effect,
    subspace_alignment,
)
from jepakit.interp.effects import causal_effect
from jepakit.interp.interventions import ablate
from jepakit.interp.matched_subspaces import random_subspace
from jepakit.interp.subspaces import Subspace
from jepakit.seeds import derive_seed

QUARTERS = 4  # of the clips: two subspaces, a classifier, and those that are judged


@dataclass(frozen=True)
class PortabilitySettings:
    """How portability is measured.

    Attributes:
        recipe: how subspaces are found.
        protocol: of two sets of clips of one model, ``crossfit`` finds the two subspaces, fits the
            classifier and judges on four disjoint quarters; ``paper`` halves the clips, and the
            second half is also what the classifier learns from and is judged on. The protocol alone
            moves the retained effect by as much as 0.4. Of two models (or of clips and their
            perturbed twins), ``crossfit`` does all but judging on the training folds.
        repeats: of the split into quarters or halves.
        folds: where two models are compared.
        draws: random subspaces; draws of the noise ceiling (times 5) and of the bootstrap (times
            50).
        center: as in :class:`~jepakit.evals.states.effects.ablation_effects.AblationSettings`.
        strength: of the classifier.
        seed: of splits and draws.
    """

    recipe: Recipe = field(default_factory=Recipe)
    protocol: Literal["crossfit", "paper"] = "crossfit"
    repeats: int = 5
    folds: int = 5
    draws: int = 20
    center: Literal["mean"] | None = None
    strength: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Portability:
    """Alignment and retained effect of the subspaces of two sets of clips.

    Attributes:
        alignment: SAS of each repeat.
        energy_weighted: the same weighted by how far class means lie apart, of each repeat.
        spectrum: squared cosines of the principal angles, mean over repeats.
        chance: SAS of random subspaces.
        ceiling: 5 % quantile and median of the SAS between two noisy copies of one subspace of
            class means, each from as many clips as the two that are compared: alignment below the
            quantile says that the geometry changed, above it says nothing. Of clips and their
            perturbed twins it is too low, as these share their noise.
        retained: RCE with its interval, over all repeats.
        own: mean effect of the target's own subspace.
        cross: mean effect of the other set's.
    """

    alignment: Float[np.ndarray, " repeats"]
    energy_weighted: Float[np.ndarray, " repeats"]
    spectrum: Float[np.ndarray, " r"]
    chance: float
    ceiling: tuple[float, float]
    retained: RetainedEffect
    own: float
    cross: float


@dataclass(frozen=True)
class _Rows:
    source: Int[np.ndarray, " a"]
    target: Int[np.ndarray, " b"]
    classifier: Int[np.ndarray, " c"]
    test: Int[np.ndarray, " e"]


def portability(
    source: Activations,
    target: Activations,
    layer: str,
    settings: PortabilitySettings | None = None,
) -> Portability:
    """From ``source`` to ``target``, which hold the same clips in the same order.

    The same object twice: two disjoint sets of its clips, as in the paper. Activations of perturbed
    clips, or of another model of the same width: those of ``target`` judge.

    Source: paper, section 3.4. Differs: see :class:`PortabilitySettings`.

    Raises:
        ValueError: other labels, or too few clips.
    """
    settings = settings or PortabilitySettings()
    if not np.array_equal(source.labels, target.labels):
        raise ValueError("Both sets need the same clips in the same order, and labels differ.")
    xa, xb, y = source.at(layer), target.at(layer), target.labels
    found = [
        _Repeat(xa, xb, y, rows, settings, number)
        for number, rows in enumerate(_splits(target, settings, same=source is target))
    ]
    rng = np.random.default_rng(derive_seed("portability", settings.seed))
    retained = retained_causal_effect(
        np.concatenate([one.cross for one in found]),
        np.concatenate([one.own for one in found]),
        random=np.concatenate([one.random for one in found], axis=1),
        rng=rng,
        draws=settings.draws * 50,
        groups=np.concatenate([target.groups[one.rows.test] for one in found]),
    )
    rows = found[0].rows
    both = np.union1d(rows.source, rows.target)
    ceiling = noise_ceiling(
        xb[both],
        y[both],
        rank=settings.recipe.rank,
        rng=rng,
        draws=settings.draws * 5,
        share=1.0 if np.array_equal(rows.source, rows.target) else 0.5,
    )
    alignments = [subspace_alignment(one.a, one.b, norm="min") for one in found]
    ranks = min(len(one.spectrum) for one in alignments)
    return Portability(
        alignment=np.array([one.score for one in alignments]),
        energy_weighted=np.array([energy_weighted_alignment(one.a, one.b) for one in found]),
        spectrum=np.mean([one.spectrum[:ranks] for one in alignments], axis=0),
        chance=alignments[0].chance,
        ceiling=(float(np.quantile(ceiling, 0.05)), float(np.median(ceiling))),
        retained=retained,
        own=float(np.mean(np.concatenate([one.own for one in found]))),
        cross=float(np.mean(np.concatenate([one.cross for one in found]))),
    )


def _splits(target: Activations, settings: PortabilitySettings, *, same: bool) -> Iterator[_Rows]:
    labels, groups = target.labels, target.groups
    if settings.protocol == "crossfit" and not same:
        for training, test in kfold(labels, groups, folds=settings.folds, seed=settings.seed):
            yield _Rows(training, training, training, test)
        return
    for repeat in range(settings.repeats):
        seed = derive_seed("portability", settings.seed, repeat)
        folds = QUARTERS if settings.protocol == "crossfit" else 2
        sides = [test for _, test in kfold(labels, groups, folds=folds, seed=seed)]
        yield _Rows(*sides) if folds == QUARTERS else _Rows(sides[0], sides[1], sides[1], sides[1])


class _Repeat:
    """One split: two subspaces, a classifier, and effects on the judged clips."""

    def __init__(
        self,
        xa: Float[np.ndarray, "n d"],
        xb: Float[np.ndarray, "n d"],
        y: Int[np.ndarray, " n"],
        rows: _Rows,
        settings: PortabilitySettings,
        number: int,
    ) -> None:
        recipe, seed = settings.recipe, settings.seed
        self.rows = rows
        self.a: Subspace = state_subspace(xa[rows.source], y[rows.source], recipe, seed=seed)
        self.b: Subspace = state_subspace(xb[rows.target], y[rows.target], recipe, seed=seed)
        probe = DenseProbe(xb[rows.classifier], y[rows.classifier], strength=settings.strength)
        x, labels = xb[rows.test], y[rows.test]
        before = probe.probabilities(x)
        center = xb[rows.target].mean(axis=0) if settings.center == "mean" else None

        def effect(basis: Float[np.ndarray, "d r"]) -> Float[np.ndarray, " e"]:
            after = probe.probabilities(ablate(x, basis, center=center))
            return causal_effect(before, after, labels).per_clip

        rng = np.random.default_rng(derive_seed("random subspaces", seed, number))
        self.cross, self.own = effect(self.a.basis), effect(self.b.basis)
        bases = [random_subspace(self.b.width, self.b.rank, rng) for _ in range(settings.draws)]
        self.random = np.stack([effect(basis) for basis in bases])
