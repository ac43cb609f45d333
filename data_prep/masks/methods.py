"""The ways of finding objects by their names on the command line, with their options."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from data_prep.masks.linking import Linking
from data_prep.masks.motion import Motion
from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.objects import Masks
from data_prep.masks.proposed import Proposed, Proposer
from data_prep.masks.regions import Regions
from data_prep.masks.sam import Sam
from data_prep.masks.sam2 import Sam2
from data_prep.masks.segmenter import Segmenter

Method = Literal["given", "none", "regions", "motion", "sam", "sam2"]


@dataclass(frozen=True)
class Finding:
    """Options of all methods; each reads its own.

    Args:
        objects: what counts as an object, whoever proposes it.
        mask_size: side in pixels of the frames in which objects are sought; by default 224, less
            where pictures are smaller, more where clips are larger. Networks find more in larger
            ones.
        linking: how the masks of an object are found again in the next frames.
        regions: of the method of that name.
        motion: of the method of that name.
        sam: of the method of that name; give its ``checkpoint``.
        sam2: of the method of that name; give its ``weights``.
    """

    objects: ObjectFilter = field(default_factory=ObjectFilter)
    mask_size: int | None = None
    linking: Linking = field(default_factory=Linking)
    regions: Regions = field(default_factory=Regions)
    motion: Motion = field(default_factory=Motion)
    sam: Sam | None = None
    sam2: Sam2 | None = None


def masks_of(method: Method, finding: Finding) -> Masks:
    """How objects are found.

    Raises:
        ValueError: the method needs weights, and none are named.
    """
    if method in ("given", "none"):
        return Masks(method, finding.objects)
    return Masks(segmenter_of(method, finding), finding.objects, finding.mask_size)


def segmenter_of(method: Method, finding: Finding) -> Segmenter:
    """The segmenter of a method that is one.

    Raises:
        ValueError: it needs weights, and none are named; it has an object filter of its own, which
            would not be used; or it is ``given`` or ``none``.
    """
    if method == "sam2":
        if finding.sam2 is None:
            raise ValueError("--masks sam2 needs weights: --sam2.weights FOLDER.")
        if finding.sam2.objects != ObjectFilter():
            raise ValueError("Say what counts as an object with --objects, not --sam2.objects.")
        return replace(finding.sam2, objects=finding.objects)
    proposers: dict[str, Proposer | None] = {
        "regions": finding.regions,
        "motion": finding.motion,
        "sam": finding.sam,
    }
    if method not in proposers:
        raise ValueError(f"'{method}' finds no objects; choose from {', '.join(proposers)}, sam2.")
    proposer = proposers[method]
    if proposer is None:
        raise ValueError("--masks sam needs weights: --sam.checkpoint FILE.")
    return Proposed(proposer, finding.objects, finding.linking)
