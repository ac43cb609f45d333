"""Objects that SAM 2 finds in the first frame of a clip and follows to the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from data_prep.masks.networks import (
    Device,
    check_prompts,
    fingerprint,
    optional_module,
    usable_device,
)
from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.segmenter import Proposals, Segmentation, Segmenter

if TYPE_CHECKING:
    from data_prep.masks.sam2_network import Sam2Network

KNOWN = 0.5
"""Share of a later proposal, under masks that are followed already, above which it is no news."""


@dataclass(frozen=True)
class Sam2(Segmenter):
    """Proposals of the first frame, filtered, are followed through the clip with one id each.

    Objects that come later are sought once more, in the middle frame, and followed both ways. Each
    frame costs the image encoder once per look and a share for every object followed, so no more
    than ``objects.top`` are. A pixel belongs to the object of which the network is surest.

    Args:
        weights: folder of a SAM 2 for ``transformers``, safetensors; never downloaded.
        objects: what counts as an object: applied to proposals, then to what became of them.
        points_per_side: points of the grid along each side; each prompts three masks.
        points_per_batch: points at a time; more are faster and need more memory.
        pred_iou_thresh: the least IoU that the network predicts for a proposal.
        stability_score_thresh: the least IoU of the mask cut at a slightly lower and at a slightly
            higher logit.
        look_again: seek new objects in the middle frame.
        device: ``auto`` takes a GPU where there is one, and computes in bfloat16 there.
    """

    weights: Path
    objects: ObjectFilter = field(default_factory=ObjectFilter)
    points_per_side: int = 16
    points_per_batch: int = 64
    pred_iou_thresh: float = 0.88
    stability_score_thresh: float = 0.92
    look_again: bool = True
    device: Device = "auto"

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ValueError: a count below 1, or a threshold outside 0 to 1.
        """
        check_prompts(
            self.points_per_side,
            self.points_per_batch,
            pred_iou_thresh=self.pred_iou_thresh,
            stability_score_thresh=self.stability_score_thresh,
        )

    @property
    def name(self) -> str:
        """Fingerprints of the network, grid, thresholds and filter.

        Raises:
            NetworkError: the package or the weights are missing, or are not what they should be.
        """
        from data_prep.masks.sam2_network import check_folder

        check_folder(self.weights)
        optional_module("transformers.models.sam2_video", "sam2")
        config = fingerprint(self.weights / "config.json")
        return (
            f"Sam2(weights={fingerprint(self.weights / 'model.safetensors')}, config={config}, "
            f"points_per_side={self.points_per_side}, pred_iou_thresh={self.pred_iou_thresh}, "
            f"stability_score_thresh={self.stability_score_thresh}, "
            f"look_again={self.look_again}), {self.objects}"
        )

    def segment(self, frames: UInt8[ndarray, "t h w 3"]) -> Segmentation:
        """Objects of the frames.

        ``dropped`` counts proposals as ``proposal_REASON`` and followed objects as
        ``object_REASON``, with the reasons of :class:`ObjectFilter`; ``proposal_known`` are those
        of the middle frame that are followed already.
        """
        network = _network(self.weights, usable_device(self.device))
        followed: list[_Followed] = []
        dropped: Counter[str] = Counter()
        for start in (0, len(frames) // 2)[: 1 + (self.look_again and len(frames) > 1)]:
            followed += self._look(network, frames, start, followed, dropped)
        scores = tuple(one.score for one in followed)
        found = self.objects.select_labels(
            Segmentation(_labels(network, followed, frames.shape[:3]), scores)
        )
        dropped.update({f"object_{reason}": n for reason, n in found.dropped.items()})
        return replace(found, dropped=dict(sorted((+dropped).items())))

    def _look(
        self,
        network: Sam2Network,
        frames: UInt8[ndarray, "t h w 3"],
        start: int,
        followed: Sequence[_Followed],
        dropped: Counter[str],
    ) -> list[_Followed]:
        """Follow what is new in a frame, as far as there is room."""
        room = self.objects.top - len(followed)
        if room < 1:
            return []
        proposals = network.propose(
            frames[start],
            points_per_side=self.points_per_side,
            points_per_batch=self.points_per_batch,
            pred_iou_thresh=self.pred_iou_thresh,
            stability_score_thresh=self.stability_score_thresh,
        )
        if followed:
            news = _news(proposals, _masks(network, followed, start, frames.shape[1:3]))
            dropped["proposal_known"] += len(proposals) - len(news)
            proposals = news
        kept, reasons = replace(self.objects, top=room).select(proposals)
        dropped.update({f"proposal_{reason}": n for reason, n in reasons.items()})
        if not len(kept):
            return []
        logits = network.follow(frames, kept.masks, start)
        return [_Followed(*one) for one in zip(logits, kept.scores.tolist(), strict=True)]


@dataclass(frozen=True)
class _Followed:
    """An object in all frames: logits in the size of the network, and the score of its prompt."""

    logits: Any
    score: float


def _masks(
    network: Sam2Network, followed: Sequence[_Followed], frame: int, size: tuple[int, int]
) -> Bool[ndarray, "k h w"]:
    import torch

    return network.masks(torch.stack([one.logits[frame] for one in followed]), *size)


def _labels(
    network: Sam2Network, followed: Sequence[_Followed], shape: tuple[int, int, int]
) -> UInt8[ndarray, "t h w"]:
    labels = np.zeros(shape, dtype=np.uint8)
    for frame in range(shape[0] if followed else 0):
        for number, mask in enumerate(_masks(network, followed, frame, shape[1:]), start=1):
            labels[frame][mask] = number
    return labels


def _news(proposals: Proposals, followed: Bool[ndarray, "k h w"]) -> Proposals:
    """Proposals that do not mostly lie under masks that are followed."""
    known = (proposals.masks & followed.any(axis=0)).sum(axis=(1, 2))
    new = known <= KNOWN * proposals.masks.sum(axis=(1, 2))
    return Proposals(proposals.masks[new], proposals.scores[new])


@lru_cache(maxsize=1)
def _network(weights: Path, device: str) -> Sam2Network:
    """The network, loaded once per process."""
    from data_prep.masks.sam2_network import Sam2Network

    return Sam2Network(weights, device=device)
