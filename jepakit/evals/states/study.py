"""The study: read a variable by layer, intervene on it, control, patch, steer, carry it over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from rich.progress import Progress

from jepakit.evals.permutation_tests import permutation_p
from jepakit.evals.states.caveats import caveats_of
from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.effects.ablation_effects import (
    CAUSAL,
    AblationEffects,
    AblationSettings,
    ablation_effects,
)
from jepakit.evals.states.effects.patching_effects import ALPHAS, patching_effects, steering_sweep
from jepakit.evals.states.effects.pipeline_null import pipeline_effect, pipeline_null
from jepakit.evals.states.effects.portability import PortabilitySettings, portability
from jepakit.evals.states.feasibility import refuse_impossible
from jepakit.evals.states.probes.layer_curve import INNER_FOLDS, LayerCurve, layer_curve
from jepakit.evals.states.probes.splits import Part, parts_of
from jepakit.evals.states.probes.state_subspaces import Recipe
from jepakit.evals.states.result import EffectRow, PortableRow, StudyResult
from jepakit.evals.states.settings import StudySettings
from jepakit.evals.states.sparse_curve import sparse_curve
from jepakit.evals.statistics import Interval, Resampling
from jepakit.interp.effects import causal_effect_ratio
from jepakit.seeds import derive_seed

EARLY = 4 / 23  # the paper's layer 4 of 0 to 23


@dataclass
class Study:
    """One variable in one model.

    Args:
        activations: of every layer.
        settings: what is asked.
        facts: said at the head of the report.
        progress: a running progress display to draw on.
    """

    activations: Activations
    settings: StudySettings
    facts: dict[str, str]
    progress: Progress | None = None

    def run(self) -> StudyResult:
        """Everything that was asked for.

        Raises:
            ValueError: too few clips or groups, one class, constant activations, or no such layer.
        """
        o, a = self.settings, self.activations
        refuse_impossible(o, layers=a.layers, labels=a.labels, groups=a.groups)
        for layer in a.layers:
            a.at(layer)
        parts = parts_of(a.labels, a.groups, protocol=o.protocol, folds=o.folds, seed=o.seed)
        curve = layer_curve(a, folds=o.folds, seed=o.seed)
        chosen = self._chosen(curve, parts)
        effects = ablation_effects(
            a, parts, chosen, early=early_layer(a.layers), settings=self._ablation()
        )
        usual = Counter(chosen).most_common(1)[0][0]
        null = self._null(usual)
        portable = self._portable(usual)
        return StudyResult(
            facts=self.facts | self._own_facts(chosen),
            layers=curve.layers,
            accuracy=curve.accuracy,
            chance=1 / len(a.classes),
            chosen=chosen,
            rows=self._rows(effects, chosen),
            before=float(effects.before.mean()),
            sparse=sparse_curve(a, count=o.sparse_layers, folds=o.folds, seed=o.seed),
            p_value=permutation_p(self._observed(usual), null) if len(null) else None,
            null=tuple(null.tolist()),
            success=self._success(parts, chosen),
            steering=self._steering(parts, chosen),
            portable=portable,
            caveats=caveats_of(a, o, portable, energy=effects.overlap.get("energy")),
        )

    @property
    def _recipe(self) -> Recipe:
        o = self.settings
        return Recipe(method=o.method, rank=o.rank, augment=o.augment)

    def _ablation(self) -> AblationSettings:
        o = self.settings
        return AblationSettings(
            self._recipe, center=o.center, draws=o.draws, controls=o.controls, seed=o.seed
        )

    def _chosen(self, curve: LayerCurve, parts: Sequence[Part]) -> tuple[str, ...]:
        """The layer of each round."""
        o, a = self.settings, self.activations
        if o.layer != "auto":
            return (o.layer,) * len(parts)
        if o.protocol == "paper":
            best = curve.mean.max()
            return (curve.onset(float(best)) or curve.layers[-1],) * len(parts)
        return tuple(
            layer_curve(a, rows=part.training, folds=INNER_FOLDS, seed=o.seed).earliest()
            for part in parts
        )

    def _rows(self, effects: AblationEffects, chosen: tuple[str, ...]) -> tuple[EffectRow, ...]:
        """Table of effects, in the paper's order, with intervals over groups.

        Those of ratios are over clips as they are, without the spread of cross-fitting.
        """
        o, groups = self.settings, self.activations.groups
        rng = np.random.default_rng(derive_seed("ratios", o.seed))
        causal = effects.per_clip[CAUSAL][0]
        rows = []
        for name in (CAUSAL, *o.controls):
            layer = early_layer(self.activations.layers) if name == "early" else _named(chosen)
            if name not in effects.per_clip:
                rows.append(EffectRow(name, layer, None, None, impossible=effects.impossible[name]))
                continue
            drawn = effects.per_clip[name]
            per_clip = drawn.mean(axis=0)
            ratio = ""
            if name != CAUSAL:
                ratio = str(
                    causal_effect_ratio(causal, drawn, rng=rng, draws=o.bootstrap, groups=groups)
                )
            above_chance = float(effects.before.mean()) - 1 / len(self.activations.classes)
            effect, error = self._mean(per_clip), self._standard_error(per_clip)
            row = EffectRow(
                name,
                layer,
                effect,
                error,
                ratio,
                absolute=float(np.abs(drawn).mean()),
                accuracy_drop=float(effects.lost[name].mean()),
                normalised=effect.estimate / above_chance if above_chance > 0 else None,
                overlap=effects.overlap.get(name),
            )
            rows.append(row)
        return tuple(rows)

    def _mean(self, per_clip: Float[np.ndarray, " n"]) -> Interval:
        """Mean over clips; whole groups are drawn, and the spread is that of cross-fitting."""
        o = self.settings
        rng = np.random.default_rng(derive_seed("intervals", o.seed))
        resampling = Resampling.of_groups(self.activations.groups, draws=o.bootstrap, rng=rng)
        return self._stretched(mean_interval(resampling, per_clip))

    def _stretched(self, plain: Interval, within: tuple[float, float] = (-1.0, 1.0)) -> Interval:
        low, high = (
            float(np.clip(plain.estimate + self._stretch * (end - plain.estimate), *within))
            for end in (plain.low, plain.high)
        )
        return Interval(plain.estimate, low, high)

    def _standard_error(self, per_clip: Float[np.ndarray, " n"]) -> float:
        return float(self._stretch * per_clip.std(ddof=1) / np.sqrt(len(per_clip)))

    @property
    def _stretch(self) -> float:
        """How much wider means over cross-fitted clips spread than means over independent ones.

        Two clips of different folds are in each other's training clips, so that their effects rise
        and fall together: ``sqrt(1 + K n_test / n_train)``, 1.5 with 5 folds (Nadeau and Bengio
        2003, for the mean over folds). Without it 2 standard errors cover 0 in 85 % of draws of
        pure noise instead of 95 %.
        """
        folds = self.settings.folds
        return 1.0 if self.settings.protocol == "paper" else float(np.sqrt(1 + folds / (folds - 1)))

    def _null(self, layer: str) -> Float[np.ndarray, " permutations"]:
        o = self.settings
        return pipeline_null(
            self.activations,
            layer,
            permutations=o.permutations,
            protocol=o.protocol,
            folds=o.folds,
            settings=self._ablation(),
            seed=o.seed,
            progress=self.progress,
        )

    def _observed(self, layer: str) -> float:
        """What the null is held against: the same pipeline, at one layer in all rounds."""
        o = self.settings
        return pipeline_effect(
            self.activations,
            layer,
            protocol=o.protocol,
            folds=o.folds,
            settings=self._ablation(),
            seed=o.seed,
        )

    def _success(self, parts: Sequence[Part], chosen: Sequence[str]) -> dict[str, Interval]:
        o = self.settings
        if not o.pairs:
            return {}
        found = patching_effects(
            self.activations,
            parts,
            chosen,
            recipe=self._recipe,
            pairs=o.pairs,
            draws=o.draws,
            seed=o.seed,
        )
        rng = np.random.default_rng(derive_seed("pairs", o.seed))
        sources = self.activations.groups[found.pairs[:, 0]]
        resampling = Resampling.of_groups(sources, draws=o.bootstrap, rng=rng)
        values = found.success | {"donor gain": found.donor_gain, "source drop": found.source_drop}
        return {
            name: self._stretched(
                mean_interval(resampling, row), (0.0 if name in found.success else -1.0, 1.0)
            )
            for name, row in values.items()
        }

    def _steering(
        self, parts: Sequence[Part], chosen: Sequence[str]
    ) -> dict[str, dict[float, Interval]]:
        o = self.settings
        swept = steering_sweep(
            self.activations,
            parts,
            chosen,
            recipe=self._recipe,
            draws=o.draws,
            centered=o.center == "mean",
            seed=o.seed,
        )
        return {
            name: {alpha: self._mean(row) for alpha, row in zip(ALPHAS, rows, strict=True)}
            for name, rows in swept.items()
        }

    def _portable(self, layer: str) -> tuple[PortableRow, ...]:
        o, a = self.settings, self.activations
        start = a.layers.index(layer)
        layers = a.layers[start : start + o.portable_layers]
        rows = []
        for method in o.portable_methods if layers else ():
            asked = PortabilitySettings(
                Recipe(method=method, rank=o.rank),
                protocol="paper" if o.protocol == "paper" else "crossfit",
                repeats=o.repeats,
                folds=o.folds,
                draws=o.draws,
                center=o.center,
                seed=o.seed,
            )
            rows += [PortableRow(method, one, portability(a, a, one, asked)) for one in layers]
        return tuple(rows)

    def _own_facts(self, chosen: tuple[str, ...]) -> dict[str, str]:
        o, a = self.settings, self.activations
        counts = np.bincount(a.labels)
        classes = ", ".join(f"{name} {n}" for name, n in zip(a.classes, counts, strict=True))
        return {
            "clips": f"{len(a)} from {len(np.unique(a.groups))} sources",
            "classes": f"{classes} (chance {1 / len(a.classes):.3f})",
            "protocol": o.protocol + (f", {o.folds} folds" if o.protocol != "paper" else ""),
            "layer": _named(chosen),
            "subspace": f"{o.method}, rank {o.rank}" + (", augmented" if o.augment else ""),
        }


def mean_interval(resampling: Resampling, values: Float[np.ndarray, " n"]) -> Interval:
    """Interval of a mean over items."""
    return resampling.distribution(lambda counts: counts @ values / counts.sum(axis=1)).interval()


def early_layer(layers: Sequence[str]) -> str:
    """The layer at the depth of the paper's layer 4 of 24, among the outputs of blocks."""
    blocks = [layer for layer in layers if layer.startswith("blocks.")] or list(layers)
    return blocks[round(EARLY * (len(blocks) - 1))]


def _named(chosen: Sequence[str]) -> str:
    """``blocks.07.out``, or how often each where rounds differ."""
    counts = Counter(chosen).most_common()
    if len(counts) == 1:
        return counts[0][0]
    return ", ".join(f"{layer} ({times} of {len(chosen)})" for layer, times in counts)
