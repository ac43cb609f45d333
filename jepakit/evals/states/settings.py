"""What a study of state variables is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jepakit.evals.states.effects.ablation_effects import CONTROLS, Control
from jepakit.evals.states.probes.splits import Protocol
from jepakit.evals.states.probes.state_subspaces import Method


@dataclass(frozen=True)
class StudySettings:
    """How a variable is looked for, intervened on and carried over.

    Attributes:
        protocol: see :func:`jepakit.evals.states.probes.splits.parts_of`.
        folds: of the cross-fitting.
        layer: where to intervene; ``auto`` takes, in each round, the earliest layer within one
            standard error of the best, chosen on that round's training clips alone.
        method: how the subspace is found.
        rank: its dimensions; ``full`` is one less than there are classes.
        augment: add the other methods' directions where they are not captured.
        center: project out deviations from the mean only.
        controls: those of the ablation.
        draws: of every control that is drawn.
        pairs: trials of patching.
        permutations: of the labels for the null of the whole pipeline; 0 leaves it out.
        sparse_layers: layers with a sparse probe as well, spread evenly; 0 for none. They are slow.
        portable_layers: layers of the portability table, from the chosen one on; 0 for none.
        portable_methods: rows of that table.
        repeats: splits of the portability table.
        bootstrap: draws of intervals, of whole groups.
        seed: of everything drawn.
    """

    protocol: Protocol = "crossfit"
    folds: int = 5
    layer: str = "auto"
    method: Method = "pca"
    rank: int | Literal["full", "var95"] = "full"
    augment: bool = False
    center: Literal["mean"] | None = None
    controls: tuple[Control, ...] = CONTROLS
    draws: int = 20
    pairs: int = 200
    permutations: int = 19
    sparse_layers: int = 0
    portable_layers: int = 3
    portable_methods: tuple[Method, ...] = ("pca", "dim", "sparse")
    repeats: int = 5
    bootstrap: int = 2000
    seed: int = 0
