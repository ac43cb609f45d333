"""Pairs of clips (ab, cd) out of a data set: where every object was and would have been."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from jepakit.data.shard_reader import ShardReader

TASKS = {"ballsCF": "balls", "blocktowerCF": "blocks", "collisionCF": "collisions"}
"""What the folders of CoPhy are called here; a pair's group begins with its folder."""

ADVICE = (
    "expected pairs of clips with states, written by `python -m data_prep cophy_like --out DIR`, "
    "or by `python -m data_prep cophy PATH --masks given --out DIR` from CoPhy (Zenodo record "
    "3674790): folders ballsCF/COUNT/ID, blocktowerCF/COUNT/ID or collisionCF/ID with ab/ and cd/"
)


@dataclass(frozen=True)
class Half:
    """One clip: its number in the split, positions in m (zeros where absent), details."""

    number: int
    positions: Float[np.ndarray, "t k p"]
    details: Mapping[str, Any]
    fps: float


@dataclass(frozen=True)
class Pairs:
    """The pairs of one task, in a fixed layout of rows (colours).

    Attributes:
        names: of the pairs; each is a group of its own.
        past_clips, future_clips: numbers of the clips ab and cd in their split.
        past, future: positions in ab and cd, m; zeros where an object is absent.
        before, present: whether an object is there in ab, and in cd.
        details: of each cd.
        fps: frames per second of all clips, Hz.
    """

    names: tuple[str, ...]
    past_clips: tuple[int, ...]
    future_clips: tuple[int, ...]
    past: Float[np.ndarray, "s t k p"]
    future: Float[np.ndarray, "s t k p"]
    before: Bool[np.ndarray, "s k"]
    present: Bool[np.ndarray, "s k"]
    details: tuple[Mapping[str, Any], ...]
    fps: float

    def __len__(self) -> int:
        """How many."""
        return len(self.names)

    def first(self, count: int) -> Pairs:
        """The first ``count`` pairs; 0 takes all."""
        if not count or count >= len(self):
            return self
        return Pairs(
            self.names[:count],
            self.past_clips[:count],
            self.future_clips[:count],
            self.past[:count],
            self.future[:count],
            self.before[:count],
            self.present[:count],
            self.details[:count],
            self.fps,
        )


def read_pairs(reader: ShardReader) -> dict[str, Pairs]:
    """All pairs of a split by task; only the first clip of a video that gave several is used.

    Raises:
        ValueError: clips without states or halves, a pair with one half missing, clips at several
            rates, or halves that do not fit each other.
    """
    found: dict[str, dict[str, Half]] = {}
    for number in range(len(reader)):
        with reader.open(number) as stored:
            details = stored.meta["details"]
            if details.get("half") not in ("ab", "cd") or "group" not in details:
                raise ValueError(
                    f"Clip '{stored.key}' of {reader.path} is no half of a pair: {ADVICE}."
                )
            if "frames" in details and details["frames"][0] != 0:
                continue
            positions = _positions(stored.array("states"), details, f"Clip '{stored.key}'")
            half = Half(number, positions, details, float(stored.meta["fps"]))
        halves = found.setdefault(str(details["group"]), {})
        if details["half"] in halves:
            raise ValueError(f"Pair '{details['group']}' has its half '{details['half']}' twice.")
        halves[details["half"]] = half
    _refuse_single(found, reader)
    tasks: dict[str, dict[str, dict[str, Half]]] = {}
    for name, halves in found.items():
        folder = name.split("/")[0]
        tasks.setdefault(TASKS.get(folder, folder), {})[name] = halves
    return {task: _stacked(task, pairs) for task, pairs in tasks.items()}


def _positions(states: Any, details: Mapping[str, Any], clip: str) -> Float[np.ndarray, "t k p"]:
    told = details.get("states")
    names = told.get("names", []) if isinstance(told, Mapping) else []
    columns = [i for i, name in enumerate(names) if str(name).startswith("position_")]
    if states is None or not columns or states.shape[-1] != len(names):
        raise ValueError(f"{clip} has no states that name positions: {ADVICE}.")
    return states[..., columns].astype(np.float64)


def _refuse_single(found: Mapping[str, Mapping[str, Half]], reader: ShardReader) -> None:
    single = sorted(name for name, halves in found.items() if len(halves) < 2)
    if single:
        there = next(iter(found[single[0]]))
        other = "cd" if there == "ab" else "ab"
        raise ValueError(
            f"Pair '{single[0]}' has no '{other}' in split '{reader.split}' of {reader.path} "
            f"({len(single)} of {len(found)} pairs lack a half). Was it rejected? See "
            f"{Path(reader.path) / 'rejects.json'}."
        )


def _stacked(task: str, pairs: Mapping[str, Mapping[str, Half]]) -> Pairs:
    rates = sorted({half.fps for halves in pairs.values() for half in halves.values()})
    shapes = {half.positions.shape for halves in pairs.values() for half in halves.values()}
    if len(rates) > 1 or len(shapes) > 1:
        raise ValueError(
            f"All clips of '{task}' must have one rate and one layout of states; there are "
            f"{rates} Hz and shapes {sorted(shapes)}."
        )
    past = np.stack([halves["ab"].positions for halves in pairs.values()])
    future = np.stack([halves["cd"].positions for halves in pairs.values()])
    present = np.abs(future[:, 0]).sum(axis=-1) > 0
    empty = [name for name, row in zip(pairs, present, strict=True) if not row.any()]
    if empty:
        raise ValueError(f"Pair '{empty[0]}' has no object at the start of its 'cd'.")
    return Pairs(
        names=tuple(pairs),
        past_clips=tuple(halves["ab"].number for halves in pairs.values()),
        future_clips=tuple(halves["cd"].number for halves in pairs.values()),
        past=past,
        future=future,
        before=np.abs(past[:, 0]).sum(axis=-1) > 0,
        present=present,
        details=tuple(halves["cd"].details for halves in pairs.values()),
        fps=rates[0],
    )
