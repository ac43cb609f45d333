"""Where in the network a variable can be read: held-out accuracy by layer, and the layer chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.probes.dense_probe import DenseProbe
from jepakit.evals.states.probes.splits import kfold

INNER_FOLDS = 3


@dataclass(frozen=True)
class LayerCurve:
    """Accuracy of a dense probe by layer.

    Attributes:
        layers: their names.
        accuracy: balanced accuracy of each fold, ``(layers, folds)``.
    """

    layers: tuple[str, ...]
    accuracy: Float[np.ndarray, "layers folds"]

    @property
    def mean(self) -> Float[np.ndarray, " layers"]:
        """Over folds."""
        return self.accuracy.mean(axis=1)

    @property
    def standard_error(self) -> Float[np.ndarray, " layers"]:
        """Of the mean over folds."""
        folds = self.accuracy.shape[1]
        return self.accuracy.std(axis=1, ddof=1) / np.sqrt(folds)

    def earliest(self) -> str:
        """The first layer within one standard error of the best one (the one-SE rule)."""
        best = int(self.mean.argmax())
        bar = self.mean[best] - self.standard_error[best]
        return self.layers[int(np.flatnonzero(self.mean >= bar - 1e-12)[0])]

    def onset(self, level: float) -> str | None:
        """The first layer with at least this accuracy."""
        reached = np.flatnonzero(self.mean >= level - 1e-12)
        return self.layers[int(reached[0])] if len(reached) else None


def layer_curve(
    activations: Activations,
    *,
    rows: Int[np.ndarray, " m"] | None = None,
    layers: Sequence[str] = (),
    folds: int = 5,
    strength: float = 1.0,
    seed: int = 0,
) -> LayerCurve:
    """Held-out accuracy at each layer.

    Args:
        activations: of all layers.
        rows: clips to use; all by default. A layer is chosen on the training clips of a fold only.
        layers: layers to probe; all by default.
        folds: of the cross-validation.
        strength: of the probe.
        seed: of the folds.
    """
    rows = np.arange(len(activations)) if rows is None else rows
    labels, groups = activations.labels[rows], activations.groups[rows]
    pairs = kfold(labels, groups, folds=folds, seed=seed)
    names = tuple(layers) or activations.layers
    accuracy = np.empty((len(names), folds))
    for i, layer in enumerate(names):
        x = activations.at(layer)[rows]
        for j, (training, test) in enumerate(pairs):
            probe = DenseProbe(x[training], labels[training], strength=strength)
            accuracy[i, j] = probe.accuracy(x[test], labels[test])
    return LayerCurve(names, accuracy)
