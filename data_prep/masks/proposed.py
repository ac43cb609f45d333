"""Objects of a clip from masks proposed frame by frame: propose, filter, link, paint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from data_prep.masks.label_map import area_shares, paint
from data_prep.masks.linking import Linking
from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.segmenter import Proposals, Segmentation, Segmenter


class Proposer(ABC):
    """Proposes masks in single frames. An instance is settings alone: it travels to worker
    processes, and a network is loaded once per process when the first clip comes.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Names the method and what decides its result; becomes part of the segmenter's name."""

    @abstractmethod
    def propose(self, frames: UInt8[ndarray, "t h w 3"]) -> Iterable[Proposals]:
        """Masks of every frame, in the order of the frames, each used before the next is asked for.

        The whole clip comes at once, so that frames can be batched. Masks have the size of the
        frames, may overlap and come in any order; a frame without any gives ``Proposals.none``.
        """


@dataclass(frozen=True)
class Proposed(Segmenter):
    """Masks of single frames, linked to objects that keep their id over the clip.

    Args:
        proposer: finds masks in single frames.
        objects: what counts as an object.
        linking: how the masks of one object are found again in the next frames.
    """

    proposer: Proposer
    objects: ObjectFilter = field(default_factory=ObjectFilter)
    linking: Linking = field(default_factory=Linking)

    @property
    def name(self) -> str:
        """Proposer, filter and linking with their settings."""
        return f"{self.proposer.name}, {self.objects}, {self.linking}"

    def segment(self, frames: UInt8[ndarray, "t h w 3"]) -> Segmentation:
        """Objects of the frames.

        ``dropped`` counts proposals as ``proposal_REASON`` and linked objects as ``object_REASON``,
        with the reasons of :class:`ObjectFilter` and :func:`data_prep.masks.label_map.paint`.

        Raises:
            ValueError: the proposer gives another number of frames, or masks of another size.
        """
        shape = frames.shape[:3]
        in_frames = self.objects.in_frames()
        dropped: Counter[str] = Counter()
        chosen = []
        for proposals in self.proposer.propose(frames):
            kept, reasons = in_frames.select(proposals)
            chosen.append(kept)
            dropped.update({f"proposal_{reason}": n for reason, n in reasons.items()})
        tracks = self.linking.link(frames, chosen)
        scores = np.array([track.score for track in tracks])
        rows, reasons = self.objects.select_objects(area_shares(tracks, shape), scores)
        painted = paint([tracks[row] for row in rows], chosen, shape)
        for left_out in (reasons, painted.dropped):
            dropped.update({f"object_{reason}": n for reason, n in left_out.items()})
        return Segmentation(painted.labels, painted.scores, dict(sorted(dropped.items())))
