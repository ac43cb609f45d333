"""Do two models hold the same variable: held-out canonical correlations, and carrying it over."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.effects.portability import Portability, PortabilitySettings, portability
from jepakit.evals.states.probes.splits import kfold
from jepakit.evals.states.probes.state_subspaces import Recipe
from jepakit.interp.cca import ridge_cca

SHARED = "shared"


@dataclass(frozen=True)
class CrossModel:
    """Canonical correlations of two models' activations of the same clips.

    Attributes:
        layers: the layer of each model.
        training: correlations on the clips that the map was fitted on, mean over folds; with more
            dimensions than clips these are 1 for noise.
        held_out: on the clips of the other folds.
        portable: from the first model to the second in the shared space, with fewer directions
            than the space has: with as many, any two subspaces are equal.
    """

    layers: tuple[str, str]
    training: Float[np.ndarray, " k"]
    held_out: Float[np.ndarray, " k"]
    portable: Portability


def cross_model(
    first: Activations,
    second: Activations,
    layers: tuple[str, str],
    *,
    components: int = 7,
    pca: int = 50,
    ridge: float = 0.1,
    rank: int = 2,
    folds: int = 5,
    seed: int = 0,
) -> CrossModel:
    """Fit on training folds, judge on the others.

    Source: paper, section 5.3 and the last row of Table 2. Differs: ridge and principal components
    fitted on the training folds, correlations held out, and ``rank`` below ``components``.

    Args:
        first: a model's activations.
        second: another's, of the same clips in the same order.
        layers: the layer of each.
        components: dimensions of the shared space.
        pca: principal components of each model that take part.
        ridge: added to the variances, as a share of each model's mean variance per dimension, so
            that it does not hang on the unit of activations.
        rank: directions of the subspaces that are carried over.
        folds: of the cross-fitting.
        seed: of the folds.

    Raises:
        ValueError: other clips, or ``rank`` not below ``components``.
    """
    if not np.array_equal(first.labels, second.labels):
        raise ValueError("Both models need the same clips in the same order, and labels differ.")
    if not 0 < rank < components:
        raise ValueError(
            f"Carried over are 1 to {components - 1} directions of a shared space of {components}; "
            f"came {rank}. With all of them any two subspaces are equal."
        )
    x, y = first.at(layers[0]), second.at(layers[1])
    x, y = (side / np.sqrt(side.var(axis=0).mean()) for side in (x, y))
    training, held_out = np.zeros(components), np.zeros(components)
    pairs = kfold(first.labels, first.groups, folds=folds, seed=seed)
    for rows, test in pairs:
        pcs = min(pca, len(rows) - 2, x.shape[1], y.shape[1])
        fitted = ridge_cca(x[rows], y[rows], components=components, ridge=ridge, pca=pcs)
        training += fitted.correlations / folds
        held_out += fitted.held_out(x[test], y[test]) / folds
    # The map of one half of the clips; both models' subspaces are looked for in the other half.
    rows, rest = kfold(first.labels, first.groups, folds=2, seed=seed)[0]
    pcs = min(pca, len(rows) - 2, x.shape[1], y.shape[1])
    shared = ridge_cca(x[rows], y[rows], components=components, ridge=ridge, pca=pcs)
    asked = PortabilitySettings(Recipe(rank=rank), folds=folds, seed=seed)
    mapped = shared.transform_x(x[rest]), shared.transform_y(y[rest])
    source, target = (
        replace(a, values={SHARED: values}, labels=a.labels[rest], groups=a.groups[rest])
        for a, values in zip((first, second), mapped, strict=True)
    )
    return CrossModel(layers, training, held_out, portability(source, target, SHARED, asked))
