"""What a study cannot do with these clips and layers, said before hours of work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from jepakit.evals.states.effects.portability import QUARTERS
from jepakit.evals.states.probes.layer_curve import INNER_FOLDS
from jepakit.evals.states.probes.splits import kfold, parts_of
from jepakit.evals.states.settings import StudySettings


def refuse_impossible(
    settings: StudySettings,
    *,
    layers: Sequence[str],
    labels: Int[np.ndarray, " n"],
    groups: np.ndarray,
) -> None:
    """Say so before hours of work, not after.

    Raises:
        ValueError: a layer that does not exist, more directions than the classes span, or clips or
            groups that cannot be split.
    """
    o, classes = settings, int(labels.max()) + 1
    if o.layer not in ("auto", *layers):
        raise ValueError(
            f"There is no layer {o.layer!r}; there are: {', '.join(layers)} (or auto)."
        )
    if isinstance(o.rank, int) and not 1 <= o.rank < classes:
        raise ValueError(
            f"rank must be 1 to {classes - 1}: {classes} classes span at most {classes - 1} "
            f"directions; got {o.rank}."
        )
    parts = parts_of(labels, groups, protocol=o.protocol, folds=o.folds, seed=o.seed)
    if o.layer == "auto" and o.protocol != "paper":
        for rows in (part.training for part in parts):
            kfold(labels[rows], groups[rows], folds=INNER_FOLDS, seed=o.seed)
    if o.portable_layers:
        kfold(labels, groups, folds=QUARTERS if o.protocol != "paper" else 2, seed=o.seed)
