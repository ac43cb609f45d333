"""Clips cut and resized to what a model takes: pictures antialiased, label maps nearest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from explorer.clip import Clip, SceneTruth
from jepakit.data.video.augmentation import Augmentation, Window

Crop = Literal["centre", "whole", "letterbox"] | tuple[int, int, int]
"""The largest centred part of the wanted shape; all of the picture, stretched, or between bars; or
a square by its top row, left column and side in pixels of the source."""

_LARGEST = 1024
_BAR = 128  # of 0..255: grey, which the models' normalisation brings near 0


def crop_and_resize(clip: Clip, *, size: int | tuple[int, int], crop: Crop = "centre") -> Clip:
    """The clip in another size, with what is known of it.

    Args:
        clip: of any size.
        size: side, or rows and columns, in pixels.
        crop: which part of each frame.

    Raises:
        ValueError: a size out of 1..1024, or a square that reaches out of the frame.
    """
    truth = None if clip.truth is None else _resized_truth(clip.truth, size, crop)
    return replace(clip, frames=resize_frames(clip.frames, size=size, crop=crop), truth=truth)


def resize_frames(
    frames: Iterable[UInt8[ndarray, "h w 3"]], *, size: int | tuple[int, int], crop: Crop
) -> UInt8[ndarray, "t h2 w2 3"]:
    """Frames in another size, bilinear and antialiased, taken one at a time."""
    return np.stack([_fitted(f, size, crop, _smooth, _BAR) for f in frames])


def resize_labels(
    labels: Iterable[UInt8[ndarray, "h w"]], *, size: int | tuple[int, int], crop: Crop
) -> UInt8[ndarray, "t h2 w2"]:
    """Label maps in another size: the label in the middle of each new pixel; 0 in the bars."""
    return np.stack([_fitted(one, size, crop, _nearest, 0) for one in labels])


def centres_of(labels: UInt8[ndarray, "t h w"], count: int) -> Float[ndarray, "k t 2"]:
    """Mean row and column of each label ``1..count`` in every frame, NaN where it is not seen."""
    found = np.full((count, len(labels), 2), np.nan)
    for time, picture in enumerate(labels):
        for label in np.unique(picture[(picture > 0) & (picture <= count)]).tolist():
            found[label - 1, time] = np.argwhere(picture == label).mean(axis=0)
    return found


def _resized_truth(truth: SceneTruth, size: int | tuple[int, int], crop: Crop) -> SceneTruth:
    labels = resize_labels(truth.labels, size=size, crop=crop)
    others = {i: resize_frames(f, size=size, crop=crop) for i, f in truth.without.items()}
    return replace(
        truth, labels=labels, centres=centres_of(labels, len(truth.names)), without=others
    )


def _fitted(
    picture: Any, size: int | tuple[int, int], crop: Crop, resize: Callable[..., Any], bar: int
) -> Any:
    wanted = (size, size) if isinstance(size, int) else size
    if not all(1 <= side <= _LARGEST for side in wanted):
        raise ValueError(f"A side is from 1 to {_LARGEST} pixels, got size={size}.")
    source = picture.shape[:2]
    if crop != "letterbox":
        return resize(picture, _window(source, wanted, crop), wanted)
    scale = min(wanted[0] / source[0], wanted[1] / source[1])
    rows, columns = (max(1, round(side * scale)) for side in source)
    canvas = np.full((*wanted, *picture.shape[2:]), bar, picture.dtype)
    top, left = (wanted[0] - rows) // 2, (wanted[1] - columns) // 2
    whole = Window(0, 0, *source)
    canvas[top : top + rows, left : left + columns] = resize(picture, whole, (rows, columns))
    return canvas


def _window(source: tuple[int, int], wanted: tuple[int, int], crop: Crop) -> Window:
    height, width = source
    if crop == "whole":
        return Window(0, 0, height, width)
    if crop == "centre":
        return Augmentation(centre=1.0).middle(source, wanted)
    if isinstance(crop, tuple):
        top, left, side = crop
        if side < 1 or top < 0 or left < 0 or top + side > height or left + side > width:
            raise ValueError(
                f"A square of {side} pixels at row {top}, column {left} reaches out of a frame of "
                f"{height} x {width} pixels."
            )
        return Window(top, left, side, side)
    raise ValueError(f"crop is centre, whole, letterbox or (top, left, side), got {crop!r}.")


def _smooth(picture: ndarray, window: Window, size: tuple[int, int]) -> ndarray:
    return window.resized(picture, size).numpy()


def _nearest(picture: ndarray, window: Window, size: tuple[int, int]) -> ndarray:
    rows, columns = (
        start + np.floor((np.arange(n) + 0.5) * (length / n)).astype(int)
        for start, length, n in zip(
            (window.top, window.left), (window.height, window.width), size, strict=True
        )
    )
    return picture[np.ix_(rows, columns)]
