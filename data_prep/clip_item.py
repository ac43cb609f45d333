"""A video of a source as an item of a data job: cut into clips, its objects found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from jaxtyping import Int, Integer, UInt8
from numpy import ndarray

from data_prep.footage import Footage, Reader
from data_prep.masks.objects import Masks, Objects
from data_prep.pictures import Fit, fitted, fitted_ids
from data_prep.windows import Windows
from jepakit.data.metadata import build_meta
from jepakit.data.schema import ClipFormat, Sample


@dataclass(frozen=True)
class Making:
    """How videos become clips.

    Attributes:
        source: where the videos come from.
        licence: of the videos.
        windows: which frames.
        fit: of pictures that are not square.
        masks: how objects are found.
    """

    source: str
    licence: str
    windows: Windows
    fit: Fit
    masks: Masks


@dataclass(frozen=True)
class Clip:
    """A window of a video in the sizes that are needed.

    Attributes:
        window: frame numbers.
        frames: in the size of the data set.
        fine: in the size in which masks are sought; the same array where that is the same size.
        truth: the source's own masks, in the size of the data set.
    """

    window: Int[ndarray, " t"]
    frames: UInt8[ndarray, "t h w 3"]
    fine: UInt8[ndarray, "t h2 w2 3"]
    truth: Integer[ndarray, "t h w"] | None


@dataclass(frozen=True)
class VideoItem:
    """A video, or a part of its time.

    Attributes:
        key: begins the keys of its clips.
        reader: of the video.
        part: shares of its time where clips begin and end.
        making: how it becomes clips.
    """

    key: str
    reader: Reader
    part: tuple[float, float]
    making: Making

    @property
    def name(self) -> str:
        """The video, and which part of it."""
        if self.part == (0.0, 1.0):
            return self.reader.name
        return f"{self.reader.name} [{self.part[0]:g}, {self.part[1]:g}]"

    def make(self, form: ClipFormat) -> Iterator[Sample]:
        """The clips, one after the other; a video is decoded once, also where clips overlap.

        Raises:
            ValueError, LookupError, OSError: the video is damaged, or too short for this part.
        """
        with self.reader.open() as footage:
            windows = self.making.windows.of(footage.seconds, self.part)
            if not windows:
                raise ValueError("Too short: no clip fits into this part of the video.")
            for number, clip in enumerate(self._clips(footage, windows, form.height)):
                yield self._sample(footage, clip, f"{self.key}-{number:05d}", form)

    def _clips(
        self, footage: Footage, windows: Sequence[Int[ndarray, " t"]], size: int
    ) -> Iterator[Clip]:
        """Windows as arrays; a frame is held from the first window that shows it to the last."""
        numbers = np.unique(np.concatenate(windows)).tolist()
        truths = footage.truth(numbers) if footage.truth else repeat(None)
        stream = zip(numbers, footage.pictures(numbers), truths, strict=False)
        held: dict[int, tuple[Any, Any, Any]] = {}
        for window in windows:
            while int(window[-1]) not in held:
                number, picture, ids = next(stream, (-1, None, None))
                if picture is None:
                    raise ValueError(f"Pictures or masks end before frame {window[-1]}.")
                held[number] = self._fitted(picture, ids, size)
            frames, fine, truth = zip(*(held[number] for number in window.tolist()), strict=True)
            small = np.stack(frames)
            yield Clip(
                window,
                small,
                small if fine[0] is frames[0] else np.stack(fine),
                None if truth[0] is None else np.stack(truth),
            )
            held = {number: kept for number, kept in held.items() if number >= window[0]}

    def _fitted(self, picture: Any, ids: Any, size: int) -> tuple[Any, Any, Any]:
        fit = self.making.fit
        if ids is not None and ids.shape != picture.shape[:2]:
            raise ValueError(f"Masks of {ids.shape} for a picture of {picture.shape[:2]}.")
        small = fitted(picture, size, fit)
        wanted = self.making.masks.side(size, min(picture.shape[:2]))
        fine = small if wanted == size else fitted(picture, wanted, fit)
        return small, fine, None if ids is None else fitted_ids(ids, size, fit)

    def _sample(self, footage: Footage, clip: Clip, key: str, form: ClipFormat) -> Sample:
        making = self.making
        objects = making.masks.find(clip.frames, clip.fine, clip.truth, footage.objects)
        meta = build_meta(
            key,
            form,
            source=f"{making.source}: {self.reader.name}",
            licence=making.licence,
            fps=making.windows.rate(footage.seconds),
            objects=objects.table,
            labels=dict(footage.labels),
            details={
                **footage.details,
                "group": self.reader.group,
                "frames": clip.window.tolist(),
                "masks": objects.details,
            },
        )
        meta["times"] = [round(float(moment), 6) for moment in footage.seconds[clip.window]]
        states = footage.states
        return Sample(
            key=key,
            frames=clip.frames,
            labels=objects.labels,
            meta=meta,
            states=None if states is None else states[clip.window].astype("<f4"),
            contacts=_contacts(footage, clip.window, objects),
        )


def _contacts(footage: Footage, window: Int[ndarray, " t"], objects: Objects) -> ndarray | None:
    """Contacts within the time of a clip, ``step`` counting from its first frame.

    With the source's own masks their ids are those of the clip, and a contact of an object that
    the clip does not show is left out; with other masks no id has a meaning.
    """
    if footage.contacts is None or objects.ids is None:
        return None
    rows = footage.contacts
    ids = {0: 0, **objects.ids}
    kept = [
        window[0] <= row["step"] <= window[-1] and row["a"] in ids and row["b"] in ids
        for row in rows
    ]
    rows = rows[np.array(kept, dtype=bool)].copy()
    rows["step"] -= window[0]
    for side in ("a", "b"):
        rows[side] = [ids[value] for value in rows[side].tolist()]
    return rows
