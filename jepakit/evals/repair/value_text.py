"""Drifts and shares as text: enough digits for small ones, signs for differences."""

from __future__ import annotations

import math

from jepakit.evals.statistics import Interval
from jepakit.interp.rescue import MIN_BASE, Rescue

UNDEFINED = "undefined"


def drift_text(value: float, *, signed: bool = False) -> str:
    """Four decimals as the paper has, more where these leave fewer than two digits."""
    digits = 4
    if value and math.isfinite(value):
        digits = min(9, max(4, 1 - math.floor(math.log10(abs(value)))))
    return f"{round(value, digits) + 0.0:{'+' if signed else ''}.{digits}f}"


def interval_text(one: Interval, *, signed: bool = False) -> str:
    """The estimate, and its interval below it."""
    low, high = (drift_text(end, signed=signed) for end in (one.low, one.high))
    return f"{drift_text(one.estimate, signed=signed)}\n[{low}, {high}]"


def fraction_text(value: float | None) -> str:
    """A share of the base drift."""
    return UNDEFINED if value is None else f"{value:.4f}"


def p_text(p: float) -> str:
    """A p value."""
    return f"{p:.4f}" if p >= 0.001 else f"{p:.1g}"


def why_undefined(found: Rescue) -> str:
    """Why fractions have no value, or how many images have none."""
    images = len(found.absolute)
    if found.dropped == images:
        return f"base drift below {MIN_BASE:g} in all {images} images"
    if found.dropped:
        return f"{found.dropped} of {images} images left out of the mean: drift below {MIN_BASE:g}"
    return ""
