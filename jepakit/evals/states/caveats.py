"""What the numbers of a study cannot show, said where they are printed."""

from __future__ import annotations

from jepakit.evals.states.activations import Activations
from jepakit.evals.states.result import PortableRow
from jepakit.evals.states.settings import StudySettings

IN_SAMPLE = (
    "Everything was fitted and judged on the same clips. With as many dimensions as clips this "
    "finds large effects in labels that mean nothing: about 0.8 on pure noise. Read the crossfit "
    "table."
)
OVERLAP = (
    "At the pooled level an effect says that subspace and classifier, both fitted on these "
    "activations, overlap; it does not say that the rest of the network uses the subspace. The "
    "network level edits the tokens and runs the rest."
)
IDENTITY = (
    "Difference in means spans the same subspace as class-conditional PCA at full rank, so that "
    "equal rows of the two are an identity and no replication."
)
CEILING = (
    "Alignment above the noise ceiling's 5 % quantile is what sampling noise alone does to one "
    "fixed subspace: together with a retained effect near 1 it is no sign that geometry and "
    "function part."
)
RANDOM_WEAK = (
    "Random directions catch a small share of the variance; the rotated, energy-matched and "
    "shuffled controls are the ones to beat."
)


def caveats_of(
    activations: Activations, settings: StudySettings, portable: tuple[PortableRow, ...]
) -> tuple[str, ...]:
    """Those that apply to this study."""
    said = [OVERLAP, RANDOM_WEAK]
    if settings.protocol == "paper":
        said.insert(0, IN_SAMPLE)
    if {"pca", "dim"} <= {row.method for row in portable}:
        said.append(IDENTITY)
    if any(row.found.alignment.mean() >= row.found.ceiling[0] for row in portable):
        said.append(CEILING)
    clips, groups = len(activations), len(set(activations.groups.tolist()))
    if groups < clips:
        said.append(
            f"The {clips} clips come from {groups} sources. Clips of one source are kept on one "
            "side of every split and resampled together; with so few sources intervals are rough."
        )
    return tuple(said)
