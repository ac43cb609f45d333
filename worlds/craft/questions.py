"""Questions about CRAFT-like scenes: all that can be asked, and those whose answers are stable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from worlds.craft.arena import Thing
from worlds.craft.imagined import Worlds, imagine, shaken
from worlds.craft.program import Program, answer, facts
from worlds.craft.scene import CraftScene
from worlds.craft.semantics import hinges
from worlds.craft.templates import ANSWERS, COUNTED, TEMPLATES, Template


@dataclass(frozen=True)
class Question:
    """A question and its answer.

    Attributes:
        text: one wording of the template.
        answer: one of ``ANSWERS[answer_type]``.
        template: key of :data:`worlds.craft.templates.TEMPLATES`.
        program: what is asked.
    """

    text: str
    answer: str
    template: str
    program: Program

    @property
    def family(self) -> str:
        """See :attr:`worlds.craft.templates.Template.family`."""
        return TEMPLATES[self.template].family

    def to_json(self) -> dict[str, Any]:
        """The fields of CRAFT's own questions, the family and the program."""
        template = TEMPLATES[self.template]
        return {
            "question": self.text,
            "answer": self.answer,
            "answer_type": template.answer_type,
            "template_id": self.template,
            "question_type": template.question_type,
            "family": template.family,
            "program": self.program.to_json(),
        }


@dataclass(frozen=True)
class Candidate:
    """A question that may be asked of a scene.

    Attributes:
        scene: number of the scene.
        template: kind of question.
        program: with its objects.
        slots: what stands in the wordings.
        answer: stable one.
        signature: all that its words say but colours, and what a shortcut could use besides:
            answers are balanced among candidates with the same signature.
        stratum: why it has the answer: first whether that hinges on what would happen without an
            object, then all facts. Strata take turns when candidates are chosen.
    """

    scene: int
    template: Template
    program: Program
    slots: tuple[tuple[str, str], ...]
    answer: str
    signature: tuple[str, ...]
    stratum: tuple[bool, ...]

    def question(self, wording: int) -> Question:
        """The question in one of the template's wordings, counted without end."""
        texts = self.template.texts
        text = texts[wording % len(texts)].format(**dict(self.slots))
        return Question(text, self.answer, self.template.identity, self.program)


def candidates(number: int, craft: CraftScene, steps: int) -> list[Candidate]:
    """All stable questions about a scene.

    Args:
        number: of the scene in the set.
        craft: the scene.
        steps: how long it is simulated.
    """
    worlds, copies = imagine(craft, steps), shaken(craft, steps)
    return [
        candidate
        for template in TEMPLATES.values()
        for candidate in _candidates(number, template, worlds)
        if is_stable(candidate.program, candidate.answer, copies)
    ]


def is_stable(program: Program, expected: str, copies: Sequence[Worlds]) -> bool:
    """Whether the answer is the same in every perturbed copy of the worlds."""
    return all(answer(program, copy) == expected for copy in copies)


def _candidates(number: int, template: Template, worlds: Worlds) -> Iterator[Candidate]:
    for program, slots, kinds in arguments(template, worlds.things):
        value = answer(program, worlds)
        if value is None or value not in ANSWERS[template.answer_type]:
            continue
        signature, stratum = kinds, ()
        if template.causal:
            known = facts(program, worlds)
            stratum = (hinges(program.op, known), *asdict(known).values())
            if program.op == "counterfactual":  # else what happens tells what would happen
                signature = (*kinds, str(known.factual), str(known.moving))
        yield Candidate(number, template, program, slots, value, signature, stratum)


Arguments = tuple[Program, tuple[tuple[str, str], ...], tuple[str, ...]]


def arguments(template: Template, things: Sequence[Thing]) -> Iterator[Arguments]:
    """Programs of a template with their slots, and the same slots without colours."""
    one: Sequence[Thing | None] = things if template.has("thing") else (None,)
    two: Sequence[Thing | None] = things if template.has("other") else (None,)
    counted = tuple(COUNTED) if template.has("counted") else ("",)
    for thing, other, plural in product(one, two, counted):
        if thing is other is not None:
            continue
        program = replace(
            template.program,
            thing=thing.identity if thing else 0,
            other=other.identity if other else 0,
            keep=COUNTED[plural] if plural else "",
        )
        named = [(slot, item) for slot, item in (("thing", thing), ("other", other)) if item]
        slots = [(slot, item.phrase) for slot, item in named]
        kinds = [f"{item.size} {item.shape}" for _, item in named]
        if plural:
            slots.append(("counted", plural))
            kinds.append(plural)
        yield program, tuple(slots), tuple(kinds)
