"""Ratios of effects as tables show them."""

from __future__ import annotations

import re

EXPONENT = re.compile(r"\d(?:\.\d+)?e\+\d+")

RATIO_NOTE = (
    "Found / this: effect of the found subspace over that of the control, means over clips, with "
    "95 % of a joint bootstrap. ≥: the control's interval covers 0, so that the ratio has no "
    "value, only the lower bound that the upper end of that interval gives. undefined: the "
    "control's effect is zero or negative, and there is no such bound."
)


def readable_ratio(ratio: str) -> str:
    """``1.17e+04x [8e+03, 2e+04]`` as ``11700x`` over ``[8000, 20000]``; ``>=`` as its sign."""
    plain = EXPONENT.sub(lambda found: f"{float(found[0]):.0f}", ratio)
    return plain.replace(">= ", "≥ ").replace(" [", "\n[")
