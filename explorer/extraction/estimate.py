"""What an extraction will take, before it runs: tokens, memory, time, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from explorer.extraction.available import available_bytes
from explorer.extraction.extract import windows_of
from explorer.extraction.speed import flop_rate
from explorer.models.opened import ExplorerModel
from jepakit.interp.sites import resolve_sites, site_width
from jepakit.nn.stretch import NORM

Level = Literal["green", "amber", "red"]

GREEN, AMBER = 0.6, 0.9
"""Shares of the available memory up to which an extraction is safe, and up to which it may run."""

FLOAT, BYTE = 4, 1

STARTED_BYTES = 14e6
"""What libraries take when they run for the first time (work space of matrix products)."""

HOLES, MAPPED_BYTES = 1.65, 32 * 2**20
"""What buffers take on the heap of a CPU over their size, and the size from which they get pages of
their own instead (the largest M_MMAP_THRESHOLD of glibc). With every buffer on pages of its own
the peak is that of the sum; on the heap 1.4 to 2.0 times as much was measured, in eleven settings
of other sizes than those that ``bench/explorer_memory.py`` reports."""


@dataclass(frozen=True)
class Estimate:
    """What an extraction will take.

    Attributes:
        tokens: of the whole clip.
        peak_bytes: beside the weights, at the worst moment.
        seconds: of waiting.
        available_bytes: free now; None where the system does not tell.
        level: ``green`` up to 60 % of what is free, ``amber`` up to 90 %, ``red`` above.
        advice: what the numbers mean and what to change, in a sentence.
    """

    tokens: int
    peak_bytes: int
    seconds: float
    available_bytes: int | None
    level: Level
    advice: str


def estimate(
    model: ExplorerModel,
    frames: int,
    size: tuple[int, int],
    *,
    sites: Sequence[str] | str = NORM,
    window: int | None = None,
    stride: int | None = None,
    discard: int = 0,
    available: int | None = None,
) -> Estimate:
    """Memory and time of :func:`explorer.extraction.extract_sites` with the same arguments.

    Args:
        model: an opened model; its weights are in memory already.
        frames: of the clip.
        size: its height and width in pixels.
        sites: activations that are kept.
        window: frames of a forward pass; the whole clip by default.
        stride: frames from one window to the next.
        discard: time slices at both edges of a window that a neighbour gives.
        available: bytes that are free; asked of the system by default.

    Raises:
        ValueError: as :func:`explorer.extraction.extract_sites`.
    """
    model.allows(frames, size)
    names = resolve_sites(model.encoder, sites)
    windows = windows_of(model, frames, window=window, stride=stride, discard=discard)
    length = windows[0].stop - windows[0].start
    grid, part = model.grid_of(frames, size), model.grid_of(length, size)
    tokens, at_once = (slices * rows * columns for slices, rows, columns in (grid, part))
    kept = sum(tokens * site_width(model.encoder, name) * FLOAT for name in names)
    peak = int(STARTED_BYTES + pass_bytes(model, at_once) + kept)
    flops = len(windows) * model.encoder.flops((at_once,))
    device = model.encoder.norm.weight.device
    free = available_bytes(device) if available is None else available
    level: Level = "amber"
    if free is not None:
        level = "green" if peak < GREEN * free else "amber" if peak < AMBER * free else "red"
    seconds = flops / flop_rate(str(device))
    return Estimate(tokens, peak, seconds, free, level, _advice(level, model, peak, free, length))


def pass_bytes(model: ExplorerModel, tokens: int) -> int:
    """Memory of one forward pass over so many tokens, beside weights and what is kept.

    The larger one of two moments. While patches are projected there are their pixels as bytes and
    as floats, and the tokens. In a block's MLP there are, in widths ``d`` of a token: the stream
    before and after attention, the attended and the normed tokens (1 each), queries, keys and
    values (3) and, where positions turn them, the turned ones (2), and the hidden layer before and
    after its GELU (4 each for hidden layers of 4 d). Attention itself adds nothing, since its
    scores are never written out.
    """
    encoder = model.encoder
    one = tokens * encoder.width * FLOAT
    pixels = tokens * encoder.patches.pixels
    hidden = tokens * round(encoder.width * encoder.mlp_ratio) * FLOAT
    turned = [] if encoder.rotary is None else [2 * one]
    device = encoder.norm.weight.device.type
    patching = _occupied([pixels, FLOAT * pixels, one], device)
    block = _occupied([one, one, one, one, 3 * one, *turned, hidden, hidden], device)
    return max(patching, block)


def _occupied(buffers: Sequence[int], device: str) -> int:
    """Bytes that buffers take together with the holes that the heap has between them."""
    holes = HOLES if device == "cpu" else 1.0
    return int(sum(size * (holes if size < MAPPED_BYTES else 1.0) for size in buffers))


def _advice(level: Level, model: ExplorerModel, peak: int, free: int | None, length: int) -> str:
    text = f"{_size(peak)} beside the weights"
    if free is None:
        return f"{text}; the system does not tell how much memory is free"
    text += f", {_size(free)} are free"
    if level == "green":
        return f"{text}: it fits"
    shorter = max(model.tubelet, min(model.frames, length // 2) // model.tubelet * model.tubelet)
    change = f"fewer frames, a smaller crop, or windows of {shorter} frames"
    if level == "amber":
        return f"{text}: close other programs, or take {change}"
    return f"{text}: it does not fit; take {change}"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
