"""A clip through an encoder: the activations of every token, with progress and a way to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from explorer.clip import Clip
from explorer.extraction.windows import Window, plan_windows
from explorer.latents import Latents
from explorer.models.opened import ExplorerModel
from jepakit.interp.sites import last_point, resolve_sites, site_width
from jepakit.interp.traces import frozen
from jepakit.nn.edits import Edit
from jepakit.nn.stretch import EMBED, NORM, block_prefix
from jepakit.nn.vit import VisionTransformer
from jepakit.training.versions import versions

Progress = Callable[[float], None]
"""Is told the share that is done, 0 to 1."""

Cancelled = Callable[[], bool]
"""Is asked between blocks whether to stop."""


class ExtractionCancelledError(Exception):
    """Somebody asked to stop; nothing was kept."""


def extract(
    model: ExplorerModel,
    clip: Clip,
    *,
    site: str = NORM,
    window: int | None = None,
    stride: int | None = None,
    discard: int = 0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Latents:
    """One activation of every token of a clip, see :func:`extract_sites`."""
    found = extract_sites(
        model,
        clip,
        sites=[site],
        window=window,
        stride=stride,
        discard=discard,
        progress=progress,
        cancelled=cancelled,
    )
    return found.popitem()[1]


def extract_sites(
    model: ExplorerModel,
    clip: Clip,
    *,
    sites: Sequence[str] | str = NORM,
    window: int | None = None,
    stride: int | None = None,
    discard: int = 0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> dict[str, Latents]:
    """Several activations of every token of a clip in one pass, cut after the last of them.

    Args:
        model: an opened model. One that sees single frames gets them one by one.
        clip: of a length and size that it allows.
        sites: names, ``"all"`` for the stream and the output, see
            :func:`jepakit.interp.sites.resolve_sites`.
        window: frames of a forward pass; the whole clip by default.
        stride: frames from one window to the next, see
            :func:`explorer.extraction.windows.plan_windows`.
        discard: time slices at both edges of a window that a neighbour has to give.
        progress: is told after every block.
        cancelled: is asked before every block.

    Returns:
        Latents by the full name of their site, in the order in which they are computed.

    Raises:
        ValueError: clips that the model cannot take, unknown sites, or windows that do not fit.
        ExtractionCancelledError: ``cancelled`` said so.
    """
    began = time.perf_counter()
    model.allows(len(clip), clip.size)
    names = resolve_sites(model.encoder, sites)
    windows = windows_of(model, len(clip), window=window, stride=stride, discard=discard)
    length = windows[0].stop - windows[0].start
    encoder = model.fitted(length, clip.size)
    grid = model.grid_of(len(clip), clip.size)
    tubelet = grid_tubelet(clip, grid)
    values = {
        name: np.empty((*grid, site_width(model.encoder, name)), dtype=np.float32) for name in names
    }
    watch = _Watch(len(windows) * (model.depth + 1), progress, cancelled)
    for part in windows:
        run_window(encoder, clip.frames, part, values, tubelet=tubelet, tick=watch)
    watch.finish()
    facts = facts_of(model, clip) | {
        "passes": _described(windows, discard),
        "seconds": f"{time.perf_counter() - began:.2f}",
    }
    return {
        name: Latents(value, clip, tubelet, model.patch, name, model.name, facts)
        for name, value in values.items()
    }


def _described(windows: Sequence[Window], discard: int) -> str:
    if len(windows) == 1:
        return "whole clip"
    text = f"{len(windows)} windows of {windows[0].stop - windows[0].start} frames"
    return f"{text}, {discard} edge slices discarded" if discard else text


def encode_frames(
    model: ExplorerModel, frames: UInt8[np.ndarray, "t h w 3"], *, site: str = NORM
) -> Float[np.ndarray, "tt hh ww d"]:
    """One activation of frames that are no clip: windows to compare, hidden parts, other futures.

    Raises:
        ValueError: as :func:`extract_sites`.
    """
    clip = Clip(frames, fps=1.0, name="frames", source_frames=tuple(range(len(frames))))
    return extract(model, clip, site=site).values


def windows_of(
    model: ExplorerModel,
    frames: int,
    *,
    window: int | None = None,
    stride: int | None = None,
    discard: int = 0,
) -> list[Window]:
    """The forward passes over a clip of so many frames.

    Raises:
        ValueError: as :func:`explorer.extraction.windows.plan_windows`.
    """
    if model.still:
        window, stride, discard = 1, None, 0
    return plan_windows(
        frames, tubelet=model.tubelet_of(frames), window=window, stride=stride, discard=discard
    )


def facts_of(model: ExplorerModel, clip: Clip) -> dict[str, str]:
    """Where latents come from: the model and its weights, what was done to the clip, versions."""
    height, width = clip.size
    software = versions()
    return dict(model.facts) | {
        "model id": model.id,
        "weights sha256": model.weights_hash,
        "clip": f"{clip.name}, {len(clip)} frames of {height} x {width} pixels, {clip.fps:g} fps",
        "jepakit": software["jepakit"],
        "torch": software["torch"],
    }


def grid_tubelet(clip: Clip, grid: tuple[int, int, int]) -> int:
    """Frames of a time slice of a clip that has this grid of tokens."""
    return len(clip) // grid[0]


class _Watch:
    """Counts blocks, tells of progress and raises where it shall end."""

    def __init__(self, steps: int, progress: Progress | None, cancelled: Cancelled | None) -> None:
        self._steps, self._done = steps, 0
        self._progress, self._cancelled = progress, cancelled

    def __call__(self) -> None:
        if self._cancelled is not None and self._cancelled():
            raise ExtractionCancelledError("The extraction was cancelled.")
        if self._progress is not None:
            self._progress(min(self._done / self._steps, 1.0))
        self._done += 1

    def finish(self) -> None:
        if self._progress is not None:
            self._progress(1.0)


def run_window(
    encoder: VisionTransformer,
    frames: UInt8[np.ndarray, "t h w 3"],
    part: Window,
    values: Mapping[str, np.ndarray],
    *,
    tubelet: int,
    tick: Callable[[], None],
) -> None:
    """Encode one window and write the slices that are kept of it into ``values``, by site.

    An activation is copied out as soon as it is known, so that none waits for the end of the pass.
    """
    first = part.start // tubelet
    kept = slice(first + part.keep.start, first + part.keep.stop)

    def copy_out(name: str) -> Callable[[Tensor], Tensor]:
        def copied(x: Tensor) -> Tensor:
            _, rows, columns, _ = values[name].shape
            dense = x.unflatten(0, (-1, rows, columns))[part.keep]
            values[name][kept] = dense.float().cpu().numpy()
            return x

        return copied

    def ticking(x: Tensor) -> Tensor:
        tick()
        return x

    until = last_point(list(values))
    reads: dict[str, Callable[[Tensor], Tensor]] = {name: copy_out(name) for name in values}
    for name in _stream_until(encoder, until):
        read = reads.get(name)
        reads[name] = ticking if read is None else _both(ticking, read)
    device = encoder.norm.weight.device
    clip = torch.from_numpy(np.ascontiguousarray(frames[part.start : part.stop]))
    with frozen(encoder):
        edits = {name: Edit.apply(read) for name, read in reads.items()}
        encoder(clip.unsqueeze(0).to(device), edits=edits, until=until)


def _stream_until(encoder: VisionTransformer, until: str) -> list[str]:
    """``embed`` and the blocks' outputs that are computed."""
    points = [EMBED, *(f"{block_prefix(i)}out" for i in range(len(encoder.blocks)))]
    return points if until == NORM else points[: points.index(until) + 1]


def _both(
    one: Callable[[Tensor], Tensor], other: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    return lambda x: other(one(x))
