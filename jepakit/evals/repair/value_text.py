"""Drifts and shares as text: enough digits for small ones, signs for differences."""

from __future__ import annotations

from jepakit.evals.statistics import Interval
from jepakit.interp.rescue import MIN_BASE, Rescue

UNDEFINED = "undefined"


def drift_text(value: float, *, signed: bool = False) -> str:
    """Four decimals as the paper has, two digits of smaller values: 0.2410, 0.00042, 3.8e-06."""
    sign = "+" if signed else ""
    size = abs(value)
    if size and size < 1e-4:
        return f"{value:{sign}.1e}"
    return f"{value + 0.0:{sign}.{5 if 0 < size < 1e-3 else 4}f}"


def interval_text(one: Interval, *, signed: bool = False) -> str:
    """The estimate, and its interval below it."""
    low, high = (drift_text(end, signed=signed) for end in (one.low, one.high))
    return f"{drift_text(one.estimate, signed=signed)}\n[{low}, {high}]"


def fraction_text(value: float | None) -> str:
    """A share of the base drift."""
    return UNDEFINED if value is None else f"{value:.4f}"


def share_text(value: float) -> str:
    """A signed share with a decimal, or two digits where it is small: +12.3%, -0.042%."""
    decimals = 1
    while decimals < 5 and 0 < abs(value) * 100 < 10 ** (1 - decimals):
        decimals += 1
    return f"{value + 0.0:+.{decimals}%}" if round(value, 7) else "0%"


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
