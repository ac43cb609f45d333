"""Patching and steering: does a donor's subspace bring its class, and what does scaling do?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.probes.dense_probe import DenseProbe
from jepakit.evals.states.probes.splits import Part
from jepakit.evals.states.probes.state_subspaces import Recipe, state_subspace
from jepakit.interp.interventions import patch_subspace, steer
from jepakit.interp.matched_subspaces import random_subspace
from jepakit.seeds import derive_seed

ALPHAS = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class PatchingEffects:
    """What patching does to pairs of clips of different classes.

    Attributes:
        pairs: source and donor clip of each trial.
        success: whether the donor's class is then predicted, by what was patched: ``causal`` (the
            subspace), ``random`` (share over the draws of random subspaces), ``whole`` (the whole
            vector), ``nothing``.
        source_drop: fall of the probability of the source's class under the causal patch.
        donor_gain: rise of that of the donor's class.
    """

    pairs: Int[np.ndarray, "p 2"]
    success: dict[str, Float[np.ndarray, " p"]]
    source_drop: Float[np.ndarray, " p"]
    donor_gain: Float[np.ndarray, " p"]


def balanced_pairs(
    labels: Int[np.ndarray, " n"],
    rows: Int[np.ndarray, " m"],
    count: int,
    rng: np.random.Generator,
) -> Int[np.ndarray, "p 2"]:
    """Sources and donors among ``rows`` of different classes, balanced over ordered class pairs.

    Without replacement: no pair comes twice. Fewer than ``count`` where there are not as many.
    """
    classes = np.unique(labels[rows])
    members = {c: rows[labels[rows] == c] for c in classes}
    queues = []
    for a in classes:
        for b in classes:
            if a != b:
                grid = np.stack(np.meshgrid(members[a], members[b], indexing="ij"), axis=-1)
                queues.append(rng.permutation(grid.reshape(-1, 2)))
    # In turns over the queues, in a drawn order: the first of each, then the second of each.
    turn = np.concatenate([np.arange(len(queue)) for queue in queues])
    place = np.repeat(rng.permutation(len(queues)), [len(queue) for queue in queues])
    return np.concatenate(queues)[np.lexsort((place, turn))[:count]]


def patching_effects(
    activations: Activations,
    parts: Sequence[Part],
    layers: Sequence[str],
    *,
    recipe: Recipe,
    pairs: int = 200,
    draws: int = 20,
    strength: float = 1.0,
    seed: int = 0,
) -> PatchingEffects:
    """Patch the subspace of a donor into another clip (paper, equation 5; its 200 pairs).

    Donors come from the judged clips of the same round only. Pairs are spread evenly over rounds.

    Args:
        activations: of all layers.
        parts: rounds.
        layers: the layer of each round.
        recipe: how the subspace is found.
        pairs: trials over all rounds.
        draws: random subspaces of the baseline.
        strength: of the classifier.
        seed: of pairs and draws.
    """
    labels, found = activations.labels, []
    shares = np.array_split(np.arange(pairs), len(parts))
    for number, (part, layer) in enumerate(zip(parts, layers, strict=True)):
        if not len(shares[number]):
            continue
        rng = np.random.default_rng(derive_seed("patching", seed, number))
        x = activations.at(layer)
        basis = state_subspace(x[part.subspace], labels[part.subspace], recipe, seed=seed).basis
        probe = DenseProbe(x[part.classifier], labels[part.classifier], strength=strength)
        chosen = balanced_pairs(labels, part.test, len(shares[number]), rng)
        found.append(_patched(x, labels, chosen, probe, basis, draws, rng))
    return PatchingEffects(
        pairs=np.concatenate([one.pairs for one in found]),
        success={k: np.concatenate([one.success[k] for one in found]) for k in found[0].success},
        source_drop=np.concatenate([one.source_drop for one in found]),
        donor_gain=np.concatenate([one.donor_gain for one in found]),
    )


def _patched(
    x: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    pairs: Int[np.ndarray, "p 2"],
    probe: DenseProbe,
    basis: Float[np.ndarray, "d r"],
    draws: int,
    rng: np.random.Generator,
) -> PatchingEffects:
    source, donor = x[pairs[:, 0]], x[pairs[:, 1]]
    own, wanted = labels[pairs[:, 0]], labels[pairs[:, 1]]
    line = np.arange(len(pairs))

    def brings(patched: Float[np.ndarray, "p d"]) -> Float[np.ndarray, " p"]:
        return (probe.probabilities(patched).argmax(axis=1) == wanted).astype(np.float64)

    randoms = [random_subspace(len(basis), basis.shape[1], rng) for _ in range(draws)]
    before = probe.probabilities(source)
    after = probe.probabilities(patch_subspace(source, donor, basis))
    return PatchingEffects(
        pairs=pairs,
        success={
            "causal": (after.argmax(axis=1) == wanted).astype(np.float64),
            "random": np.mean([brings(patch_subspace(source, donor, v)) for v in randoms], axis=0),
            "whole": brings(donor),
            "nothing": brings(source),
        },
        source_drop=before[line, own] - after[line, own],
        donor_gain=after[line, wanted] - before[line, wanted],
    )


def steering_sweep(
    activations: Activations,
    parts: Sequence[Part],
    layers: Sequence[str],
    *,
    recipe: Recipe,
    alphas: Sequence[float] = ALPHAS,
    draws: int = 20,
    centered: bool = False,
    strength: float = 1.0,
    seed: int = 0,
) -> dict[str, Float[np.ndarray, "alphas n"]]:
    """Fall of the true class's probability when the subspace is scaled by alpha (equation 4).

    Returns:
        ``causal`` and ``random`` (mean over draws), alphas by clips. At alpha 1 both are 0.
    """
    n = len(activations)
    sums = {"causal": np.zeros((len(alphas), n)), "random": np.zeros((len(alphas), n))}
    times = np.zeros(n)
    for number, (part, layer) in enumerate(zip(parts, layers, strict=True)):
        rng = np.random.default_rng(derive_seed("steering", seed, number))
        x, labels = activations.at(layer), activations.labels
        basis = state_subspace(x[part.subspace], labels[part.subspace], recipe, seed=seed).basis
        probe = DenseProbe(x[part.classifier], labels[part.classifier], strength=strength)
        center = x[part.subspace].mean(axis=0) if centered else None
        judged, own = x[part.test], labels[part.test]
        line = np.arange(len(judged))
        before = probe.probabilities(judged)[line, own]
        bases = {"causal": [basis]}
        bases["random"] = [random_subspace(len(basis), basis.shape[1], rng) for _ in range(draws)]
        for name, candidates in bases.items():
            for i, alpha in enumerate(alphas):
                # One by one, so that at alpha 1 the probe does the same sums to the last bit.
                moved = (steer(judged, v, alpha, center=center) for v in candidates)
                falls = [before - probe.probabilities(x_)[line, own] for x_ in moved]
                sums[name][i, part.test] += np.mean(falls, axis=0)
        times[part.test] += 1
    return {name: total / times for name, total in sums.items()}
