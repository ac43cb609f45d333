"""Trains an answer network on the questions of some clips, chosen early on those of others."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from jepakit.evals.probes.linear_probe import draw_groups
from jepakit.evals.questions.asked import QuestionSet
from jepakit.evals.questions.network import AnswerNetwork, AskedBatch, Head, Words
from jepakit.evals.questions.vocabulary import Vocabulary
from jepakit.seeds import derive_seed
from jepakit.training.schedules import warmup_cosine


@dataclass(frozen=True)
class Reading:
    """How answers are learnt.

    Attributes:
        words: how the question is read, see :class:`jepakit.evals.questions.network.AnswerNetwork`.
        head: how the clip is.
        width: of the network.
        heads: its attention heads.
        layers: its layers.
        dropout: share of activations set to zero in training.
        steps: optimizer steps (AdamW).
        clips: per step, with all of their questions.
        lr: learning rate after a warm-up over a twentieth of the steps; a cosine ends it at 0.
        weight_decay: of every parameter.
        checks: times that the accuracy on the selection clips is taken; the best state is kept.
        selection: share of the training clips that are only used for this choice.
    """

    words: Words = "transformer"
    head: Head = "pooled"
    width: int = 64
    heads: int = 4
    layers: int = 2
    dropout: float = 0.0
    steps: int = 600
    clips: int = 8
    lr: float = 5e-3
    weight_decay: float = 0.05
    checks: int = 10
    selection: float = 0.2

    def __post_init__(self) -> None:
        """Refuse what no training can mean."""
        for name in ("steps", "clips", "checks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")


@dataclass(frozen=True)
class ReadQuestions:
    """Questions as numbers, in the order of their clips.

    Attributes:
        words: of every question.
        labels: answers, -1 where training has none such.
        clip: row of each question's clip.
        parts: neighbouring clips, never divided.
    """

    words: tuple[Int[Tensor, " _"], ...]
    labels: Int[Tensor, " q"]
    clip: Int[np.ndarray, " q"]
    parts: np.ndarray

    @classmethod
    def of(cls, questions: QuestionSet, vocabulary: Vocabulary) -> ReadQuestions:
        """By the training vocabulary."""
        words = tuple(vocabulary.encode(question.text) for question in questions.asked)
        labels = vocabulary.labels(questions.asked)
        return cls(words, labels, questions.clip, questions.parts)

    def about(self, clips: Sequence[int]) -> tuple[AskedBatch, Int[Tensor, " q"], list[int]]:
        """Questions about these clips, their answers, and the questions' numbers."""
        rows: list[int] = []
        clip: list[int] = []
        for place, number in enumerate(clips):
            found = self._rows(number)
            rows.extend(found)
            clip.extend([place] * len(found))
        batch = AskedBatch.of([self.words[row] for row in rows], torch.tensor(clip))
        return batch, self.labels[rows], rows

    def _rows(self, clip: int) -> range:
        first, last = np.searchsorted(self.clip, [clip, clip + 1])
        return range(int(first), int(last))


@dataclass(frozen=True)
class TrainedReader:
    """A trained network, what it was given, and how far it came on the selection clips.

    Attributes:
        network: in evaluation mode.
        step: after which it was best.
        selection_accuracy: there.
        train_accuracy: on the clips learnt from, at that step.
    """

    network: AnswerNetwork
    step: int
    selection_accuracy: float
    train_accuracy: float

    @property
    def facts(self) -> dict[str, float]:
        """The three numbers."""
        return {
            "step": float(self.step),
            "selection_accuracy": self.selection_accuracy,
            "train_accuracy": self.train_accuracy,
        }


