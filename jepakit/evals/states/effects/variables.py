"""Several state variables at one layer: can each be read, and does removing one hurt the others?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.clips.clip_sets import TracedMotion
from jepakit.evals.states.probes.dense_probe import DenseProbe
from jepakit.evals.states.probes.splits import kfold
from jepakit.evals.states.probes.state_subspaces import Recipe, state_subspace
from jepakit.interp.alignment import subspace_alignment
from jepakit.interp.interventions import ablate
from worlds.motion import DIRECTIONS

QUARTERS = ("lowest quarter", "second", "third", "highest quarter")


@dataclass(frozen=True)
class Variable:
    """A state variable of clips, in classes.

    Attributes:
        name: of the variable.
        labels: class of each clip.
        classes: their names.
    """

    name: str
    labels: Int[np.ndarray, " n"]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class VariablesResult:
    """Several variables at one layer.

    Attributes:
        layer: where.
        names: of the variables.
        accuracy: held-out balanced accuracy of each.
        chance: of each.
        effects: fall of the true class's probability of the column's variable when the row's
            subspace is ablated, held out.
        alignment: SAS of the subspaces of all clips, containment of the smaller in the larger.
        expected: SAS of random subspaces of these ranks.
    """

    layer: str
    names: tuple[str, ...]
    accuracy: Float[np.ndarray, " v"]
    chance: Float[np.ndarray, " v"]
    effects: Float[np.ndarray, "v v"]
    alignment: Float[np.ndarray, "v v"]
    expected: Float[np.ndarray, "v v"]


def motion_variables(clips: TracedMotion, *, least: int = 1) -> tuple[Variable, ...]:
    """Direction, place, speed and size of the disc, and contact where there are two.

    Numbers are cut into quarters of the clips. A variable that does not vary is left out.

    Args:
        clips: whose states are known.
        least: clips that every class needs (one for each fold); a variable without is left out.
    """
    states = [clips.clips.state(number) for number in range(len(clips))]
    found = [Variable("direction", clips.labels, DIRECTIONS)]
    for name, values in {
        "horizontal place": [state.x for state in states],
        "vertical place": [state.y for state in states],
        "speed": [state.speed for state in states],
        "size": [state.radius for state in states],
    }.items():
        edges = np.quantile(values, (0.25, 0.5, 0.75))
        found.append(Variable(name, np.searchsorted(edges, values), QUARTERS))
    contact = np.array([int(state.contact) for state in states])
    found.append(Variable("contact", contact, ("no", "yes")))
    counts = [np.bincount(v.labels, minlength=len(v.classes)) for v in found]
    return tuple(v for v, n in zip(found, counts, strict=True) if n.min() >= max(least, 1))


def compare_variables(
    activations: Activations,
    variables: tuple[Variable, ...],
    layer: str,
    *,
    recipe: Recipe | None = None,
    folds: int = 5,
    seed: int = 0,
) -> VariablesResult:
    """Subspace of each variable, and what removing it does to the reading of every other.

    Source: "multi-variable analysis", which the paper leaves to future work.
    """
    recipe = recipe or Recipe()
    x, groups = activations.at(layer), activations.groups
    count = len(variables)
    accuracy, effects = np.zeros(count), np.zeros((count, count))
    for column, read in enumerate(variables):
        pairs = kfold(read.labels, groups, folds=folds, seed=seed)
        for training, test in pairs:
            seen, judged = x[training], x[test]
            probe = DenseProbe(seen, read.labels[training])
            accuracy[column] += probe.accuracy(judged, read.labels[test]) / folds
            own = np.arange(len(test)), read.labels[test]
            before = probe.probabilities(judged)[own]
            for row, removed in enumerate(variables):
                # Anew in every column: folds hold every class of the variable that is read.
                basis = state_subspace(seen, removed.labels[training], recipe, seed=seed).basis
                after = probe.probabilities(ablate(judged, basis))[own]
                effects[row, column] += (before - after).mean() / folds
    bases = [state_subspace(x, v.labels, recipe, seed=seed).basis for v in variables]
    aligned = [[subspace_alignment(a, b, norm="min") for b in bases] for a in bases]
    return VariablesResult(
        layer=layer,
        names=tuple(v.name for v in variables),
        accuracy=accuracy,
        chance=np.array([1 / len(v.classes) for v in variables]),
        effects=effects,
        alignment=np.array([[one.score for one in row] for row in aligned]),
        expected=np.array([[one.chance for one in row] for row in aligned]),
    )
