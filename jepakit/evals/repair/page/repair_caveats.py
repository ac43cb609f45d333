"""What the numbers of a repair study cannot show, said where they are printed."""

from __future__ import annotations

import numpy as np

from jepakit.evals.repair.opened_models import UNTRAINED
from jepakit.evals.repair.page.paper_values import DEPTH
from jepakit.evals.repair.repair_result import ModelRepair, RepairResult
from jepakit.interp.rescue import MIN_BASE

STRUCTURAL = (
    "That patches of visible tokens take back far more than patches of hidden ones is structural "
    "at late blocks, not a finding: a hidden token patched in block l reaches visible tokens only "
    "through the attention of blocks after l, and in the last block's MLP it reaches none, so that "
    "its rescue there is 0 by construction."
)
BESIDE = "The network with fresh weights stands beside: what it shows as well was not learned."
NOT_BESIDE = "No network with fresh weights was measured, which would show how much of it any has."
ONE_INTERVENTION = (
    "mlp_hidden, mlp and fc1 are one intervention where whole tokens are replaced: the MLP's last "
    "projection acts on each token alone, so that equal rows of them are no replication. "
    '"MLP" stands for all of them.'
)
FRACTION = (
    "The paper's fraction is the mean of per-image ratios, in which images with little drift weigh "
    f"as much as others; images with less than {MIN_BASE:g} are left out and counted. The ratio of "
    "the means stands beside it."
)
CONFOUND = (
    "Object against background is also compact against scattered and central against peripheral: "
    "photographers put objects in the middle. These background tokens are {how}: {meaning}. "
    "Compare arrangements (--how) before calling the difference semantic."
)
ARRANGEMENTS = {
    "compact": "one connected patch away from the object, nearer to the rim than the object is",
    "scattered": "single tokens at random, which cut no hole of the object's size",
    "same_shape": "the object's own shape moved to where nothing of it is",
    "radial_matched": "as far from the centre as the object's tokens, but in no common shape",
}
FROM_END = (
    "The paper's blocks 29, 30 and 31 of 32 are the last three: in networks of another depth they "
    "are counted from the end ({found}). Nothing says that these do the same there."
)
LITTLE = (
    "{names}: mean late context drift is below {least:g}. Hiding the region hardly changes what is "
    "visible, so that there is next to nothing to take back: read no pathway out of its rescue."
)
FEW = (
    "Intervals are rough with few images, those over classes more so: at 95 % they cover the truth "
    "about 91 % of the time with 12 images and 81 % with 4 classes. Here: {counts}."
)
ENOUGH_CLASSES = 20
PROXY = (
    "Copying the block before the last is a strong guess, since blocks add to what they read: a "
    "small error of the linear map says nothing unless it is far below that of copying. Patches in "
    "the last block cannot act on what the map reads."
)


def drift_caveats(result: RepairResult) -> tuple[str, ...]:
    """Of drift and advantage."""
    how = next(iter(result.found.values())).images.rule.how
    said = [CONFOUND.format(how=how.replace("_", " "), meaning=ARRANGEMENTS[how])]
    counts = {
        name: (len(one.images), len(np.unique(one.classes)))
        for (_, name), one in reversed(result.found.items())
    }
    if any(classes < ENOUGH_CLASSES for _, classes in counts.values()):
        told = (f"{n} images of {c} classes in {name}" for name, (n, c) in counts.items())
        said.append(FEW.format(counts=", ".join(told)))
    little = [f"{m}, {s}" for (m, s), one in result.found.items() if one.advantage.first < MIN_BASE]
    if little:
        said.append(LITTLE.format(names="; ".join(little), least=MIN_BASE))
    return tuple(said)


def rescue_caveats(result: RepairResult) -> tuple[str, ...]:
    """Of patches by group."""
    said = [structural(result), FRACTION, ONE_INTERVENTION]
    others = {one.depth for one in result.found.values()} - {DEPTH}
    if others:
        said.append(FROM_END.format(found=blocks_from_end(others)))
    return tuple(said)


def sweep_caveats(result: RepairResult) -> tuple[str, ...]:
    """Of single sites."""
    return (structural(result), ONE_INTERVENTION)


def structural(result: RepairResult) -> str:
    """Why visible tokens win, and whether an untrained network stands beside."""
    beside = any(UNTRAINED in name for name in result.models)
    return f"{STRUCTURAL} {BESIDE if beside else NOT_BESIDE}"


def blocks_from_end(depths: set[int]) -> str:
    """Such as ``1, 2 and 3 of 4``."""
    return "; ".join(f"{d - 3}, {d - 2} and {d - 1} of {d}" for d in sorted(depths))


def late_text(one: ModelRepair) -> str:
    """Such as ``L30, L31 of 32``."""
    return f"{', '.join(f'L{block}' for block in one.late)} of {one.depth}"
