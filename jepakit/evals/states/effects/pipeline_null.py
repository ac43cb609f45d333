"""The whole analysis on permuted labels: what effect there is where there is nothing to find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from rich.progress import Progress

from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.effects.ablation_effects import CAUSAL, AblationSettings, ablation_effects
from jepakit.evals.states.probes.splits import TRIES, Protocol, parts_of
from jepakit.seeds import derive_seed


def pipeline_effect(
    activations: Activations,
    layer: str,
    *,
    protocol: Protocol,
    folds: int = 5,
    settings: AblationSettings | None = None,
    seed: int = 0,
) -> float:
    """Mean causal effect of the whole pipeline at one layer, without controls."""
    parts = parts_of(
        activations.labels, activations.groups, protocol=protocol, folds=folds, seed=seed
    )
    lean = replace(settings or AblationSettings(), controls=())
    layers = [layer] * len(parts)
    effects = ablation_effects(activations, parts, layers, early=layer, settings=lean)
    return float(effects.per_clip[CAUSAL].mean())


def pipeline_null(
    activations: Activations,
    layer: str,
    *,
    permutations: int,
    protocol: Protocol,
    folds: int = 5,
    settings: AblationSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Float[np.ndarray, " permutations"]:
    """Effects of the pipeline with labels permuted over clips: folds, subspace and classifier anew.

    Together with the observed effect at the same layer this gives a permutation p
    (:func:`jepakit.evals.permutation_tests.permutation_p`); the layer has to be chosen beforehand
    or on other clips. Labels of clips of one group are permuted like all others, which is only
    exact where clips of a group are exchangeable. Orders of labels that cannot be split into the
    folds are drawn anew; the observed one can, so that the test stays exact.

    Raises:
        ValueError: hardly any order of the labels can be split.
    """
    rng = np.random.default_rng(derive_seed("pipeline null", seed))
    task = progress.add_task("permuted labels", total=permutations) if progress else None
    found = np.empty(permutations)
    for number in range(permutations):
        permuted = _permuted(activations, rng, protocol=protocol, folds=folds, seed=seed)
        found[number] = pipeline_effect(
            permuted, layer, protocol=protocol, folds=folds, settings=settings, seed=seed
        )
        if progress and task is not None:
            progress.advance(task)
    return found


def _permuted(
    activations: Activations,
    rng: np.random.Generator,
    *,
    protocol: Protocol,
    folds: int,
    seed: int,
) -> Activations:
    why: ValueError | None = None
    for _ in range(TRIES):
        labels = rng.permutation(activations.labels)
        try:
            parts_of(labels, activations.groups, protocol=protocol, folds=folds, seed=seed)
        except ValueError as error:
            why = error
            continue
        return activations.relabelled(labels)
    raise ValueError(
        f"None of {TRIES} orders of the labels can be split, so that there is no null: {why} Or "
        "leave the null out (permutations 0)."
    )
