"""Questions in the metadata of clips, and which of them train and which test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Int

from jepakit.data.shard_reader import ShardReader
from jepakit.evals.probes.text_baseline import AskedQuestion

Division = Literal["stored", "random", "hard"]
BLOCK = 32
"""Neighbouring clips whose questions `python -m data_prep craft_like` balances together."""
ADVICE = (
    "make such clips with `python -m data_prep craft_like --out DIR --test_clips 256`, or from "
    "CRAFT's own folder (dataset_minimal.json, split_info_random.json, videos/sid_K/*.mpg) with "
    "`python -m data_prep craft CRAFT --out DIR`"
)


@dataclass(frozen=True)
class QuestionSet:
    """Questions about clips, a row each, those of one clip behind one another.

    Attributes:
        asked: text, answer, family, scene (the clip's group) and part (neighbouring clips).
        types: Descriptive, Counterfactual, Cause, Enable or Prevent; families are finer.
        items: clip and number of the question, unique.
        clip: row of each question's clip in ``clips``.
        clips: numbers of the clips in the data set.
    """

    asked: tuple[AskedQuestion, ...]
    types: tuple[str, ...]
    items: tuple[str, ...]
    clip: Int[np.ndarray, " q"]
    clips: tuple[int, ...]

    def __len__(self) -> int:
        """Number of questions."""
        return len(self.asked)

    @property
    def scenes(self) -> np.ndarray:
        """What is resampled together: the group of each question's clip."""
        return np.array([question.scene for question in self.asked])

    @property
    def parts(self) -> np.ndarray:
        """Of each question; see :class:`jepakit.evals.probes.text_baseline.AskedQuestion`."""
        return np.array([question.part for question in self.asked])


@dataclass(frozen=True)
class AskedClip:
    """A clip with questions, as its metadata tell.

    Attributes:
        number: in the data set.
        key: its name.
        group: clips of one group are not independent.
        fps: frames per second, Hz.
        questions: as they are stored.
        splits: by the names of the divisions that the clip is part of.
    """

    number: int
    key: str
    group: str
    fps: float
    questions: tuple[dict[str, Any], ...]
    splits: dict[str, str]


def read_clips(reader: ShardReader) -> list[AskedClip]:
    """The clips that carry questions.

    Raises:
        ValueError: none does, a question lacks a field, or a video is cut to several clips.
    """
    found = []
    for number in range(len(reader)):
        with reader.open(number) as stored:
            details = stored.meta["details"]
            questions = tuple(details.get("questions") or ())
            for question in questions:
                _check_question(question, stored.key)
            group, fps = str(details.get("group", stored.key)), float(stored.meta["fps"])
            if questions:
                splits = {name: str(part) for name, part in details.get("splits", {}).items()}
                found.append(AskedClip(number, stored.key, group, fps, questions, splits))
    if not found:
        where = f"Split '{reader.split}' of {reader.path}" if reader.split else reader.path
        raise ValueError(f"{where} has no clip that carries questions; {ADVICE}.")
    return found


def of_division(clips: Sequence[AskedClip], division: str, split: str) -> list[AskedClip]:
    """The clips that CRAFT's own ``random`` or ``hard`` division puts into ``split``.

    Raises:
        ValueError: no clip says so.
    """
    name = f"split_info_{division}"
    chosen = [clip for clip in clips if clip.splits.get(name) == split]
    if not chosen:
        known = sorted({f"{key}: {part}" for clip in clips for key, part in clip.splits.items()})
        raise ValueError(
            f"No clip is in '{split}' of {name}.json; the clips know {known or 'no division'}. "
            "Only clips of the real CRAFT, read with both split files beside the questions, know "
            "theirs; take --split stored otherwise."
        )
    return chosen


def question_set(clips: Sequence[AskedClip]) -> QuestionSet:
    """All questions about these clips.

    Raises:
        ValueError: the clips differ in their rate, or two are of the same video.
    """
    _check_clips(clips)
    size = max(1, min(BLOCK, len(clips) // 4))
    asked, types, items, rows = [], [], [], []
    for row, clip in enumerate(clips):
        for place, question in enumerate(clip.questions):
            kind = str(question.get("question_type", question.get("family", "question")))
            family = str(question.get("family", kind.lower()))
            text, answer = question["question"], str(question["answer"])
            asked.append(AskedQuestion(text, answer, family, clip.group, str(row // size)))
            types.append(kind)
            items.append(f"{clip.key}/{question.get('question_index', place)}")
            rows.append(row)
    numbers = tuple(clip.number for clip in clips)
    return QuestionSet(tuple(asked), tuple(types), tuple(items), np.array(rows), numbers)


def _check_question(question: Any, key: str) -> None:
    for name in ("question", "answer"):
        value = question.get(name) if isinstance(question, dict) else None
        if not isinstance(value, str) or not value.strip():
            raise ValueError(
                f"Clip '{key}': every question needs a text '{name}', came {question!r:.120}."
            )


def _check_clips(clips: Sequence[AskedClip]) -> None:
    rates = sorted({round(clip.fps, 3) for clip in clips})
    if len(rates) > 1:
        raise ValueError(f"Clips of one rate expected, came {rates[:5]} frames per second.")
    keys = {clip.group: clip.key for clip in clips}
    double = [clip for clip in clips if keys[clip.group] != clip.key]
    if double:
        raise ValueError(
            f"{len(double)} clips share a group with another, such as '{double[0].key}' and "
            f"'{keys[double[0].group]}'; questions are about a whole video: cut one clip from each "
            "(--clips_per_video 1)."
        )
