"""From a run folder and clips with questions to the accuracies of its encoder and of controls."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from rich.progress import Progress
from torch import Tensor

from jepakit.counted import counted
from jepakit.data.shard_reader import ShardReader
from jepakit.evals.probes.controls import random_init
from jepakit.evals.probes.probe_result import ENCODER
from jepakit.evals.probes.run_probe import PIXELS, RANDOM, encoder_of
from jepakit.evals.probes.text_baseline import AskedQuestion
from jepakit.evals.questions.asked import (
    AskedClip,
    of_division,
    question_set,
    read_clips,
)
from jepakit.evals.questions.checks import check_apart, check_whole, rate_warning
from jepakit.evals.questions.clip_tokens import (
    Tokeniser,
    clip_tokens,
    encoder_tokens,
    pixel_tokens,
    pooled_grid,
    reduce_pixel_tokens,
)
from jepakit.evals.questions.options import CraftOptions
from jepakit.evals.questions.result import Answers, CraftResult
from jepakit.evals.questions.training import (
    Reading,
    ReadQuestions,
    answered,
    train_reader,
)
from jepakit.evals.questions.vocabulary import Vocabulary
from jepakit.evals.removals.causal_fidelity import advancing
from jepakit.protocols import Encoder
from jepakit.training.module import JepaModule
from jepakit.training.runs import build_run, load_run

TEXT, MAJORITY = "text only", "majority"
Parts = tuple[Tensor | None, Tensor | None]
"""Tokens of the training and of the test clips."""


class RunCraft:
    """A trained run, its untrained twins, and clips with questions to learn from and to judge on.

    Args:
        run: the run folder.
        data: the data set.
        options: what is done.

    Raises:
        FileNotFoundError: no run, or no such checkpoint.
        ValueError: no encoder of clips; no such data set or split; no questions, or none that can
            be learnt; clips that the model cannot take or of which it would see a part; unknown
            words; or clips of one group on both sides.
    """

    def __init__(self, run: Path, data: str, *, options: CraftOptions | None = None) -> None:
        self.run, self.data, self.options = run, data, options or CraftOptions()
        device = self.options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self.trained = self._encoder(load_run(run, self.options.checkpoint))
        self._readers, clips = self._clips()
        self.train, self.test = (question_set(part) for part in clips)
        check_apart(self.train, self.test)
        check_whole(self._readers[0].form, self.trained.request)
        self.vocabulary = Vocabulary.of(self.train.asked)
        told = (
            self.vocabulary.check_words(self.test.asked, self.options.unknown_words),
            self.vocabulary.unseen_answers(self.test.asked),
            rate_warning(run, clips),
        )
        self.warnings = tuple(text for text in told if text)
        self._untrained = [
            self._encoder(random_init(lambda: build_run(run), seed))
            for seed in range(self.options.seeds)
        ]

    def measure(self, progress: Progress | None = None) -> CraftResult:
        """Take the tokens of every clip once, train a reader per entrant and seed, and judge."""
        tokens = self._tokens(progress)
        o, seeds = self.options, range(self.options.seeds)
        told = advancing(progress, "readers", 4 * o.seeds)
        which = "EMA target encoder" if o.encoder == "target" else "context encoder"
        tt, hh, ww = pooled_grid(self.trained.request.grid, self._side)
        kept = f"{tt} x {hh} x {ww} tokens of {self.trained.width} values"
        notes = {
            ENCODER: f"the trained {which}, frozen, {kept}",
            RANDOM: f"the same network untrained, {counted(o.seeds, 'draw')} of its weights, one "
            "a seed",
            PIXELS: "the pixels of each token's place, 4 x 4 in every frame, "
            f"{tokens[PIXELS][0].shape[-1]} principal components of the training clips",
            TEXT: "the same reader of questions without any clip",
        }
        entrants: dict[str, Sequence[Parts]] = {
            ENCODER: [tokens[ENCODER]] * o.seeds,
            RANDOM: [tokens[f"{RANDOM} {seed}"] for seed in seeds],
            PIXELS: [tokens[PIXELS]] * o.seeds,
            TEXT: [(None, None)] * o.seeds,
        }
        answers = {
            name: self._answers(notes[name], parts, told) for name, parts in entrants.items()
        }
        answers[MAJORITY] = Answers(
            "the most frequent training answer of the question's family",
            majority_answers(self.train.asked, self.test.asked)[None],
        )
        return CraftResult.of(answers, self.test, self._source(), self.warnings, draws=o.draws)

    @property
    def reading(self) -> Reading:
        """How answers are learnt."""
        o = self.options
        return Reading(words=o.words, head=o.head, steps=o.steps)

    @property
    def _side(self) -> int:
        return self.options.grid if self.options.head == "attend" else 1

    def _answers(
        self,
        note: str,
        parts: Sequence[Parts],
        told: Callable[[int], None] | None,
    ) -> Answers:
        train, test = (ReadQuestions.of(part, self.vocabulary) for part in (self.train, self.test))
        right, facts = [], []
        for seed, (learnt, judged) in enumerate(parts):
            reader = train_reader(
                learnt, train, self.vocabulary, self.reading, seed=seed, device=self.device
            )
            clips = range(len(self.test.clips))
            right.append(answered(reader.network, judged, test, clips))
            facts.append(reader.facts)
            if told:
                told(1)
        return Answers(note, np.stack(right).astype(np.float64), tuple(facts))

    def _tokens(self, progress: Progress | None) -> dict[str, tuple[Tensor, Tensor]]:
        """Of training and test clips, by entrant."""
        side, request = self._side, self.trained.request
        tokenisers: dict[str, Tokeniser] = {ENCODER: encoder_tokens(self.trained, side)}
        for seed, encoder in enumerate(self._untrained):
            tokenisers[f"{RANDOM} {seed}"] = encoder_tokens(encoder, side)
        tokenisers[PIXELS] = pixel_tokens(request, side)
        train, test = (
            clip_tokens(
                reader,
                part.clips,
                request,
                tokenisers,
                batch_size=self.options.batch_size,
                device=self.device,
                told=advancing(progress, f"tokens of {name} clips", len(part.clips)),
            )
            for name, reader, part in zip(
                ("training", "test"), self._readers, (self.train, self.test), strict=True
            )
        )
        both = torch.cat([train[PIXELS], test[PIXELS]])
        count, width = len(self.train.clips), self.trained.width
        reduced = reduce_pixel_tokens(both, range(count), width=width)
        found = {name: (train[name], test[name]) for name in train}
        return found | {PIXELS: (reduced[:count], reduced[count:])}

    def _encoder(self, module: JepaModule) -> Encoder:
        return encoder_of(module.to(self.device), self.options.encoder)

    def _clips(self) -> tuple[list[ShardReader], tuple[list[AskedClip], list[AskedClip]]]:
        o = self.options
        if o.split == "stored":
            first = ShardReader(self.data, split=o.train_split)
            asked = read_clips(first)  # without questions a missing test split is not the news
            second = ShardReader(self.data, split=o.test_split)
            return [first, second], (asked, read_clips(second))
        reader = ShardReader(self.data)
        clips = read_clips(reader)
        train, test = (of_division(clips, o.split, part) for part in (o.train_split, o.test_split))
        return [reader, reader], (train, test)

    def _source(self) -> dict[str, str]:
        o = self.options
        data = f"{Path(self.data).name}, fingerprint {self._readers[0].manifest.fingerprint}"
        return {
            "run": f"{self.run.name}, {o.checkpoint} checkpoint",
            "data": f"{data}, {o.split} split",
            "training": f"{len(self.train)} questions about {len(self.train.clips)} clips, "
            f"{len(self.vocabulary.words)} words, {len(self.vocabulary.answers)} answers",
            "test": f"{len(self.test)} questions about {len(self.test.clips)} clips",
            "reader": f"{o.words}, {o.head}, {counted(o.steps, 'step')}, "
            f"{counted(o.seeds, 'seed')}; the best of "
            f"{self.reading.checks} states on {self.reading.selection:.0%} of the training clips",
        }


def majority_answers(
    train: Sequence[AskedQuestion], test: Sequence[AskedQuestion]
) -> Float[np.ndarray, " q"]:
    """1 where a test question has the most frequent training answer of its family."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for question in train:
        seen[question.family][question.answer] += 1
    # Of equally frequent answers the first in the alphabet.
    best = {family: min(n, key=lambda a: (-n[a], a)) for family, n in seen.items()}
    return np.array([float(best.get(q.family) == q.answer) for q in test])
