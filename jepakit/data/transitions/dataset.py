"""Batches of windows of episodes from shards, several windows of each decoded episode."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray

from jepakit.batch import BatchRequest
from jepakit.data.batches import Faults, OrderedBatches
from jepakit.data.order import Order, Position
from jepakit.data.shard_reader import ShardReader
from jepakit.data.stored_sample import StoredSample
from jepakit.data.transitions.episodes import EpisodeArrays
from jepakit.data.transitions.features import CachedFeatures
from jepakit.data.transitions.windows import Windows
from jepakit.transitions import TransitionBatch


class TransitionBatches(OrderedBatches[TransitionBatch]):
    """Whole batches of windows; the windows of an episode follow each other.

    Args:
        reader: of the shards, whose manifest declares actions.
        order: in which episodes are numbered.
        request: what the model takes.
        windows: of each episode.
        features: cached latents, read instead of frames.
        seed: of the run.
        allowed: damaged episodes in a row after which reading stops.
    """

    def __init__(
        self,
        reader: ShardReader,
        *,
        order: Order,
        request: BatchRequest,
        windows: Windows,
        features: CachedFeatures | None = None,
        seed: int = 0,
        allowed: int = 0,
    ) -> None:
        super().__init__(order, request=request, seed=seed, allowed=allowed)
        self.reader = reader
        self.windows = windows
        self.features = features
        self.arrays = EpisodeArrays(reader.manifest.description)

    @property
    def sample_bytes(self) -> int:
        """Bytes of the windows of an episode."""
        if self.features is not None:
            per_frame = 2 * self.features.shape[0] * self.features.shape[1]
        else:
            per_frame = 3 * self.request.size[0] * self.request.size[1]
        return self.windows.count * self.windows.frames * per_frame

    def key(self, number: int) -> str:
        """The name of an episode, without reading it."""
        return self.reader.key(number)

    def __getitem__(self, places: Sequence[Position]) -> tuple[TransitionBatch, Faults]:
        """Read and decode the windows of the episodes at ``places``."""
        batch = self._room(len(places) * self.windows.count)
        keys, faults = self.load(places, partial(self._fill, batch))
        named = tuple(key for of_episode in keys for key in of_episode)
        return TransitionBatch(
            frames=torch.from_numpy(batch["frames"]),
            actions=torch.from_numpy(batch["actions"]),
            states=torch.from_numpy(batch["states"]),
            keys=named,
            features=torch.from_numpy(batch["features"]) if "features" in batch else None,
        ), faults

    def _room(self, rows: int) -> dict[str, ndarray]:
        frames = self.windows.frames
        size = (0, 0) if self.features is not None else self.request.size
        room = {
            "frames": self._memory.take((rows, frames, *size, 3)),
            "actions": np.empty((rows, frames - 1, self.arrays.width), np.float32),
            "states": np.empty((rows, frames, self.arrays.states_width), np.float32),
        }
        if self.features is not None:
            tokens, width = self.features.shape
            memory = self._memory.take((rows, frames, tokens, 2 * width))
            room["features"] = memory.view(np.float16)
        return room

    def _fill(self, batch: dict[str, ndarray], number: int, epoch: int, row: int) -> list[str]:
        """Cut the windows of an episode into their rows; returns their names."""
        with self.reader.open(number) as stored:
            actions, states = self.arrays.actions(stored), self.arrays.states(stored)
            frames = self._frames(stored) if self.features is None else None
            starts = self.windows.starts(epoch, stored.key)
        length = self.windows.frames
        for place, start in enumerate(starts, row * self.windows.count):
            batch["actions"][place] = actions[start : start + length - 1]
            batch["states"][place] = states[start : start + length]
            if frames is not None:
                batch["frames"][place] = frames[start : start + length]
            if self.features is not None:
                batch["features"][place] = self.features.window(number, start, length)
        return [f"{stored.key}--{start}" for start in starts]

    def _frames(self, stored: StoredSample) -> UInt8[ndarray, "t h w 3"]:
        return stored.frames(out=self._memory.take((*self.reader.form.shape, 3)))
