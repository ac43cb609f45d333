"""Which part of a stored clip a model sees: frames, window and mirror image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from jepakit.batch import BatchRequest
from jepakit.data.coverage import coverage_of
from jepakit.data.schema import ClipFormat
from jepakit.data.stored_sample import StoredSample
from jepakit.seeds import derive_seed


@dataclass(frozen=True)
class View:
    """A cut through a clip.

    Attributes:
        frames: the frames taken.
        rows: the rows taken.
        columns: the columns taken.
        flip: whether left and right are exchanged.
    """

    frames: slice
    rows: slice
    columns: slice
    flip: bool

    def cut(self, clip: UInt8[ndarray, "t h w ..."]) -> UInt8[ndarray, "t2 h2 w2 ..."]:
        """The part of frames or labels, without copying."""
        part = clip[self.frames, self.rows, self.columns]
        return part[:, :, ::-1] if self.flip else part


class Views:
    """Draws a view for each sample; every draw is a function of (seed, epoch, key).

    Args:
        form: of the stored clips.
        request: what the model takes.
        seed: of the draws.
        random: draw views for training; False gives the first frames and the centre, unflipped.
        flip: mirror half of the clips left to right.
        stride: distance of the frames taken.
        crop: cut windows of the model's size from larger clips.
        coverage: ``stored`` is fast and exact for flips and for runs of whole tubelets only;
            ``labels`` counts pixels of the label map; ``auto`` takes ``stored`` where it is exact.

    Raises:
        ValueError: the stored clips cannot give what is asked, or stored coverage would be wrong.
    """

    def __init__(
        self,
        form: ClipFormat,
        request: BatchRequest,
        *,
        seed: int = 0,
        random: bool = True,
        flip: bool = False,
        stride: int = 1,
        crop: bool = False,
        coverage: Literal["auto", "stored", "labels"] = "auto",
    ) -> None:
        self.request = request
        self.seed = seed
        self.random = random
        self.flip = flip and random
        self.stride = stride
        self._form = form
        self._check_sizes(crop=crop)
        reasons = self._why_not_stored(crop=crop)
        if coverage == "stored" and reasons:
            raise ValueError(
                f"coverage='stored' would be wrong: {'; '.join(reasons)}. Use 'auto' or 'labels'."
            )
        self.stored = not reasons and coverage != "labels"

    def choose(self, epoch: int, key: str) -> View:
        """The view of one sample in one epoch."""
        (height, width), form = self.request.size, self._form
        span = (self.request.frames - 1) * self.stride + 1
        # Stored coverage is one value per tubelet, so runs start where tubelets start.
        step = self.request.tubelet if self.stored else 1
        start = step * self._draw("start", epoch, key, (form.frames - span) // step + 1)
        row, column = form.height - height, form.width - width
        if self.random:
            row, column = (
                self._draw("row", epoch, key, row + 1),
                self._draw("column", epoch, key, column + 1),
            )
        else:
            row, column = row // 2, column // 2
        return View(
            slice(start, start + span, self.stride),
            slice(row, row + height),
            slice(column, column + width),
            self.flip and self._draw("flip", epoch, key, 2) == 1,
        )

    def whole(self, view: View) -> bool:
        """Whether the view is the clip itself."""
        same = self.request.size == (self._form.height, self._form.width)
        return same and self.request.frames == self._form.frames and not view.flip

    def coverage(self, stored: StoredSample, view: View) -> UInt8[ndarray, "k tt hh ww"]:
        """Coverage of the view on the model's grid."""
        patch, tubelet = self.request.patch, self.request.tubelet
        if not self.stored:
            part = np.ascontiguousarray(view.cut(stored.labels()))
            return coverage_of(part, stored.objects, patch=patch, tubelet=tubelet)
        start = view.frames.start // tubelet
        tubelets = slice(
            start, start + (self.request.frames - 1) * self.stride // tubelet + 1, self.stride
        )
        coverage = stored.coverage()[:, tubelets]
        return coverage[..., ::-1] if view.flip else coverage

    def _draw(self, name: str, epoch: int, key: str, choices: int) -> int:
        if choices == 1 or not self.random:
            return 0
        return derive_seed(name, self.seed, epoch, key) % choices

    def _check_sizes(self, *, crop: bool) -> None:
        form, request = self._form, self.request
        span = (request.frames - 1) * self.stride + 1
        if self.stride < 1 or span > form.frames:
            raise ValueError(
                f"The model takes {request.frames} frames at stride {self.stride}, but the clips "
                f"have {form.frames}. It needs clips of {max(span, request.frames)} frames."
            )
        height, width = request.size
        if request.frames % request.tubelet or height % request.patch or width % request.patch:
            raise ValueError(
                f"{request.frames} frames of {height}x{width} pixels do not divide into tubelets "
                f"of {request.tubelet} and patches of {request.patch}."
            )
        fits = height <= form.height and width <= form.width
        if (height, width) != (form.height, form.width) and not crop:
            raise ValueError(
                f"The model takes {height}x{width} pixels, the clips are "
                f"{form.height}x{form.width}. Prepare the data in that size"
                + (", or set crop=True to cut windows from larger clips." if fits else ".")
            )
        if not fits:
            raise ValueError(f"Cannot cut {height}x{width} pixels from {form.height}x{form.width}.")

    def _why_not_stored(self, *, crop: bool) -> list[str]:
        form, request = self._form, self.request
        reasons = []
        if (request.patch, request.tubelet) != (form.patch, form.tubelet):
            reasons.append(
                f"it is stored for patch {form.patch} and tubelet {form.tubelet}, the model has "
                f"{request.patch} and {request.tubelet}"
            )
        if crop:
            reasons.append("crop=True moves the patch grid")
        if self.stride > 1 and form.tubelet > 1:
            reasons.append(f"stride {self.stride} takes tubelets apart")
        return reasons
