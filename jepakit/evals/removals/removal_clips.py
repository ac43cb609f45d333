"""Clips with the same clips simulated again without each object, as a model sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped, UInt8

from jepakit.batch import BatchRequest
from jepakit.data.coverage import coverage_of
from jepakit.data.schema import Counterfactual
from jepakit.data.shard_reader import ShardReader
from jepakit.data.stored_sample import StoredSample
from jepakit.data.views import View, Views

ADVICE = "prepare the data with `python -m data_prep scenes --counterfactuals all`"


@dataclass(frozen=True)
class RemovalClip:
    """A clip, its objects, and what happens without each of some of them.

    Attributes:
        key: name of the clip.
        group: clips of one group (scene) are not independent.
        frames: RGB, 0..255.
        labels: label map; 0 background, ``i`` object ``i``.
        coverage: of the tokens by objects, see :class:`jepakit.batch.SceneBatch`.
        movable: whether each object can move; all of them where the data do not say.
        without: frames and label maps by the id of the object that is missing.
        contacts: rows (step, a, b, impulse) of the clip, or None where none are stored.
        states: of the objects at each frame, or None.
        steps: simulation steps from the start to the last frame seen.
        details: what the data set says of the clip's origin.
        fps: frames per second, Hz.
    """

    key: str
    group: str
    frames: UInt8[np.ndarray, "t h w 3"]
    labels: UInt8[np.ndarray, "t h w"]
    coverage: UInt8[np.ndarray, "k tt hh ww"]
    movable: Bool[np.ndarray, " k"]
    without: dict[int, Counterfactual]
    contacts: Shaped[np.ndarray, " c"] | None
    states: Shaped[np.ndarray, "t k s"] | None
    steps: int
    details: dict[str, Any]
    fps: float

    @property
    def tokens(self) -> UInt8[np.ndarray, "k n"]:
        """Coverage with the token grid flattened."""
        return self.coverage.reshape(len(self.coverage), -1)

    @property
    def removable(self) -> list[int]:
        """Ids of the objects with a re-simulation that the clip shows, and not everywhere."""
        touched = self.tokens > 0
        return [
            i for i in sorted(self.without) if touched[i - 1].any() and not touched[i - 1].all()
        ]


class RemovalClips:
    """The clips of a split that have re-simulations, read one by one.

    Args:
        path: the data set.
        request: the clips that the model takes; larger ones are cut from their first frame on.
        split: of the data set.

    Raises:
        ValueError: no such data set or split, clips that the model cannot take, or none with a
            re-simulation.
    """

    def __init__(self, path: str, request: BatchRequest, *, split: str) -> None:
        self.reader = ShardReader(path, split=split)
        self.views = Views(self.reader.form, request, random=False)
        if not sum(shard.counts["with_counterfactuals"] for shard in self.reader.shards):
            raise ValueError(
                f"Split '{split}' of {path} has no clip that was simulated again without an "
                f"object, so the effect of a removal is not known; {ADVICE}."
            )

    def __len__(self) -> int:
        """Clips of the split, those without re-simulations included."""
        return len(self.reader)

    def __iter__(self) -> Iterator[RemovalClip]:
        """Clips in stored order; those without a re-simulation are passed over."""
        for number in range(len(self.reader)):
            with self.reader.open(number) as stored:
                if stored.meta["counterfactuals"]:
                    yield self._clip(stored)

    def _clip(self, stored: StoredSample) -> RemovalClip:
        meta, view = stored.meta, self.views.choose(0, stored.key)
        labels = np.ascontiguousarray(view.cut(stored.labels()))
        patch, tubelet = self.views.request.patch, self.views.request.tubelet
        last = range(*view.frames.indices(self.reader.form.frames))[-1]
        return RemovalClip(
            key=stored.key,
            group=str(meta["details"].get("group", stored.key)),
            frames=np.ascontiguousarray(view.cut(stored.frames())),
            labels=labels,
            coverage=coverage_of(labels, stored.objects, patch=patch, tubelet=tubelet),
            movable=np.array([bool(entry.get("dynamic", True)) for entry in meta["objects"]]),
            without={i: _cut(stored, i, view) for i in meta["counterfactuals"]},
            contacts=stored.array("contacts"),
            states=stored.array("states"),
            steps=round((meta["times"][last] - meta["times"][0]) * STEP_RATE),
            details=meta["details"],
            fps=float(meta["fps"]),
        )


STEP_RATE = 60  # Hz, of every world of this project


def _cut(stored: StoredSample, identity: int, view: View) -> Counterfactual:
    return Counterfactual(
        np.ascontiguousarray(view.cut(stored.frames(without=identity))),
        np.ascontiguousarray(view.cut(stored.labels(without=identity))),
    )
