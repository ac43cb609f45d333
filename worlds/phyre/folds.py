"""The official train, dev and test tasks of the benchmark's evaluation setups.

Ids are put in an order that only depends on their text: by the MD5 sum of the id followed by a
salt. A cross-template fold splits the templates, a within-template fold the instances of each one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from worlds.phyre.task import Task

SETUPS = {
    "ball_cross_template": "BALL",
    "ball_within_template": "BALL",
    "two_balls_cross_template": "TWO_BALLS",
    "two_balls_within_template": "TWO_BALLS",
}
"""Tier of each evaluation setup."""

TRAIN_SHARE = 0.8


class Fold(NamedTuple):
    """Sorted task ids: 1600, 400 and 500 with the official task file."""

    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]


def fold(setup: str, seed: int, tasks: Mapping[str, Task]) -> Fold:
    """The official fold of a setup; the paper averages over the seeds 0 to 9.

    Raises:
        ValueError: an unknown setup, or no task of its tier.
    """
    if setup not in SETUPS:
        raise ValueError(f"Unknown setup {setup!r}; choose one of {', '.join(SETUPS)}.")
    templates = in_tier(tasks, SETUPS[setup])
    if not templates:
        raise ValueError(f"None of the {len(tasks)} tasks belongs to tier {SETUPS[setup]}.")
    split = _across if "cross" in setup else _within
    train, dev, test = split(templates, seed)
    return Fold(tuple(sorted(train)), tuple(sorted(dev)), tuple(sorted(test)))


def in_tier(tasks: Mapping[str, Task], tier: str) -> dict[str, list[str]]:
    """Sorted ids by template, of the templates whose tasks all belong to ``tier``."""
    templates: dict[str, list[Task]] = {}
    for identity in sorted(tasks):
        templates.setdefault(tasks[identity].template, []).append(tasks[identity])
    return {
        template: [task.identity for task in members]
        for template, members in templates.items()
        if all(task.tier == tier for task in members)
    }


def _across(templates: Mapping[str, list[str]], seed: int) -> tuple[list[str], ...]:
    # The salts say "ball" for both tiers.
    order = _shuffled(templates, f"ball_cross_template_half_{seed}")
    cut = round(len(order) * TRAIN_SHARE)
    learn = _shuffled(order[:cut], f"dev_ball_cross_template_half_{seed}")
    inner = int(len(learn) * TRAIN_SHARE)
    parts = learn[:inner], learn[inner:], order[cut:]
    return tuple([task for template in part for task in templates[template]] for part in parts)


def _within(templates: Mapping[str, list[str]], seed: int) -> tuple[list[str], ...]:
    learn: list[str] = []
    test: list[str] = []
    for ids in templates.values():
        order = _shuffled(ids, f"ball_online_ind_tasks{seed}")
        cut = round(len(order) * TRAIN_SHARE)
        learn += order[:cut]
        test += order[cut:]
    learn = _shuffled(learn, f"make_dev{seed}")
    inner = int(len(learn) * TRAIN_SHARE)
    return learn[:inner], learn[inner:], test


def _shuffled(ids: Iterable[str], salt: str) -> list[str]:
    return sorted(ids, key=lambda text: hashlib.md5((text + salt).encode()).hexdigest())
