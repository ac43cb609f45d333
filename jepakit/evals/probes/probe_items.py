"""What a linear probe says of every test row, as numbers whose mean is R² or balanced accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jepakit.evals.item_scores import ItemScores
from jepakit.evals.probes.linear_probe import Kind, Prediction

BALANCED, R2 = "balanced_accuracy", "r2"


def probe_items(
    kind: Kind,
    truth: Float[np.ndarray, " tested"],
    predictions: Sequence[Prediction],
    items: Sequence[str],
    groups: Sequence[str],
) -> ItemScores:
    """A number per test row, mean over the predictions of several seeds.

    Regression: ``1 - (y - p)^2 / var(y)``, whose mean is R². Binary: ``n / (2 n_class)`` where the
    class is right and 0 elsewhere, whose mean is the balanced accuracy. Variance and class sizes
    are those of the whole test part, also where some of its rows are drawn.

    Args:
        kind: of the label.
        truth: its value for each row.
        predictions: one per seed.
        items: names of the rows.
        groups: what is resampled together.

    Raises:
        ValueError: the truth is the same for all rows.
    """
    if np.unique(truth).size < 2:
        raise ValueError(f"All {len(truth)} test rows have the value {truth[:1].tolist()}.")
    values = np.mean([_values(kind, truth, prediction.score) for prediction in predictions], axis=0)
    return ItemScores.of(BALANCED if kind == "binary" else R2, items, groups, values)


def mean_over_labels(parts: dict[str, ItemScores]) -> ItemScores:
    """All rows of several labels; the mean is the mean of the labels' means.

    Raises:
        ValueError: no label, or labels of several metrics.
    """
    metrics = sorted({part.metric for part in parts.values()})
    if len(metrics) != 1:
        raise ValueError(f"Only labels of one metric have a common mean, got {metrics}.")
    total = sum(len(part.values) for part in parts.values())
    weight = {name: total / (len(parts) * len(part.values)) for name, part in parts.items()}
    return ItemScores.of(
        metrics[0],
        [f"{name}/{item}" for name, part in parts.items() for item in part.items],
        [group for part in parts.values() for group in part.groups],
        np.concatenate([weight[name] * part.values for name, part in parts.items()]),
    )


def _values(
    kind: Kind, truth: Float[np.ndarray, " n"], score: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    if kind == "regression":
        return 1 - (truth - score) ** 2 / truth.var()
    positive = truth == 1
    own = np.where(positive, positive.sum(), (~positive).sum())
    return (positive == (score >= 0.5)) * len(truth) / (2.0 * own)
