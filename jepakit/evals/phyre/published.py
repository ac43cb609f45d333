"""Published AUCCESS values, for the reference rows of tables; nothing here was measured by us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A value as its source states it.

    Attributes:
        agent: what was evaluated.
        auccess: between 0 and 1.
        source: where the value stands.
    """

    agent: str
    auccess: float
    source: str


PAPER = "from the Causal-JEPA paper, PHYRE-B; setup and folds not stated there"
DQN = "from Bakhtin et al. 2019, folds 0 to 9"
RPIN = "from the model zoo of RPIN (Qi et al. 2021), 10 folds"

PHYRE_B = (
    Published("Causal-JEPA", 0.844, PAPER),
    Published("V-JEPA", 0.802, PAPER),
    Published("LeJEPA", 0.810, PAPER),
    Published("I-JEPA", 0.784, PAPER),
)
BY_SETUP = {
    "ball_within_template": (
        *PHYRE_B,
        Published("DQN", 0.776, DQN),
        Published("RPIN", 0.852, RPIN),
    ),
    "ball_cross_template": (
        *PHYRE_B,
        Published("DQN", 0.368, DQN),
        Published("RPIN", 0.422, RPIN),
    ),
}


def published_for(setup: str) -> tuple[Published, ...]:
    """What was published on a setup; nothing for those with two balls."""
    return BY_SETUP.get(setup, ())
