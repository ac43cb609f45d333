"""How few dimensions of a layer are enough: sparse probes along a path of penalties."""

from __future__ import annotations

import numpy as np

from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.probes.sparse_probe import SparseProbe
from jepakit.evals.states.probes.splits import kfold
from jepakit.evals.states.result import SparseLayer

PATH = (0.01, 0.03, 0.1, 0.3, 1.0)


def sparse_curve(
    activations: Activations, *, count: int, folds: int = 5, seed: int = 0
) -> tuple[SparseLayer, ...]:
    """The sparsest probe within one standard error of the best, at ``count`` layers.

    Layers are spread evenly, first and last included. The dimensions are counted of a probe of all
    clips at the chosen penalty.
    """
    if not count:
        return ()
    places = np.unique(np.linspace(0, len(activations.layers) - 1, count).round().astype(int))
    return tuple(_sparsest(activations, activations.layers[i], folds, seed) for i in places)


def _sparsest(activations: Activations, layer: str, folds: int, seed: int) -> SparseLayer:
    x, y = activations.at(layer), activations.labels
    pairs = kfold(y, activations.groups, folds=folds, seed=seed)
    accuracy = np.array(
        [
            [
                SparseProbe(x[a], y[a], sparsity=sparsity, seed=seed).accuracy(x[b], y[b])
                for a, b in pairs
            ]
            for sparsity in PATH
        ]
    )
    mean, error = accuracy.mean(axis=1), accuracy.std(axis=1, ddof=1) / np.sqrt(folds)
    best = int(mean.argmax())
    place = int(np.flatnonzero(mean >= mean[best] - error[best] - 1e-12)[0])
    probe = SparseProbe(x, y, sparsity=PATH[place], seed=seed)
    return SparseLayer(
        layer=layer,
        accuracy=float(mean[place]),
        standard_error=float(error[place]),
        used=probe.used,
        width=x.shape[1],
        iterations=probe.iterations,
        converged=probe.converged,
    )
