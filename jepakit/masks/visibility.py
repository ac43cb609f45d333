"""How many tokens must stay visible, for every masker alike."""

from __future__ import annotations

import math


def check_min_context(min_context: float) -> None:
    """Refuse a share of visible tokens that leaves nothing to hide.

    Raises:
        ValueError: ``min_context`` is outside ``[0, 1)``.
    """
    if not 0 <= min_context < 1:
        raise ValueError(f"min_context must be at least 0 and below 1, got {min_context}.")


def needed_tokens(tokens: int, min_context: float) -> int:
    """Fewest visible tokens: the share ``min_context``, and 1 at least.

    Raises:
        ValueError: then no token is left to hide.
    """
    # The small term keeps 0.1 * 70 = 7.000000000000001 at 7.
    needed = max(1, math.ceil(min_context * tokens - 1e-9))
    if needed >= tokens:
        raise ValueError(
            f"A grid of {tokens} tokens with min_context={min_context} leaves none to hide: "
            "use larger frames, a smaller patch or a smaller min_context."
        )
    return needed
