"""What an edit does to a classifier: causal effect, its ratio to a control, patching success."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from jepakit.interp.subspaces import require_finite

EPSILON = 1e-6  # effects below this are zero
TAILS = (0.025, 0.975)
CHUNK_ELEMENTS = 4_000_000  # 32 MB of counts at a time


@dataclass(frozen=True)
class CausalEffect:
    """Drop of the probability of the true class.

    Attributes:
        per_clip: ``p_before(y_i) - p_after(y_i)``, signed.
        mean: over clips. Not a share of clips: at most ``1 - 1/C`` where the edit leaves a uniform
            answer.
        standard_error: standard deviation over clips (ddof 1) by ``sqrt(n)``.
        absolute: mean of ``|per_clip|``.
        accuracy_drop: share of clips named rightly before less the same after.
        normalised: ``mean / (mean p_before - 1/C)``; None where the classifier is at chance.
    """

    per_clip: Float[np.ndarray, " n"]
    mean: float
    standard_error: float
    absolute: float
    accuracy_drop: float
    normalised: float | None


@dataclass(frozen=True)
class EffectRatio:
    """How many times larger an effect is than a control's.

    Attributes:
        value: ratio of the two means; None where undefined.
        interval: 95 % of joint bootstrap draws over clips; None where undefined.
        lower_bound: where undefined, the effect by the upper end of the control's interval; None
            where there is none, or the value is defined.
        absolute: the same ratio of mean absolute effects; None where the control's is zero.
        effect: mean of the effect.
        control: mean of the control.
        control_interval: of that mean, 95 %.
        why: what makes the value undefined.
    """

    value: float | None
    interval: tuple[float, float] | None
    lower_bound: float | None
    absolute: float | None
    effect: float
    control: float
    control_interval: tuple[float, float]
    why: str | None

    def __str__(self) -> str:
        if self.value is not None and self.interval is not None:
            return f"{self.value:.3g}x [{self.interval[0]:.3g}, {self.interval[1]:.3g}]"
        return "undefined" if self.lower_bound is None else f">= {self.lower_bound:.3g}x"


def causal_effect(
    before: Float[np.ndarray, "n C"],
    after: Float[np.ndarray, "m K"],
    labels: Int[np.ndarray, " labels"],
) -> CausalEffect:
    """``CE_i = p(y_i | h_i) - p(y_i | h~_i)``, the paper's causal effect, signed.

    For patching, ``labels`` of the source give the source's drop, and those of the donor the
    negative of the donor's gain. Causal state variables, section 3.3.

    Args:
        before: class probabilities of the untouched activations.
        after: those of the edited ones, by the same classifier, never fitted again.
        labels: the class whose probability counts.

    Raises:
        ValueError: sizes differ, fewer than two clips, labels that are not classes, or rows that
            are not probabilities.
    """
    if before.shape != after.shape:
        raise ValueError(
            f"Probabilities before and after belong to the same clips and classes, got shapes "
            f"{before.shape} and {after.shape}."
        )
    _check_probabilities(before, labels)
    _check_probabilities(after, labels)
    clips, classes = before.shape
    if clips < 2:
        raise ValueError(f"A standard error needs at least 2 clips, got {clips}.")
    rows = np.arange(clips)
    old = before[rows, labels].astype(np.float64)
    effect = old - after[rows, labels]
    above_chance = float(old.mean()) - 1 / classes
    right = [float((p.argmax(axis=1) == labels).mean()) for p in (before, after)]
    return CausalEffect(
        per_clip=effect,
        mean=float(effect.mean()),
        standard_error=float(effect.std(ddof=1) / np.sqrt(clips)),
        absolute=float(np.abs(effect).mean()),
        accuracy_drop=right[0] - right[1],
        normalised=float(effect.mean()) / above_chance if above_chance > EPSILON else None,
    )


def causal_effect_ratio(
    effect: Float[np.ndarray, " n"],
    control: Float[np.ndarray, "k m"],
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    groups: Sequence[str] | np.ndarray | None = None,
) -> EffectRatio:
    """Ratio of mean effects, ``mean_i CE_i / mean_ki CE_ki``, with clips drawn jointly.

    The value is undefined where the control's mean is below 1e-6 or its interval covers 0: any
    number, however large, could then come out. What can be said instead is that the ratio is at
    least the effect by the upper end of the control's interval.

    Args:
        effect: per clip.
        control: per drawn control and clip.
        rng: draws clips.
        draws: of the bootstrap.
        groups: what clips are drawn by, say their source video; None for one by one.

    Raises:
        ValueError: sizes differ, a value is not finite, fewer than two groups, or no draws.
    """
    if control.shape[1] != len(effect) or not len(control):
        raise ValueError(
            f"A control has one effect per clip, {len(effect)}, got shape {control.shape}."
        )
    columns = np.stack([effect, control.mean(axis=0)], axis=1).astype(np.float64)
    drawn = bootstrap_means(columns, rng=rng, draws=draws, groups=groups)
    above, below = (float(v) for v in columns.mean(axis=0))
    low, high = interval(drawn[:, 1])
    size = float(np.abs(control).mean())
    why = None
    if below < EPSILON:
        why = f"the control's mean effect, {below:.2g}, is not above {EPSILON:g}"
    elif low <= 0:
        why = f"the control's interval, {low:.2g} to {high:.2g}, covers 0"
    bounded = why is not None and above > 0 and high >= EPSILON
    return EffectRatio(
        value=above / below if why is None else None,
        interval=interval(ratio_of_draws(drawn[:, 0], drawn[:, 1])) if why is None else None,
        lower_bound=above / high if bounded else None,
        absolute=float(np.abs(effect).mean()) / size if size >= EPSILON else None,
        effect=above,
        control=below,
        control_interval=(low, high),
        why=why,
    )


def patching_success_rate(
    after: Float[np.ndarray, "n C"], donor_labels: Int[np.ndarray, " labels"]
) -> float:
    """Share of patched clips that the classifier now gives the label of the donor.

    To be read beside the rates of a random subspace and of the whole vector; chance is not 1/C, as
    without a patch the donor's label is hardly ever given. Causal state variables, section 3.3.

    Raises:
        ValueError: sizes differ, labels that are not classes, or rows that are not probabilities.
    """
    _check_probabilities(after, donor_labels)
    return float((after.argmax(axis=1) == donor_labels).mean())


def bootstrap_means(
    columns: Float[np.ndarray, "n c"],
    *,
    rng: np.random.Generator,
    draws: int,
    groups: Sequence[str] | np.ndarray | None = None,
) -> Float[np.ndarray, "draws c"]:
    """Means of several values per clip over clips drawn with replacement, the same for all.

    With ``groups``, whole groups are drawn, and a mean is over all clips drawn (Davison and Hinkley
    1997, section 3.8, strategy 1).

    Raises:
        ValueError: sizes differ, a value is not finite, fewer than two groups, or no draws.
    """
    require_finite(columns, "Effects")
    names = np.arange(len(columns)) if groups is None else np.asarray(groups)
    if len(names) != len(columns):
        raise ValueError(f"Every clip has one group, got {len(names)} for {len(columns)} clips.")
    found, group = np.unique(names, return_inverse=True)
    if len(found) < 2 or draws < 1:
        raise ValueError(
            f"A bootstrap needs at least 2 groups of clips and 1 draw, got {len(found)} and "
            f"{draws}."
        )
    sums = np.zeros((len(found), columns.shape[1] + 1))
    np.add.at(sums, group, np.column_stack([np.ones(len(columns)), columns]))
    even, rows = np.full(len(found), 1 / len(found)), max(1, CHUNK_ELEMENTS // len(found))
    sizes = [min(rows, draws - start) for start in range(0, draws, rows)]
    totals = np.concatenate([rng.multinomial(len(found), even, size=s) @ sums for s in sizes])
    return totals[:, 1:] / totals[:, :1]


def ratio_of_draws(
    above: Float[np.ndarray, " draws"], below: Float[np.ndarray, " draws"]
) -> Float[np.ndarray, " draws"]:
    """Quotients draw by draw; infinite where the lower one is zero or beyond it.

    Seen from the median, that is: past zero the quotient would jump from one end to the other.
    """
    side = np.sign(np.median(below))
    infinite = np.copysign(np.inf, above * side)
    return np.divide(above, below, out=infinite, where=below * side >= EPSILON)


def interval(drawn: Float[np.ndarray, " draws"]) -> tuple[float, float]:
    """Percentile interval, 95 %, of values that occurred (so that infinity stays at its end)."""
    low, high = np.quantile(drawn, TAILS, method="inverted_cdf")
    return float(low), float(high)


def _check_probabilities(p: Float[np.ndarray, "n C"], labels: Int[np.ndarray, " labels"]) -> None:
    if len(p) != len(labels) or not len(p):
        raise ValueError(f"Every clip needs one label, got {len(p)} clips, {len(labels)} labels.")
    if labels.min() < 0 or labels.max() >= p.shape[1]:
        raise ValueError(
            f"Labels must be 0 .. {p.shape[1] - 1}, one of the {p.shape[1]} classes, got "
            f"{labels.min()} to {labels.max()}."
        )
    if not ((p >= 0).all() and np.allclose(p.sum(axis=1), 1.0, atol=1e-3)):
        raise ValueError("Class probabilities must be finite, not negative and sum to 1 per clip.")
