"""How many slices at the edges of a window to discard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

SETTLED = 0.05  # share of the edge's difference below which a slice no longer feels the edge


@dataclass(frozen=True)
class EdgeSlices:
    """How many slices feel that the window begins or ends there.

    Attributes:
        first: slices to discard at the start of a window; None where the difference never falls
            below the share.
        last: the same at its end.
        share: of the edge's difference that counts as settled.
    """

    first: int | None
    last: int | None
    share: float = SETTLED

    @classmethod
    def of(cls, profile: Float[np.ndarray, " s"], *, share: float = SETTLED) -> EdgeSlices:
        """Count from each edge to the first slice whose difference is below ``share`` of that edge.

        Args:
            profile: mean absolute difference of each shared slice.
            share: between 0 and 1.

        Raises:
            ValueError: no slices, a value that is negative or not finite, or an impossible share.
        """
        if not profile.size or not (np.isfinite(profile) & (profile >= 0)).all():
            raise ValueError(f"A profile is of finite differences, 0 or more, came {profile}.")
        if not 0 < share < 1:
            raise ValueError(f"share must lie between 0 and 1, came {share}.")
        return cls(_until(profile, share), _until(profile[::-1], share), share)

    def __str__(self) -> str:
        """The advice in a sentence."""
        parts = [_advice(self.first, "start", self.share), _advice(self.last, "end", self.share)]
        return " ".join(parts)


def _until(profile: Float[np.ndarray, " s"], share: float) -> int | None:
    if profile[0] == 0:
        return 0
    settled = np.flatnonzero(profile < share * profile[0])
    return int(settled[0]) if settled.size else None


def _advice(count: int | None, edge: str, share: float) -> str:
    if count is None:
        return (
            f"At the {edge} the difference never falls below {share:.0%} of the edge's: the whole "
            "window feels it, use a longer one."
        )
    if count == 0:
        return f"At the {edge} nothing differs, no slice need be discarded."
    return f"Discard {count} slice{'s' * (count > 1)} at the {edge} of a window."
