"""How an evaluation on CRAFT's questions is done; light enough to be read for ``--help``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class CraftOptions:
    """How questions about clips are answered.

    Args:
        split: The data set's own split, or CRAFT's random or hard one (layouts never seen).
        train_split: Clips whose questions are learnt from; a share of them chooses when to stop.
        test_split: Clips whose questions are judged.
        checkpoint: The last state, or the one with the best monitored value.
        encoder: The moving-average target encoder, or the context encoder.
        words: Read a question as a bag of words, or by a small transformer.
        head: The question meets one vector of the clip (better in 600 steps), or attends to tokens.
        grid: Tokens are averaged to so many rows and columns at most, where words attend to them.
        steps: Optimizer steps of every reader of questions.
        seeds: Repetitions; each has its own selection clips, weights and untrained network.
        unknown_words: What to do about test questions with words that training never has.
        draws: Bootstrap draws, of whole clips or what they are grouped by.
        batch_size: Clips per forward pass of the encoders.
        device: Where networks run; auto takes a GPU where there is one.
    """

    split: Literal["stored", "random", "hard"] = "stored"
    train_split: str = "train"
    test_split: str = "test"
    checkpoint: Literal["last", "best"] = "last"
    encoder: Literal["target", "context"] = "target"
    words: Literal["bag", "transformer"] = "transformer"
    head: Literal["attend", "pooled"] = "pooled"
    grid: int = 8
    steps: int = 600
    seeds: int = 3
    unknown_words: Literal["refuse", "accept"] = "refuse"
    draws: int = 2000
    batch_size: int = 64
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse counts below 1."""
        for name in ("grid", "steps", "seeds", "draws", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
