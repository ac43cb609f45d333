"""Chooses questions so that their words do not tell their answers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import zip_longest
from random import Random
from typing import TypeVar

from worlds.craft.questions import Candidate, Question, candidates
from worlds.craft.scene import CraftScene
from worlds.craft.templates import ANSWERS

# Questions of a template with the same answer (with any answer, if it is a colour) about one scene,
# at most.
PER_ANSWER = {"causal": 4, "descriptive": 1}

T = TypeVar("T")


def ask(scenes: Sequence[CraftScene], steps: int, seed: int) -> list[list[Question]]:
    """Stable questions about scenes, balanced over all of them; one list for each scene.

    Args:
        scenes: about which is asked.
        steps: how long each is simulated.
        seed: of the choice among candidates and wordings.
    """
    found = [c for number, craft in enumerate(scenes) for c in candidates(number, craft, steps)]
    random = Random(f"questions/{seed}")
    asked: list[list[Question]] = [[] for _ in scenes]
    for candidate in balanced(spread(found, random), random):
        asked[candidate.scene].append(candidate.question(random.randrange(12)))
    return asked


def spread(found: Iterable[Candidate], random: Random) -> list[Candidate]:
    """At most a few of each scene, template and answer, with strata in turn."""

    def alike(candidate: Candidate) -> Hashable:
        colour = candidate.template.answer_type == "Color"
        answer = "" if colour else candidate.answer
        return candidate.scene, candidate.template.identity, answer

    kept = []
    for members in grouped(found, alike):
        kind = "causal" if members[0].template.causal else "descriptive"
        kept += in_turn(members, random)[: PER_ANSWER[kind]]
    return kept


def balanced(found: Iterable[Candidate], random: Random) -> list[Candidate]:
    """As many candidates of each answer, for every template and signature.

    Colours are drawn independently of all that happens, so that the words of a question then tell
    nothing of its answer. Where colours are the answers there are too many to have as many of each;
    the frequent ones are cut to the mean instead.
    """
    chosen = []
    for group in grouped(found, _balanced_among):
        answers = ANSWERS[group[0].template.answer_type]
        by_answer = {answer: [c for c in group if c.answer == answer] for answer in answers}
        size = min(map(len, by_answer.values()))
        if group[0].template.answer_type == "Color":
            size = math.ceil(len(group) / len(answers))
        for members in by_answer.values():
            chosen += in_turn(members, random)[:size]
    return sorted(chosen, key=lambda c: (c.scene, c.template.identity, c.slots))


def _balanced_among(candidate: Candidate) -> Hashable:
    template = candidate.template
    signature = () if template.answer_type == "Color" else candidate.signature
    return template.identity, signature


def in_turn(members: Iterable[Candidate], random: Random, depth: int = 0) -> list[Candidate]:
    """In random order, but strata take turns: first those that differ at ``depth``, then deeper."""
    members = list(members)
    if all(len(c.stratum) == depth for c in members):
        random.shuffle(members)
        return members
    strata = [in_turn(s, random, depth + 1) for s in grouped(members, lambda c: c.stratum[depth])]
    random.shuffle(strata)
    return [c for turn in zip_longest(*strata) for c in turn if c is not None]


def grouped(members: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Lists of members with the same key, in the order of the keys' first appearance."""
    groups: dict[Hashable, list[T]] = defaultdict(list)
    for member in members:
        groups[key(member)].append(member)
    return list(groups.values())
