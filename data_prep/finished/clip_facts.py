"""What metadata and coverage say of clips, read without decoding a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from jepakit.data.schema import BadSample
from jepakit.data.shard_reader import ShardReader
from jepakit.data.stored_sample import StoredSample

ELIGIBLE = (0.05, 0.40)  # Causal-JEPA, section 4.4: the default of jepakit.masks.ObjectMasker


def spread(total: int, count: int) -> list[int]:
    """``count`` of the numbers below ``total``, evenly spread; all of them where these are less."""
    count = min(total, count)
    return [(2 * place + 1) * total // (2 * count) for place in range(count)]


def token_shares(coverage: UInt8[ndarray, "k tt hh ww"]) -> Float[ndarray, " k"]:
    """Share of the clip's tokens in which each object appears, as object masks count."""
    tokens = coverage[0].size if len(coverage) else 1
    return np.count_nonzero(coverage, axis=(1, 2, 3)) / tokens


def eligible_objects(
    coverage: UInt8[ndarray, "k tt hh ww"], area: tuple[float, float] = ELIGIBLE
) -> Bool[ndarray, " k"]:
    """Objects that may be hidden: neither absent, nor smaller or larger than ``area``."""
    share = token_shares(coverage)
    return (share > 0) & (share >= area[0]) & (share <= area[1])


@dataclass(frozen=True)
class ClipFacts:
    """One clip in numbers.

    Attributes:
        split: that it belongs to.
        fps: frames per second (Hz).
        seconds: from its first frame to the end of its last one.
        areas: mean share of the picture of each object, over the frames that show it.
        tokens: share of the clip's tokens in which each object appears.
        eligible: whether each object may be hidden.
        visible: share of the frames that show each object.
        labels: numbers of the clip, NaN where undefined.
        method: how its objects were found; None where the makers of the clip do not say.
        dropped: proposals and objects that were left out, by the reason.
        quality: figures of the masks by name.
    """

    split: str
    fps: float
    seconds: float
    areas: tuple[float, ...]
    tokens: tuple[float, ...]
    eligible: tuple[bool, ...]
    visible: tuple[float, ...]
    labels: Mapping[str, float]
    method: str | None
    dropped: Mapping[str, int]
    quality: Mapping[str, float]

    @classmethod
    def of(cls, stored: StoredSample, split: str, area: tuple[float, float]) -> ClipFacts:
        """From a stored clip.

        Raises:
            BadSample: metadata or coverage are damaged.
        """
        meta, coverage = stored.meta, stored.coverage()
        masks = meta["details"].get("masks") or {}
        by_frame = [np.array(entry["area"], dtype=float) for entry in meta["objects"]]
        return cls(
            split=split,
            fps=float(meta["fps"]),
            seconds=meta["times"][-1] - meta["times"][0] + 1 / meta["fps"],
            areas=tuple(float(a[a > 0].mean()) if a.any() else 0.0 for a in by_frame),
            tokens=tuple(token_shares(coverage).tolist()),
            eligible=tuple(eligible_objects(coverage, area).tolist()),
            visible=tuple(float((a > 0).mean()) for a in by_frame),
            labels=meta["labels"],
            method=masks.get("method"),
            dropped=masks.get("dropped") or {},
            quality=masks.get("quality") or {},
        )


def splits_of(reader: ShardReader) -> list[str]:
    """The split of every clip of a reader, by its number."""
    return [shard.split for shard in reader.shards for _ in range(shard.samples)]


def read_facts(
    reader: ShardReader,
    numbers: Iterable[int],
    area: tuple[float, float] = ELIGIBLE,
) -> Iterator[ClipFacts | BadSample]:
    """Facts of clips of a reader; for a damaged one, what is wrong with it."""
    splits = splits_of(reader)
    for number in numbers:
        try:
            with reader.open(number) as stored:
                yield ClipFacts.of(stored, splits[number], area)
        except BadSample as error:
            yield error
