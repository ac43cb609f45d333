"""CRAFT's meaning of cause, enable, prevent and counterfactual, from what happens in two worlds.

With P an object, E one of the outcomes (collide ground, enter basket, collide basket) and do(remove
A) the same start without A (CRAFT, ACL Findings 2022; its templates):

- A causes P to E: P does, would not without A, and is at rest at the start;
- A enables P to E: the same, but P moves at the start;
- A prevents P from E: P does not, would without A, and moves at the start;
- counterfactual: whether P would without A.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Facts:
    """What a causal question about A and P depends on.

    Attributes:
        factual: whether the outcome happens to P.
        without: whether it happens to P when A is removed.
        moving: whether P moves at the start.
    """

    factual: bool
    without: bool
    moving: bool


def causes(facts: Facts) -> bool:
    """It happens to P, which is at rest at the start, and would not without A."""
    return facts.factual and not facts.without and not facts.moving


def enables(facts: Facts) -> bool:
    """It happens to P, which moves at the start, and would not without A."""
    return facts.factual and not facts.without and facts.moving


def prevents(facts: Facts) -> bool:
    """It does not happen to P, which moves at the start, and would without A."""
    return not facts.factual and facts.without and facts.moving


def counterfactually(facts: Facts) -> bool:
    """It would happen to P without A."""
    return facts.without


RELATIONS: Mapping[str, Callable[[Facts], bool]] = {
    "cause": causes,
    "enable": enables,
    "prevent": prevents,
    "counterfactual": counterfactually,
}


def hinges(relation: str, facts: Facts) -> bool:
    """Whether the answer depends on what would happen without A; if not, the clip itself tells."""
    holds = RELATIONS[relation]
    return holds(facts) != holds(replace(facts, without=not facts.without))
