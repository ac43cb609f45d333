"""Colours as brightness and two opponent differences, in which a shadow is a small change."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

BRIGHTNESS_WEIGHT = 0.35
"""Of brightness against the other two: a shadow darkens and keeps the kind of colour."""


def opponent(frame: UInt8[ndarray, "h w 3"]) -> Float[ndarray, "3 h w"]:
    """Brightness (R + G + B) / 3, R - G and (R + G) / 2 - B, each in steps of a byte."""
    red, green, blue = frame.astype(np.float32).transpose(2, 0, 1)
    return np.stack([(red + green + blue) / 3, red - green, (red + green) / 2 - blue])


def colour_distance(a: Float[ndarray, "3 ..."], b: Float[ndarray, "3 ..."]) -> ndarray:
    """Euclidean distance, brightness weighted down."""
    brightness, red, yellow = a - b
    return np.sqrt((BRIGHTNESS_WEIGHT * brightness) ** 2 + red**2 + yellow**2)


def noise_limit(
    distance: Float[ndarray, ...], where: Bool[ndarray, ...], least: float, deviations: float
) -> float:
    """From which distance on a pixel differs: ``least``, or more in a noisy picture.

    ``deviations`` times the median over ``where``, scaled to a standard deviation as for a normal
    distribution, so that up to half of the pixels may be something else.
    """
    if not where.any():
        return least
    return max(least, deviations * 1.4826 * float(np.median(distance[where])))
