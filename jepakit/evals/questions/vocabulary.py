"""The closed vocabulary of the training questions, and their answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from jepakit.evals.probes.text_baseline import WORDS, AskedQuestion

UNKNOWN = 0
Unknown = Literal["refuse", "accept"]


def words_of(text: str) -> list[str]:
    """The words of a question, in small letters."""
    return re.findall(WORDS, text.lower())


@dataclass(frozen=True)
class Vocabulary:
    """Words and answers of the training questions.

    Attributes:
        words: in alphabetical order; number 0 is kept for words outside.
        answers: in alphabetical order.
        longest: most words of a question.
    """

    words: tuple[str, ...]
    answers: tuple[str, ...]
    longest: int

    @classmethod
    def of(cls, asked: Sequence[AskedQuestion]) -> Vocabulary:
        """Of training questions.

        Raises:
            ValueError: they have no words, or a single answer, so that nothing can be learnt.
        """
        texts = [words_of(question.text) for question in asked]
        wordless = [q.text for q, text in zip(asked, texts, strict=True) if not text]
        if wordless:
            raise ValueError(f"{len(wordless)} questions have no words, such as {wordless[0]!r}.")
        answers = sorted({question.answer for question in asked})
        if len(answers) < 2:
            raise ValueError(
                f"All {len(asked)} training questions have the answer {answers}: there is nothing "
                "to learn. Take more clips, or questions with several answers."
            )
        words = sorted({word for text in texts for word in text})
        return cls(tuple(words), tuple(answers), max(map(len, texts)))

    def __len__(self) -> int:
        """Words, the unknown one included."""
        return len(self.words) + 1

    def unknown(self, asked: Sequence[AskedQuestion]) -> Counter[str]:
        """How many questions have each word that is not in the vocabulary."""
        known = set(self.words)
        return Counter(w for q in asked for w in sorted({*words_of(q.text)} - known))

    def check_words(self, asked: Sequence[AskedQuestion], unknown: Unknown) -> str:
        """A sentence on words outside of the vocabulary; empty if there are none.

        Raises:
            ValueError: there are some, and they are refused.
        """
        found = self.unknown(asked)
        if not found:
            return ""
        named = ", ".join(f"{word} ({count})" for word, count in found.most_common(8))
        told = (
            f"{len(found)} words of the test questions are in no training question (questions with "
            f"each): {named}"
        )
        if unknown == "refuse":
            raise ValueError(
                f"{told}. Take training questions of the same kind, or let all of them be read as "
                "one unknown word with --unknown_words accept."
            )
        return f"{told}; read as one unknown word"

    def unseen_answers(self, asked: Sequence[AskedQuestion]) -> str:
        """A sentence on answers that no training question has; empty if there are none."""
        found = Counter(q.answer for q in asked if q.answer not in self.answers)
        if not found:
            return ""
        named = ", ".join(f"{answer!r} ({count})" for answer, count in found.most_common(8))
        return f"{sum(found.values())} test questions have answers never seen in training: {named}"

    def encode(self, text: str) -> Int[Tensor, " words"]:
        """Numbers of a question's words; what is longer than all training questions is cut."""
        number = {word: place for place, word in enumerate(self.words, start=1)}
        found = [number.get(word, UNKNOWN) for word in words_of(text)][: self.longest]
        return torch.tensor(found or [UNKNOWN])

    def labels(self, asked: Sequence[AskedQuestion]) -> Int[Tensor, " q"]:
        """Number of each question's answer, -1 where training has none such."""
        number = {answer: place for place, answer in enumerate(self.answers)}
        return torch.tensor([number.get(question.answer, -1) for question in asked])
