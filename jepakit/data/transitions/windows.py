"""Which frames of an episode a model sees: random windows in training, evenly spread otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from jepakit.seeds import generator


@dataclass(frozen=True)
class Windows:
    """Windows of consecutive frames; every draw is a function of (seed, epoch, key).

    Attributes:
        episode: frames of an episode.
        frames: frames of a window.
        count: windows of each visited episode. Decoding the episode dominates, so that eight
            windows cost little more than one; they differ from each other.
        seed: of the draws.
        random: draw windows for training; False spreads them evenly, a single one in the middle.
    """

    episode: int
    frames: int
    count: int = 1
    seed: int = 0
    random: bool = True

    def __post_init__(self) -> None:
        """Refuse windows that episodes do not have."""
        if not 2 <= self.frames <= self.episode:
            raise ValueError(
                f"The model takes windows of {self.frames} frames, the episodes have "
                f"{self.episode}. Ask for 2 to {self.episode} frames, or prepare longer episodes."
            )
        if not 1 <= self.count <= self.choices:
            raise ValueError(
                f"windows_per_episode={self.count}, but episodes of {self.episode} frames have "
                f"{self.choices} windows of {self.frames}."
            )

    @property
    def choices(self) -> int:
        """Windows that an episode has."""
        return self.episode - self.frames + 1

    def starts(self, epoch: int, key: str) -> list[int]:
        """First frames of the windows of an episode."""
        if not self.random:
            return [(2 * i + 1) * self.choices // (2 * self.count) for i in range(self.count)]
        draws = generator("window", self.seed, epoch, key)
        return torch.randperm(self.choices, generator=draws)[: self.count].tolist()
