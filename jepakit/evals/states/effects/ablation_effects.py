"""What removing a subspace does to a classifier, beside what matched controls do (Table 1)."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.probes.dense_probe import DenseProbe
from jepakit.evals.states.probes.splits import Part
from jepakit.evals.states.probes.state_subspaces import Recipe, state_subspace
from jepakit.interp.alignment import subspace_alignment
from jepakit.interp.effects import causal_effect
from jepakit.interp.interventions import ablate, equal_norm_perturbation
from jepakit.interp.matched_subspaces import (
    NoSuchSubspaceError,
    PrincipalAxes,
    energy_matched_subspace,
    principal_axes,
    random_subspace,
    rotated_subspace,
)
from jepakit.seeds import derive_seed

CAUSAL = "causal"
Control = Literal["random", "early", "equal_norm", "shuffled", "rotated", "energy"]
CONTROLS: tuple[Control, ...] = ("random", "early", "equal_norm", "shuffled", "rotated", "energy")


@dataclass(frozen=True)
class AblationSettings:
    """How a subspace is ablated and controlled.

    Attributes:
        recipe: how the subspace is found.
        center: whether only the deviation from the mean is projected out; as printed in the paper
            (``None``) the mean's own component goes too, which moves activations off their range.
        draws: of every control that is drawn.
        components: leading principal axes in which the ``rotated`` control is drawn.
        shared: one direction for all clips in the equal-norm control, instead of one per clip.
        strength: of the classifier.
        controls: those wanted.
        seed: of all draws.
    """

    recipe: Recipe = field(default_factory=Recipe)
    center: Literal["mean"] | None = None
    draws: int = 20
    components: int = 50
    shared: bool = False
    strength: float = 1.0
    controls: tuple[Control, ...] = CONTROLS
    seed: int = 0


@dataclass(frozen=True)
class AblationEffects:
    """Fall of the true class's probability, clip by clip.

    Attributes:
        per_clip: draws by clips, ``(k, n)``, by intervention; one draw where nothing is drawn.
        lost: the same for being named rightly: 1 where that was before and is no more.
        overlap: alignment (SAS) of a control's subspaces with the found one, mean over draws and
            rounds: a control that overlaps is no control.
        before: probability of the true class before anything is done.
        layers: the layer at which each round intervened.
        impossible: why a control could not be drawn, by its name.
    """

    per_clip: dict[str, Float[np.ndarray, "_ n"]]
    lost: dict[str, Float[np.ndarray, "_ n"]]
    overlap: dict[str, float]
    before: Float[np.ndarray, " n"]
    layers: tuple[str, ...]
    impossible: dict[str, str]


def ablation_effects(
    activations: Activations,
    parts: Sequence[Part],
    layers: Sequence[str],
    *,
    early: str,
    settings: AblationSettings | None = None,
) -> AblationEffects:
    """The causal effect of every clip, held out as the parts say.

    Source: paper, equation 3, section 3.3 and Table 1. Differs: the added controls ``rotated``
    (random directions inside the leading principal axes) and ``energy`` (random directions that
    catch as much variance).

    Args:
        activations: of all layers.
        parts: rounds; a clip that is judged in several is averaged.
        layers: the layer of each round.
        early: the layer of the early-layer control.
        settings: how.
    """
    settings = settings or AblationSettings()
    n = len(activations)
    sums: dict[str, np.ndarray] = {}
    impossible: dict[str, str] = {}
    overlaps: dict[str, list[float]] = {}
    before, times = np.zeros(n), np.zeros(n)
    for number, (part, layer) in enumerate(zip(parts, layers, strict=True)):
        round_ = _Round(activations, part, layer, early, settings, number)
        for name, effect in round_.effects():
            total = sums.setdefault(name, np.zeros((2, effect.shape[1], n)))
            total[:, :, part.test] += effect
        before[part.test] += round_.before
        times[part.test] += 1
        impossible |= round_.impossible
        for name, overlap in round_.overlap.items():
            overlaps.setdefault(name, []).append(overlap)
    found = {name: sum_ / times for name, sum_ in sums.items() if name not in impossible}
    return AblationEffects(
        per_clip={name: both[0] for name, both in found.items()},
        lost={name: both[1] for name, both in found.items()},
        overlap={name: float(np.mean(overlaps[name])) for name in overlaps if name in found},
        before=before / times,
        layers=tuple(layers),
        impossible=impossible,
    )


class _Round:
    """One round: a subspace, a classifier, and the clips that are judged."""

    def __init__(
        self,
        activations: Activations,
        part: Part,
        layer: str,
        early: str,
        settings: AblationSettings,
        number: int,
    ) -> None:
        self.part, self.settings, self.number = part, settings, number
        self.impossible: dict[str, str] = {}
        self.overlap: dict[str, float] = {}
        self.labels = activations.labels
        self.x = activations.at(layer)
        self.early = activations.at(early) if "early" in settings.controls else self.x
        found = state_subspace(
            self.x[part.subspace], self.labels[part.subspace], settings.recipe, seed=settings.seed
        )
        self.basis = found.basis
        self.probe = self._probe(self.x)
        self.own = self.probe.probabilities(self.x[part.test])
        self.before = self.own[np.arange(len(self.own)), self.labels[part.test]]

    def effects(self) -> Iterator[tuple[str, Float[np.ndarray, "2 k t"]]]:
        """Every intervention with its effects: fall of the probability, and being right no more."""
        yield CAUSAL, self._ablated([self.basis])
        makers = {
            "random": self._random,
            "rotated": self._rotated,
            "energy": self._energy,
            "shuffled": self._shuffled,
        }
        for control in self.settings.controls:
            if control == "early":
                yield control, self._early_layer()
            elif control == "equal_norm":
                yield control, self._equal_norm()
            else:
                rng = self._rng(control)
                try:
                    bases = [makers[control](rng) for _ in range(self.settings.draws)]
                except NoSuchSubspaceError as error:
                    self.impossible[control] = str(error)
                    continue
                aligned = [subspace_alignment(self.basis, v, norm="min").score for v in bases]
                self.overlap[control] = float(np.mean(aligned))
                yield control, self._ablated(bases)

    @functools.cached_property
    def _axes(self) -> PrincipalAxes:
        return principal_axes(self.x[self.part.subspace])

    def _random(self, rng: np.random.Generator) -> Float[np.ndarray, "d r"]:
        return random_subspace(len(self.basis), self.basis.shape[1], rng)

    def _rotated(self, rng: np.random.Generator) -> Float[np.ndarray, "d r"]:
        rank = self.basis.shape[1]
        return rotated_subspace(self._axes, rank, rng, components=self.settings.components)

    def _energy(self, rng: np.random.Generator) -> Float[np.ndarray, "d r"]:
        return energy_matched_subspace(self._axes, self.basis, rng)

    def _shuffled(self, rng: np.random.Generator) -> Float[np.ndarray, "d r"]:
        rows = self.part.subspace
        permuted = rng.permutation(self.labels[rows])
        recipe, seed = self.settings.recipe, self.settings.seed
        return state_subspace(self.x[rows], permuted, recipe, seed=seed).basis

    def _ablated(self, bases: Sequence[np.ndarray]) -> Float[np.ndarray, "2 k t"]:
        x, center = self.x[self.part.test], self._center(self.x)
        return np.stack([self._fall(ablate(x, basis, center=center)) for basis in bases], axis=1)

    def _early_layer(self) -> Float[np.ndarray, "2 1 t"]:
        probe, x = self._probe(self.early), self.early[self.part.test]
        after = ablate(x, self.basis, center=self._center(self.early))
        return self._between(probe.probabilities(x), probe.probabilities(after))[:, None]

    def _equal_norm(self) -> Float[np.ndarray, "2 k t"]:
        rng, x = self._rng("equal_norm"), self.x[self.part.test]
        shape = x.shape[1:] if self.settings.shared else x.shape
        center = self._center(self.x)
        falls = []
        for _ in range(self.settings.draws):
            directions = rng.standard_normal(shape)
            moved = equal_norm_perturbation(x, self.basis, directions, center=center)
            falls.append(self._fall(moved))
        return np.stack(falls, axis=1)

    def _fall(self, x: Float[np.ndarray, "t d"]) -> Float[np.ndarray, "2 t"]:
        return self._between(self.own, self.probe.probabilities(x))

    def _between(
        self, before: Float[np.ndarray, "t C"], after: Float[np.ndarray, "t C"]
    ) -> Float[np.ndarray, "2 t"]:
        labels = self.labels[self.part.test]
        right = [(p.argmax(axis=1) == labels).astype(np.float64) for p in (before, after)]
        return np.stack([causal_effect(before, after, labels).per_clip, right[0] - right[1]])

    def _probe(self, x: Float[np.ndarray, "n d"]) -> DenseProbe:
        rows = self.part.classifier
        return DenseProbe(x[rows], self.labels[rows], strength=self.settings.strength)

    def _center(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"] | None:
        # Of the clips that the subspace comes from: the judged ones are not looked at.
        return x[self.part.subspace].mean(axis=0) if self.settings.center == "mean" else None

    def _rng(self, control: str) -> np.random.Generator:
        return np.random.default_rng(
            derive_seed("states", self.settings.seed, self.number, control)
        )
