"""Damaged samples: counted, listed, and too many of them refused."""

from __future__ import annotations

import logging
import math

_LOGGER = logging.getLogger(__name__)


class FaultLedger:
    """The different damaged samples met so far.

    Args:
        samples: of the data set.
        budget: share of them that may be damaged; at most ``ceil(budget * samples)`` are tolerated.
        remedy: what to do about damaged ones, in the imperative.
    """

    def __init__(
        self,
        samples: int,
        budget: float,
        *,
        remedy: str = "Make their shards again (rerun python -m data_prep with the same arguments)",
    ) -> None:
        if not 0 <= budget <= 1:
            raise ValueError(f"bad_sample_budget is a share between 0 and 1, got {budget}.")
        self.samples = samples
        self.remedy = remedy
        self.allowed = math.ceil(budget * samples)
        self.faults: dict[str, str] = {}

    def __len__(self) -> int:
        """Number of different damaged samples."""
        return len(self.faults)

    def add(self, faults: dict[str, str]) -> None:
        """Note damaged samples (key to reason); one that is met again is not counted again.

        Raises:
            ValueError: there are now more than allowed; the message lists them.
        """
        for key, reason in faults.items():
            if key not in self.faults:
                self.faults[key] = reason
                _LOGGER.warning("Skipped damaged sample %d: %s", len(self.faults), reason)
        if len(self.faults) > self.allowed:
            listed = "\n".join(f"  {reason}" for reason in self.faults.values())
            raise ValueError(
                f"{len(self.faults)} damaged samples, but bad_sample_budget allows {self.allowed} "
                f"of {self.samples}. {self.remedy} or raise the budget:\n{listed}"
            )
