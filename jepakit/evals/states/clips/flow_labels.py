"""Which way a clip moves, by dense optical flow: labels for videos that nobody has labelled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

Camera = Literal["none", "median"]

SIDE = 256  # pixels of the shorter side at which the flow is measured
FOUR_DIRECTIONS = ("right", "up", "left", "down")


@dataclass(frozen=True)
class FlowRule:
    """When motion counts, and which label it gets.

    Attributes:
        directions: classes; 0 is to the right, the others follow counter-clockwise.
        threshold: pixels per frame (at 256) above which a pixel moves.
        least_moving: moving pixels over all pairs of frames below which a clip has no label.
        least_coherence: length of the summed motion over the sum of its lengths, below which a clip
            has no label: 1 where all moves one way, near 0 where motions cancel.
        subtract_camera: ``median`` takes the median flow of every pair of frames for that of the
            camera and removes it.
    """

    directions: int = 4
    threshold: float = 1.5
    least_moving: int = 50
    least_coherence: float = 0.3
    subtract_camera: Camera = "none"

    def __post_init__(self) -> None:
        """Refuse what labels nothing."""
        if self.directions < 2:
            raise ValueError(f"directions must be at least 2, got {self.directions}.")
        if self.threshold < 0 or self.least_moving < 1 or not 0 <= self.least_coherence <= 1:
            raise ValueError(
                "threshold must be at least 0, least_moving at least 1 and least_coherence in "
                f"0..1, got {self}."
            )


@dataclass(frozen=True)
class FlowDirection:
    """The motion of one clip.

    Attributes:
        label: class of the direction; None where the clip has none.
        dropped: why it has none: ``too little motion`` or ``motion in all directions``.
        angle: of the mean moving vector, counter-clockwise from the right, in rad.
        speed: length of that vector in pixels per frame at 256.
        coherence: see :class:`FlowRule`.
        moving: moving pixels over all pairs of frames.
    """

    label: int | None
    dropped: str | None
    angle: float
    speed: float
    coherence: float
    moving: int


def flow_direction(
    frames: UInt8[ndarray, "t h w 3"],
    rule: FlowRule = FlowRule(),
) -> FlowDirection:
    """Direction of what moves in a clip: that of the mean vector of all moving pixels.

    Flow is Farneback's between neighbouring frames, gray, the shorter side resized to 256 pixels:
    speeds and thresholds do not depend on the size of the clip. The label is
    ``round(angle / (360 / directions)) mod directions``.

    Source: causal state variables (real videos); dropping rules from this project's reference.

    Args:
        frames: RGB, 0..255, as a model would see them.
        rule: thresholds and classes.

    Raises:
        ValueError: fewer than 2 frames.
    """
    moving = _moving_vectors(optical_flow(frames), rule)
    count = len(moving)
    if count < rule.least_moving:
        return FlowDirection(None, "too little motion", 0.0, 0.0, 0.0, count)
    right, down = moving.mean(axis=0, dtype=np.float64)
    angle, speed = math.atan2(-down, right), math.hypot(right, down)
    coherence = speed / float(np.hypot(moving[:, 0], moving[:, 1]).mean(dtype=np.float64))
    if coherence < rule.least_coherence:
        dropped = "motion in all directions"
        return FlowDirection(None, dropped, angle, speed, coherence, count)
    label = round(angle / (2 * math.pi / rule.directions)) % rule.directions
    return FlowDirection(label, None, angle, speed, coherence, count)


def optical_flow(frames: UInt8[ndarray, "t h w 3"]) -> Float[ndarray, "pairs h2 w2 2"]:
    """Flow from each frame to the next: pixels to the right and down, at a shorter side of 256.

    Raises:
        ValueError: fewer than 2 frames.
    """
    if len(frames) < 2:
        raise ValueError(f"Flow needs at least 2 frames, got {len(frames)}.")
    gray = [_gray(frame) for frame in frames]
    pairs = pairwise(gray)
    return np.stack([_farneback(before, after) for before, after in pairs])


def _farneback(
    before: UInt8[ndarray, "h w"], after: UInt8[ndarray, "h w"]
) -> Float[ndarray, "h w 2"]:
    """Flow at the settings that OpenCV's own examples use for dense flow."""
    return cv2.calcOpticalFlowFarneback(
        before,
        after,
        flow=np.zeros((*before.shape, 2), np.float32),
        pyr_scale=0.5,
        levels=3,
        winsize=15,
        iterations=3,
        poly_n=5,
        poly_sigma=1.2,
        flags=0,
    )


def _gray(frame: UInt8[ndarray, "h w 3"]) -> UInt8[ndarray, "h2 w2"]:
    gray = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
    height, width = gray.shape
    if min(height, width) == SIDE:
        return gray
    scale = SIDE / min(height, width)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(gray, (round(width * scale), round(height * scale)), interpolation=how)


def _moving_vectors(
    flow: Float[ndarray, "pairs h w 2"], rule: FlowRule
) -> Float[ndarray, "moving 2"]:
    vectors = flow.reshape(len(flow), -1, 2)
    if rule.subtract_camera == "median":
        vectors = vectors - np.median(vectors, axis=1, keepdims=True)
    return vectors[np.hypot(vectors[..., 0], vectors[..., 1]) > rule.threshold]