def train_reader(
    tokens: Float[Tensor, "n t d"] | None,
    questions: ReadQuestions,
    vocabulary: Vocabulary,
    reading: Reading,
    *,
    seed: int,
    device: torch.device | str = "cpu",
) -> TrainedReader:
    """Learn on most of the clips, and keep the state that is best on the rest.

    Args:
        tokens: of every training clip; None answers from the words alone.
        questions: about these clips.
        vocabulary: of these questions.
        reading: how.
        seed: of the selection clips, the weights, the order and the dropout.
        device: where it is trained.

    Raises:
        ValueError: too few clips for both parts.
    """
    rng = np.random.default_rng(derive_seed("selection", seed))
    selected = draw_groups(questions.parts, reading.selection, rng)
    chosen, learnt = (np.unique(questions.clip[mask]).tolist() for mask in (selected, ~selected))
    devices = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(derive_seed("reader", seed))
        network = build_network(tokens, vocabulary, reading).to(device)
        if tokens is not None:
            network.standardise(tokens[learnt].float())
        return _train(network, tokens, questions, reading, learnt, chosen, rng)


def build_network(
    tokens: Float[Tensor, "n t d"] | None, vocabulary: Vocabulary, reading: Reading
) -> AnswerNetwork:
    """A network for such tokens and words; weights come from torch's global generator."""
    length, token_width = (1, 1) if tokens is None else tokens.shape[1:]
    return AnswerNetwork(
        reading.words,
        reading.head,
        vocabulary=len(vocabulary),
        answers=len(vocabulary.answers),
        tokens=length,
        token_width=token_width,
        longest=vocabulary.longest,
        width=reading.width,
        heads=reading.heads,
        layers=reading.layers,
        dropout=reading.dropout,
    )


@torch.no_grad()
def answered(
    network: AnswerNetwork,
    tokens: Float[Tensor, "n t d"] | None,
    questions: ReadQuestions,
    clips: Sequence[int],
    *,
    at_once: int = 32,
) -> Bool[np.ndarray, " q"]:
    """Which questions about these clips are answered rightly, clip after clip."""
    device, right = network.answer.weight.device, []
    for start in range(0, len(clips), at_once):
        some = clips[start : start + at_once]
        batch, labels, _ = questions.about(some)
        seen = None if tokens is None else tokens[some].to(device).float()
        guess = network(batch.to(device), seen).argmax(dim=-1).cpu()
        right.append((guess == labels).numpy())
    return np.concatenate(right)


def _train(
    network: AnswerNetwork,
    tokens: Float[Tensor, "n t d"] | None,
    questions: ReadQuestions,
    reading: Reading,
    learnt: list[int],
    chosen: list[int],
    rng: np.random.Generator,
) -> TrainedReader:
    device = network.answer.weight.device
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=reading.weight_decay)
    best: tuple[float, int, dict[str, Tensor], float] = (-1.0, 0, {}, 0.0)
    every, right, asked = max(1, reading.steps // reading.checks), 0, 0
    draws = _endless(learnt, reading.clips, rng)
    for step in range(1, reading.steps + 1):
        rate = warmup_cosine(
            step - 1,
            start=0.0,
            peak=reading.lr,
            end=0.0,
            warmup=reading.steps // 20,
            total=reading.steps,
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        some = next(draws)
        batch, labels, _ = questions.about(some)
        seen = None if tokens is None else tokens[some].to(device).float()
        logits, labels = network(batch.to(device), seen), labels.to(device)
        optimizer.zero_grad()
        F.cross_entropy(logits, labels).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        right += int((logits.argmax(-1) == labels).sum())
        asked += len(labels)
        if step % every == 0 or step == reading.steps:
            network.eval()
            accuracy = float(answered(network, tokens, questions, chosen).mean())
            network.train()
            if accuracy > best[0]:
                best = accuracy, step, copy.deepcopy(network.state_dict()), right / asked
            right = asked = 0
    network.load_state_dict(best[2])
    return TrainedReader(network.eval(), best[1], best[0], best[3])


def _endless(rows: list[int], size: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Clips in ever new orders, ascending within a batch."""
    size = min(size, len(rows))
    while True:
        order = rng.permutation(rows)
        for start in range(0, len(rows) - size + 1, size):
            yield sorted(order[start : start + size].tolist())
