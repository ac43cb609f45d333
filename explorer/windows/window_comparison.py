"""The same frames in two windows: what changes in their latents with the context around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, UInt8

from explorer.windows.edges import SETTLED, EdgeSlices
from explorer.windows.shared_slices import SharedSlices

Encode = Callable[[UInt8[np.ndarray, "t h w 3"]], Float[np.ndarray, "tt hh ww d"]]
"""Latents of all tokens of a window."""

TINY = 1e-12  # lengths below it have no direction


@dataclass(frozen=True)
class WindowComparison:
    """Latents of the shared slices in both windows.

    Attributes:
        windows: the two windows.
        first: shared slices as the first window has them.
        second: as the second window has them.
        spread: standard deviation of each dimension over all tokens of both windows, shared or not.
        repeatable: whether the first window gave the same bits when encoded again; None where that
            was not tried.
    """

    windows: SharedSlices
    first: Float[np.ndarray, "s hh ww d"]
    second: Float[np.ndarray, "s hh ww d"]
    spread: Float[np.ndarray, " d"]
    repeatable: bool | None = None

    def __len__(self) -> int:
        """Number of shared slices."""
        return len(self.first)

    @cached_property
    def difference(self) -> Float[np.ndarray, "s hh ww d"]:
        """First window less second."""
        return self.first - self.second

    @cached_property
    def by_dimension(self) -> Float[np.ndarray, "s d"]:
        """Mean absolute difference over the tokens of a slice."""
        return np.abs(self.difference).mean(axis=(1, 2), dtype=np.float64)

    @property
    def profile(self) -> Float[np.ndarray, " s"]:
        """Mean absolute difference of each slice."""
        return self.by_dimension.mean(axis=1)

    @property
    def relative_by_dimension(self) -> Float[np.ndarray, "s d"]:
        """:attr:`by_dimension` in standard deviations; 0 for dimensions that do not vary."""
        moving = self.spread > 0
        return np.divide(
            self.by_dimension, self.spread, out=np.zeros_like(self.by_dimension), where=moving
        )

    @property
    def relative_profile(self) -> Float[np.ndarray, " s"]:
        """Mean absolute difference of each slice in standard deviations of its dimensions.

        A few dimensions of large values (massive activations) would rule :attr:`profile`.
        """
        return self.relative_by_dimension.mean(axis=1)

    @cached_property
    def cosine(self) -> Float[np.ndarray, "s hh ww"]:
        """Cosine between both latents of each token; that of a zero vector is 0."""
        first, second = self.first.astype(np.float64), self.second.astype(np.float64)
        lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
        return (first * second).sum(axis=-1) / np.maximum(lengths, TINY)

    @property
    def cosine_profile(self) -> Float[np.ndarray, " s"]:
        """Mean cosine of each slice."""
        return self.cosine.mean(axis=(1, 2))

    @property
    def edges(self) -> EdgeSlices:
        """How many slices to discard, by :attr:`profile`."""
        return self.edge_slices()

    def edge_slices(self, *, share: float = SETTLED) -> EdgeSlices:
        """How many slices to discard for another share than 5 %."""
        return EdgeSlices.of(self.profile, share=share)

    def all_close(self, *, rtol: float = 1e-5, atol: float = 1e-8) -> Bool[np.ndarray, " s"]:
        """Whether all values of a slice agree, ``|a - b| <= atol + rtol |b|``."""
        return np.isclose(self.first, self.second, rtol=rtol, atol=atol).all(axis=(1, 2, 3))


def compare_windows(
    encode: Encode,
    frames: UInt8[np.ndarray, "t h w 3"],
    *,
    window: int,
    shift: int = 2,
    tubelet: int = 2,
    start: int = 0,
    repeat: bool = True,
) -> WindowComparison:
    """Encode two overlapping windows of a clip, each by itself, and compare what they share.

    The latent explorer, "The Tumbling Window Experiment": windows of 20 frames shifted by 2 share 9
    slices of 2 frames, windows of 40 frames share 19.

    Args:
        encode: gives the latents of a window of ``window`` frames.
        frames: the clip.
        window: frames of a window.
        shift: frames from the start of the first window to that of the second.
        tubelet: frames of a time slice.
        start: frame at which the first window starts.
        repeat: whether to encode the first window twice, to see if the encoder is deterministic.

    Raises:
        ValueError: as :class:`~explorer.windows.shared_slices.SharedSlices`, a clip that is too
            short, or latents of another number of slices or that are not finite.
    """
    windows = SharedSlices(window, shift, tubelet=tubelet, start=start)
    windows.require_frames(len(frames))
    first = encode(frames[windows.first_window])
    again = encode(frames[windows.first_window]) if repeat else None
    second = encode(frames[windows.second_window])
    repeatable = None if again is None else first.tobytes() == again.tobytes()
    return compare_runs(first, second, windows=windows, repeatable=repeatable)


def compare_encoders(
    encoders: Mapping[str, Encode],
    frames: UInt8[np.ndarray, "t h w 3"],
    *,
    window: int,
    shift: int = 2,
    tubelet: int = 2,
    start: int = 0,
    repeat: bool = True,
) -> dict[str, WindowComparison]:
    """:func:`compare_windows` by name of the encoder, say the trained one and one untrained.

    An untrained encoder is the baseline. With rotary positions its profile is flat, so that an edge
    in that of the trained one was learned. With positions that are added to tokens it differs in
    every slice, as the same frames stand at other places of the window.
    """
    return {
        name: compare_windows(
            encode,
            frames,
            window=window,
            shift=shift,
            tubelet=tubelet,
            start=start,
            repeat=repeat,
        )
        for name, encode in encoders.items()
    }


def compare_runs(
    first: Float[np.ndarray, "tt hh ww d"],
    second: Float[np.ndarray, "uu ii jj e"],
    *,
    windows: SharedSlices,
    repeatable: bool | None = None,
) -> WindowComparison:
    """Compare the latents of two windows that were encoded before.

    Raises:
        ValueError: latents of different shapes, of another number of slices, or not finite.
    """
    if first.shape != second.shape or len(first) != windows.slices:
        raise ValueError(
            f"Windows of {windows.window} frames have {windows.slices} slices of "
            f"{windows.tubelet} frames, came latents of shapes {first.shape} and {second.shape}."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("Latents must be finite: some values of a window are NaN or infinite.")
    kind = np.result_type(first, np.float32)  # float16 would round differences
    runs = [run.astype(kind, copy=False) for run in (first, second)]
    every = np.concatenate([run.reshape(-1, run.shape[-1]) for run in runs])
    return WindowComparison(
        windows=windows,
        first=runs[0][windows.offset :],
        second=runs[1][: len(windows)],
        spread=every.std(axis=0, dtype=np.float64),
        repeatable=repeatable,
    )
