"""Masks of single frames by Segment Anything, the network's own automatic mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from data_prep.masks.networks import (
    Device,
    check_prompts,
    fingerprint,
    optional_module,
    usable_device,
)
from data_prep.masks.proposed import Proposer
from data_prep.masks.segmenter import Proposals


@dataclass(frozen=True)
class Sam(Proposer):
    """A grid of points prompts the network, each for three masks; what it is sure of is kept.

    Segment Anything, Kirillov et al., ICCV 2023, section 5 and appendix B. The work is done by
    ``SamAutomaticMaskGenerator`` of the package ``segment-anything``; a mask's score is the IoU
    that the network predicts for it, and of two masks whose boxes overlap by more than 0.7 the
    surer one stays.

    Args:
        checkpoint: the weights as published, or as safetensors; never downloaded.
        points_per_side: points of the grid along each side.
        points_per_batch: points at a time; more are faster and need more memory.
        pred_iou_thresh: the least predicted IoU.
        stability_score_thresh: the least IoU of the mask cut at a slightly lower and at a slightly
            higher logit.
        device: ``auto`` takes a GPU where there is one, and computes in bfloat16 there.
    """

    checkpoint: Path
    points_per_side: int = 32
    points_per_batch: int = 64
    pred_iou_thresh: float = 0.88
    stability_score_thresh: float = 0.92
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
        """Size and fingerprint of the network, grid and thresholds.

        Raises:
            NetworkError: the package or the weights are missing, or are not what they should be.
        """
        from data_prep.masks.sam_network import sam_kind

        digest = fingerprint(self.checkpoint)
        optional_module("segment_anything", "sam")
        return (
            f"Sam({sam_kind(self.checkpoint)}, weights={digest}, "
            f"points_per_side={self.points_per_side}, pred_iou_thresh={self.pred_iou_thresh}, "
            f"stability_score_thresh={self.stability_score_thresh})"
        )

    def propose(self, frames: UInt8[ndarray, "t h w 3"]) -> Iterator[Proposals]:
        """Masks of every frame, the surest first."""
        import torch

        generator = _mask_generator(self)
        device = generator.predictor.device.type
        for frame in frames:
            with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
                found = generator.generate(frame)
            yield _proposals(found, *frame.shape[:2])


def _proposals(found: list[dict[str, Any]], height: int, width: int) -> Proposals:
    if not found:
        return Proposals.none(height, width)
    # The head that predicts the IoU is linear: it overshoots 1 now and then.
    scores = np.clip([record["predicted_iou"] for record in found], 0.0, 1.0)
    return Proposals(np.stack([record["segmentation"] for record in found]), scores)


@lru_cache(maxsize=1)
def _mask_generator(sam: Sam) -> Any:
    """The generator of these settings with its network, loaded once per process."""
    from data_prep.masks.sam_network import read_sam

    package = optional_module("segment_anything", "sam")
    network = read_sam(sam.checkpoint).to(usable_device(sam.device))
    network.mask_decoder.register_forward_hook(_in_float32)
    return package.SamAutomaticMaskGenerator(
        network,
        points_per_side=sam.points_per_side,
        points_per_batch=sam.points_per_batch,
        pred_iou_thresh=sam.pred_iou_thresh,
        stability_score_thresh=sam.stability_score_thresh,
    )


def _in_float32(module: Any, inputs: Any, outputs: Any) -> Any:  # noqa: ARG001
    """Logits and scores as the generator needs them: numpy, where they end, has no bfloat16."""
    return tuple(output.float() for output in outputs)
