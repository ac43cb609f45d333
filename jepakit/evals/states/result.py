"""What a study of state variables found, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from jepakit.evals.states.effects.portability import Portability
from jepakit.evals.states.probes.state_subspaces import Method
from jepakit.evals.statistics import Interval


@dataclass(frozen=True)
class SparseLayer:
    """The sparse probe of one layer: the sparsest whose accuracy is within one SE of the best."""

    layer: str
    accuracy: float
    standard_error: float
    used: int
    width: int
    iterations: int
    converged: bool


@dataclass(frozen=True)
class EffectRow:
    """One line of the table of effects.

    Attributes:
        name: ``causal`` or a control.
        layer: where; several where rounds chose differently.
        effect: mean fall of the true class's probability.
        standard_error: of it.
        ratio: effect of the found subspace over this one's, as text: ``43x [30, 61]``, ``at least
            12x`` where this one's interval holds 0; empty for the found subspace itself.
        impossible: why the control could not be made.
        absolute: mean of the fall's size, whichever its sign.
        accuracy_drop: fall of the share of clips that are named rightly.
        normalised: effect by what an answer without any information would have; None where the
            classifier is at chance.
        overlap: alignment (SAS) of its subspaces with the found one; a control that overlaps is no
            control.
    """

    name: str
    layer: str
    effect: Interval | None
    standard_error: float | None
    ratio: str = ""
    impossible: str = ""
    absolute: float | None = None
    accuracy_drop: float | None = None
    normalised: float | None = None
    overlap: float | None = None


@dataclass(frozen=True)
class PortableRow:
    """Portability of one method at one layer."""

    method: Method
    layer: str
    found: Portability


@dataclass(frozen=True)
class StudyResult:
    """Everything that a study found; what was not asked for is empty.

    Attributes:
        facts: model, data, classes, protocol and the like, by name.
        layers: names of the layers, in order.
        accuracy: held-out balanced accuracy of the dense probe, layers by folds.
        chance: its chance level.
        sparse: the sparse probes.
        chosen: the layer of each round.
        rows: the table of effects, the found subspace first.
        before: mean probability of the true class before anything is done.
        p_value: of the effect under permuted labels, at the layer that most rounds chose. The
            choice is not repeated under permutation; it looks at training clips alone.
        null: effects under permuted labels.
        success: share of patched clips that take the donor's class, by what was patched.
        steering: mean effect with its interval by alpha, of ``causal`` and ``random``.
        portable: the portability table.
        caveats: what these numbers cannot show, in sentences.
    """

    facts: dict[str, str]
    layers: tuple[str, ...]
    accuracy: Float[np.ndarray, "layers folds"]
    chance: float
    chosen: tuple[str, ...]
    rows: tuple[EffectRow, ...]
    before: float
    sparse: tuple[SparseLayer, ...] = ()
    p_value: float | None = None
    null: tuple[float, ...] = ()
    success: dict[str, Interval] = field(default_factory=dict)
    steering: dict[str, dict[float, Interval]] = field(default_factory=dict)
    portable: tuple[PortableRow, ...] = ()
    caveats: tuple[str, ...] = ()
