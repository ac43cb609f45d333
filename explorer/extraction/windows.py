"""How a long clip is cut into windows, and which window speaks for each time slice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """One forward pass over a part of a clip.

    Attributes:
        start: its first frame.
        stop: the frame after its last one.
        keep: its own time slices that are kept, counted from its start.
    """

    start: int
    stop: int
    keep: slice


def plan_windows(
    frames: int,
    *,
    tubelet: int,
    window: int | None = None,
    stride: int | None = None,
    discard: int = 0,
) -> list[Window]:
    """Windows that cover a clip, each time slice kept from the one in which it is most central.

    Near the edges of its window a token has less context on one side than elsewhere. Where windows
    overlap, those slices are taken from the neighbour; only at the two ends of the clip there is no
    other window to take them from. The last window ends with the clip and has the full length.

    Args:
        frames: of the clip, a multiple of ``tubelet``.
        tubelet: frames of a time slice.
        window: frames of a window; the whole clip by default.
        stride: frames from one window to the next; what ``discard`` allows by default, so that
            without it the windows do not overlap.
        discard: time slices at both edges of a window that must not be used inside of the clip.

    Raises:
        ValueError: numbers that do not divide by the tubelet, or a stride that leaves slices out.
    """
    length = frames if window is None else min(window, frames)
    step = length - 2 * discard * tubelet if stride is None else stride
    _check(frames, length=length, step=step, tubelet=tubelet, discard=discard)
    starts = [*range(0, frames - length, step), frames - length]
    middles = [start // tubelet + (length // tubelet - 1) / 2 for start in starts]
    owners = [
        min(range(len(starts)), key=lambda i: (_distance(i, slice_, middles, length / tubelet), i))
        for slice_ in range(frames // tubelet)
    ]
    windows = []
    for number, start in enumerate(starts):
        owned = [slice_ - start // tubelet for slice_, own in enumerate(owners) if own == number]
        if owned:
            windows.append(Window(start, start + length, slice(owned[0], owned[-1] + 1)))
    return windows


def _distance(number: int, slice_: int, middles: list[float], slices: float) -> float:
    """From the middle of a window; infinite outside of it."""
    away = abs(slice_ - middles[number])
    return away if away <= (slices - 1) / 2 else float("inf")


def _check(frames: int, *, length: int, step: int, tubelet: int, discard: int) -> None:
    for name, value in (("clip", frames), ("window", length)):
        if value < 1 or value % tubelet:
            raise ValueError(
                f"The {name} has {value} frames, which must be a multiple of the {tubelet} frames "
                "of a time slice."
            )
    inner = length - 2 * discard * tubelet
    if discard < 0 or (frames > length and inner < tubelet):
        raise ValueError(
            f"Discarding {discard} time slices at both edges leaves nothing of a window of "
            f"{length // tubelet}: discard fewer, or take longer windows."
        )
    if frames > length and (step < 1 or step % tubelet):
        raise ValueError(
            f"The stride ({step} frames) must be a multiple of the {tubelet} frames of a time "
            "slice: otherwise the slices of two windows show different frames."
        )
    if frames > length and step > inner:
        raise ValueError(
            f"A stride of {step} frames leaves out slices between windows of {length} frames of "
            f"which {discard} slices at both edges are discarded: take at most {inner}."
        )
