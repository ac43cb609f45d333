"""A small network that reads a question and a clip's frozen tokens, and chooses an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from jepakit.nn.attention import attend
from jepakit.nn.ragged import segment_mean
from jepakit.packing import Packing

Words = Literal["bag", "transformer"]
Head = Literal["attend", "pooled"]


@dataclass(frozen=True)
class AskedBatch:
    """Questions about some clips, those of one clip behind one another.

    Attributes:
        words: number of each word in the vocabulary, question after question.
        by_question: which words are of which question.
        by_clip: which words are of which clip.
        clip: row of each question's clip.
    """

    words: Int[Tensor, " total"]
    by_question: Packing
    by_clip: Packing
    clip: Int[Tensor, " q"]

    @classmethod
    def of(cls, questions: list[Int[Tensor, " _"]], clip: Int[Tensor, " q"]) -> AskedBatch:
        """From the words of every question, and rows of clips that do not fall.

        Raises:
            ValueError: no questions, one without words, or clips in another order.
        """
        lengths = [len(words) for words in questions]
        if not lengths or not min(lengths):
            raise ValueError("Every question needs words, and there must be one.")
        if len(lengths) != len(clip) or (clip.diff() < 0).any():
            raise ValueError("Questions of one clip stand behind one another, clips in order.")
        per_clip = torch.zeros(int(clip.max()) + 1, dtype=torch.int64)
        per_clip.index_add_(0, clip, torch.tensor(lengths))
        return cls(torch.cat(questions), _packed(lengths), _packed(per_clip.tolist()), clip)

    def to(self, device: torch.device | str) -> AskedBatch:
        """The same with its tensors on ``device``."""
        return AskedBatch(
            self.words.to(device),
            self.by_question.to(device),
            self.by_clip.to(device),
            self.clip.to(device),
        )


def _packed(lengths: list[int]) -> Packing:
    longest = max(lengths)
    index = [torch.arange(length) + row * longest for row, length in enumerate(lengths)]
    return Packing.from_index(torch.cat(index), lengths, longest)


class AnswerNetwork(nn.Module):
    """Words look at each other and at the clip; their mean is read by a linear layer.

    ``words``: a ``bag`` knows which words there are and mixes them in the mean alone; a
    ``transformer`` knows their order and lets them attend to each other in every layer.
    ``head``: with ``attend`` every word attends to the clip's tokens in every layer, so that "the
    red cube" can be looked for; with ``pooled`` the question's vector ``q`` meets one vector ``c``
    of the clip, and ``[q, c, q c]`` is read by an MLP.

    Args:
        words: how the question is read.
        head: how the clip is.
        vocabulary: number of words.
        answers: number of answers.
        tokens: of a clip.
        token_width: width of a token.
        longest: most words of a question.
        width: of the network.
        heads: attention heads.
        layers: layers that read the question.
        dropout: share of the activations set to zero in training.
    """

    def __init__(
        self,
        words: Words,
        head: Head,
        *,
        vocabulary: int,
        answers: int,
        tokens: int,
        token_width: int,
        longest: int,
        width: int = 64,
        heads: int = 4,
        layers: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.head: Head = head
        self.register_buffer("mean", torch.zeros(token_width))
        self.register_buffer("scale", torch.ones(token_width))
        self.mean: Tensor
        self.scale: Tensor
        self.embedding = nn.Embedding(vocabulary, width)
        self.order = nn.Embedding(longest, width) if words == "transformer" else None
        if head == "attend":
            self.clip = nn.Linear(token_width, width)
            self.place = nn.Parameter(torch.randn(tokens, width) * 0.5)
        else:
            self.clip = nn.Linear(tokens * token_width, width)
        self.layers = nn.ModuleList(
            ReadingLayer(
                width, heads, mix=words == "transformer", look=head == "attend", dropout=dropout
            )
            for _ in range(layers)
        )
        inputs = width if head == "attend" else 3 * width
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(inputs, 2 * width)
        self.answer = nn.Linear(2 * width, answers)

    def standardise(self, clips: Float[Tensor, "b n d"]) -> None:
        """Shift and scale tokens from now on, so that those of ``clips`` have mean 0, variance 1.

        What does not vary stays 0.
        """
        spread, mean = torch.std_mean(clips.flatten(0, 1), dim=0)
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(spread > 1e-6, 1 / spread, 0.0))

    def forward(
        self, asked: AskedBatch, clips: Float[Tensor, "b n d"] | None
    ) -> Float[Tensor, "q answers"]:
        """Logits of every answer; without ``clips`` from the words alone."""
        x = self.embedding(asked.words)
        if self.order is not None:
            x = x + self.order(asked.by_question.position)
        seen = None
        if clips is not None:
            clips = (clips - self.mean) * self.scale
        if clips is not None and self.head == "attend":
            seen = self.clip(clips) + self.place
        for layer in self.layers:
            x = layer(x, asked, seen)
        q = segment_mean(self.norm(x), asked.by_question)
        if self.head == "pooled":
            c = torch.zeros_like(q) if clips is None else self.clip(clips.flatten(1))[asked.clip]
            q = torch.cat([q, c, q * c], dim=-1)
        return self.answer(F.gelu(self.hidden(q)))


class ReadingLayer(nn.Module):
    """Words attend to words, then to the clip's tokens, each followed by what it adds; an MLP."""

    def __init__(self, width: int, heads: int, *, mix: bool, look: bool, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.mix = nn.Linear(width, 3 * width) if mix else None
        self.look = nn.Linear(width, width) if look else None
        if mix:
            self.norm_mix, self.mixed = nn.LayerNorm(width), nn.Linear(width, width)
        if look:
            self.norm_look, self.norm_seen = nn.LayerNorm(width), nn.LayerNorm(width)
            self.seen, self.looked = nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "total d"], asked: AskedBatch, seen: Float[Tensor, "b n d"] | None
    ) -> Float[Tensor, "total d"]:
        """What the words know after this layer."""
        if self.mix is not None:
            q, k, v = self.mix(self.norm_mix(x)).unflatten(-1, (3, self.heads, -1)).unbind(1)
            mixed = attend(q, k, v, asked.by_question, kernel="padded")
            x = x + self.drop(self.mixed(mixed.flatten(1)))
        if self.look is not None and seen is not None:
            q = self.look(self.norm_look(x)).unflatten(-1, (self.heads, -1))
            kv = self.seen(self.norm_seen(seen)).flatten(0, 1)
            k, v = kv.unflatten(-1, (2, self.heads, -1)).unbind(1)
            tokens = Packing.full(seen.shape[0], seen.shape[1], seen.device)
            looked = attend(q, k, v, asked.by_clip, tokens)
            x = x + self.drop(self.looked(looked.flatten(1)))
        return x + self.drop(self.fc2(F.gelu(self.fc1(self.norm(x)))))
