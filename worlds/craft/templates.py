"""The wordings of CRAFT-like questions and their closed vocabulary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from worlds.craft.arena import COLOURS, SHAPES, SIZES
from worlds.craft.events import COLLIDE_BASKET, COLLIDE_GROUND, ENTER_BASKET, OUTCOMES
from worlds.craft.program import Program
from worlds.craft.semantics import RELATIONS

# Kind of event: infinitive and -ing form.
VERBS = {
    COLLIDE_GROUND: ("hit the ground", "hitting the ground"),
    ENTER_BASKET: ("enter a basket", "entering a basket"),
    COLLIDE_BASKET: ("hit a basket", "hitting a basket"),
}
# What is counted, and the size or shape that it must have.
COUNTED = {
    "objects": "",
    "small objects": "small",
    "large objects": "large",
    "cubes": "cube",
    "triangles": "triangle",
    "circles": "circle",
}
ANSWERS = {
    "Boolean": ("False", "True"),
    "Count": ("0", "1", "2", "3"),
    "Color": COLOURS,
    "Shape": SHAPES,
    "Size": tuple(SIZES),
}


@dataclass(frozen=True)
class Template:
    """A kind of question.

    Attributes:
        identity: as CRAFT's ``template_id``: ``cause_0``.
        answer_type: key of :data:`ANSWERS`.
        program: what it asks, with no object filled in.
        texts: equivalent wordings with slots ``thing``, ``other`` and ``counted``.
    """

    identity: str
    answer_type: str
    program: Program
    texts: tuple[str, ...]

    @property
    def question_type(self) -> str:
        """CRAFT's: Descriptive, Counterfactual, Cause, Enable or Prevent."""
        return self.program.op.capitalize() if self.causal else "Descriptive"

    @property
    def family(self) -> str:
        """The question type; descriptive questions are told apart by the type of their answer."""
        kind = self.question_type.lower()
        return kind if self.causal else f"{kind}_{self.answer_type.lower()}"

    @property
    def causal(self) -> bool:
        """Whether the answer depends on what would happen without an object."""
        return self.program.op in RELATIONS

    def has(self, slot: str) -> bool:
        """Whether its wordings speak of ``thing``, ``other`` or ``counted``."""
        return f"{{{slot}}}" in self.texts[0]


CAUSAL_TEXTS: dict[str, tuple[str, ...]] = {
    "cause": (
        "Does the {other} cause the {thing} to {verb}?",
        "Is the {other} the cause of the {thing} {doing}?",
    ),
    "enable": (
        "Does the {other} enable the {thing} to {verb}?",
        "Is it the {other} that enables the {thing} to {verb}?",
    ),
    "prevent": (
        "Does the {other} prevent the {thing} from {doing}?",
        "Does the {other} keep the {thing} from {doing}?",
    ),
    "counterfactual": (
        "Will the {thing} {verb} if the {other} is removed?",
        "If the {other} is removed, will the {thing} {verb}?",
    ),
}
# By operation: type of answer and wordings; those with a verb exist for each outcome.
DESCRIPTIVE_TEXTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "happens": ("Boolean", ("Does the {thing} {verb}?",)),
    "earlier": (
        "Boolean",
        (
            "Does the {thing} {verb} before the {other}?",
            "Is the {thing} earlier to {verb} than the {other}?",
        ),
    ),
    "collide": ("Boolean", ("Does the {thing} collide with the {other}?",)),
    "moving": ("Boolean", ("Is the {thing} moving at the start?",)),
    "count": ("Count", ("How many {counted} {verb}?",)),
    "count_moving": ("Count", ("How many {counted} are moving at the start?",)),
    "partners": ("Count", ("How many objects does the {thing} collide with?",)),
    "count_around": (
        "Count",
        (
            "How many objects {verb} {order} two objects first collide?",
            "{order} two objects first collide, how many objects {verb}?",
        ),
    ),
    "query": ("", ("What is the {attribute} of the {order} object to {verb}?",)),
    "query_partner": (
        "",
        ("What is the {attribute} of the object that the {thing} collides with first?",),
    ),
}
ORDERS: dict[str, tuple[str, ...]] = {
    "count_around": ("before", "after"),
    "query": ("first", "last"),
}
ATTRIBUTES = ("color", "shape", "size")


def _templates() -> Iterator[Template]:
    for op, wordings in CAUSAL_TEXTS.items():
        for number, event in enumerate(OUTCOMES):
            texts = _worded(wordings, event)
            yield Template(f"{op}_{number}", "Boolean", Program(op, event), texts)
    number = 0
    for op, (answer_type, wordings) in DESCRIPTIVE_TEXTS.items():
        events = OUTCOMES if "{verb}" in wordings[0] else ("",)
        attributes = ("",) if answer_type else ATTRIBUTES
        for attribute, order, event in product(attributes, ORDERS.get(op, ("",)), events):
            yield Template(
                f"descriptive_{number}",
                answer_type or attribute.capitalize(),
                Program(op, event, attribute=attribute, order=order),
                _worded(wordings, event, attribute=attribute, order=order),
            )
            number += 1


def _worded(texts: tuple[str, ...], event: str, **words: str) -> tuple[str, ...]:
    """Wordings with the words of the event filled in, and the slots for objects left."""
    verb, doing = VERBS.get(event, ("", ""))
    slots = {slot: f"{{{slot}}}" for slot in SLOTS}
    filled = (text.format(verb=verb, doing=doing, **words, **slots) for text in texts)
    return tuple(text[0].upper() + text[1:] for text in filled)


SLOTS = ("thing", "other", "counted")
TEMPLATES = {template.identity: template for template in _templates()}


def words(text: str) -> list[str]:
    """The words of a question or an answer, in small letters."""
    return re.findall(r"[a-z0-9]+", text.lower())


def _vocabulary() -> Iterator[str]:
    for template in TEMPLATES.values():
        for text in template.texts:
            yield from words(re.sub(r"{\w+}", " ", text))
    for text in (*COUNTED, *COLOURS, *SHAPES, *SIZES):
        yield from words(text)


VOCABULARY = tuple(sorted(set(_vocabulary())))
"""Every word of every question."""
ANSWER_VOCABULARY = tuple(answer for answers in ANSWERS.values() for answer in answers)
