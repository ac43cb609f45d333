"""The options of ``evaluate.py cophy``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["frozen", "finetune"]


@dataclass(frozen=True)
class CophyOptions:
    """How counterfactual prediction is measured.

    Args:
        mode: Train the head on frozen features, or go on from there with the encoder, at a tenth of
            the learning rate it was pretrained with and the head at its own.
        task: One task of the data, or all that are there.
        train_split: Pairs that heads learn from.
        test_split: Pairs that they are judged on; auto takes test where there is one, else val.
        checkpoint: The last state, or the one with the best monitored value.
        encoder: The moving-average target encoder, or the context encoder.
        train_pairs: Pairs of a task to learn from, the first ones; 0 takes all.
        test_pairs: Pairs of a task to be judged on, the first ones; 0 takes all.
        steps: Steps of the head on frozen features.
        batch_size: Pairs per step.
        lr: Learning rate of the head.
        finetune_steps: Steps with the encoder (finetune).
        finetune_batch_size: Pairs per such step.
        seeds: Draws of the heads' weights, and of the untrained encoder's.
        draws: Bootstrap draws, of pairs.
        seed: Of the first of the seeds, and of the bootstrap.
        device: Where models run; auto takes a GPU where there is one.
    """

    mode: Mode = "frozen"
    task: Literal["all", "balls", "blocks", "collisions"] = "all"
    train_split: str = "train"
    test_split: str = "auto"
    checkpoint: Literal["last", "best"] = "last"
    encoder: Literal["target", "context"] = "target"
    train_pairs: int = 2000
    test_pairs: int = 0
    steps: int = 600
    batch_size: int = 32
    lr: float = 5e-3
    finetune_steps: int = 100
    finetune_batch_size: int = 16
    seeds: int = 1
    draws: int = 2000
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse counts below what makes sense."""
        least = min(self.seeds, self.draws, self.steps, self.finetune_steps, self.batch_size)
        if min(least, self.finetune_batch_size) < 1 or min(self.train_pairs, self.test_pairs) < 0:
            raise ValueError(f"Steps, batches, seeds and draws must be 1 or more, got {self}.")
