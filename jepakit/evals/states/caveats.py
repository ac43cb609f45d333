"""What the numbers of a study cannot show, said where they are printed."""

from __future__ import annotations

from jepakit.evals.states.clips.activations import Activations
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
UNCENTERED = (
    "Subspaces are projected out as the paper prints it, which also takes away the part of the "
    "mean over all clips. That alone moves activations off their range, so that any direction, "
    "random ones too, can have a large effect: compare with --center mean."
)
RANDOM_WEAK = (
    "Random directions catch a small share of the variance; the rotated, energy-matched and "
    "shuffled controls are the ones to beat."
)
ENERGY = (
    "The energy-matched subspaces overlap the found one by {:.0%}: hardly any other"
    " directions catch as much variance, so that their effect is partly its own and this "
    "control says little."
)
OVERLAPPING = 0.25


def caveats_of(
    activations: Activations,
    settings: StudySettings,
    portable: tuple[PortableRow, ...],
    *,
    energy: float | None = None,
) -> tuple[str, ...]:
    """Those that apply to this study.

    Args:
        activations: that were studied.
        settings: of the study.
        portable: its portability table.
        energy: alignment of the energy-matched control with the found subspace.
    """
    said = [OVERLAP, RANDOM_WEAK]
    if settings.protocol == "paper":
        said.insert(0, IN_SAMPLE)
    if settings.center is None:
        said.append(UNCENTERED)
    if {"pca", "dim"} <= {row.method for row in portable}:
        said.append(IDENTITY)
    judged = [row.found for row in portable if row.method != "sparse"]  # the ceiling is of means
    if any(found.alignment.mean() >= found.ceiling[0] for found in judged):
        said.append(CEILING)
    if energy is not None and energy > OVERLAPPING:
        said.append(ENERGY.format(energy))
    clips, groups = len(activations), len(set(activations.groups.tolist()))
    if groups < clips:
        said.append(
            f"The {clips} clips come from {groups} sources. Clips of one source are kept on one "
            "side of every split and resampled together; with so few sources intervals are rough."
        )
    return tuple(said)
