"""One pass over clips that streams every wanted activation, pooled, to a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from jaxtyping import Shaped, UInt8
from rich.progress import Progress
from torch import Tensor

from jepakit.interp.activation_store import ActivationStore, RowFormat, size_text
from jepakit.interp.clip_set import ClipSet, check_clips
from jepakit.interp.pooling import Pool, Reading, StreamedPools, pooled_width
from jepakit.interp.provenance import Provenance
from jepakit.interp.sites import grid_of, last_point, resolve_sites, site_width
from jepakit.nn.vit import VisionTransformer

ASK_BYTES = 2e9
"""Token caches above this size are made only after a yes."""


def trace(
    encoder: VisionTransformer,
    clips: ClipSet,
    *,
    store: Path,
    sites: str | Sequence[str] = "all",
    pools: Sequence[Pool] = ("mean",),
    tokens: Sequence[str] = (),
    transform: str = "none",
    batch_size: int = 16,
    device: torch.device | str | None = None,
    confirm: Callable[[str], bool] | None = None,
    progress: Progress | None = None,
) -> ActivationStore:
    """Run every clip once, cut after the last wanted activation, and keep the pooled rows.

    A trace that was killed goes on where it stopped, and with the same ``batch_size`` ends with the
    same bytes as one that was not. Readings that are finished are not computed again.

    Args:
        encoder: a vision transformer; moved to ``device``.
        clips: in the size that it takes.
        store: folder of the :class:`ActivationStore`, made if it does not exist.
        sites: activations to pool, see :func:`~jepakit.interp.sites.resolve_sites`.
        pools: how; every one for every site.
        tokens: activations whose tokens are kept whole, float16: ``2 n d`` bytes a clip.
        transform: what was done to the clips before, in words; part of the store's identity.
        batch_size: clips of a forward pass.
        device: where to run; where the encoder is by default.
        confirm: is asked whether token caches above 2 GB shall be made; without it they are
            refused.
        progress: a running progress display to draw on.

    Raises:
        ValueError: unknown activations or poolings, clips of another size or that cannot be told
            apart, a store of other activations, no room, token caches without a yes, or
            activations that are not finite.
        OSError: the disk became full; the store stays valid.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, came {batch_size}.")
    check_clips(clips)
    formats = row_formats(encoder, _grid(encoder, clips), sites=sites, pools=pools, tokens=tokens)
    opened = ActivationStore.open(store, clips, Provenance.of(encoder, clips, transform=transform))
    _ask(opened, formats, confirm)
    if device is not None:
        encoder.to(device)
    task = progress.add_task("activations", total=len(clips)) if progress else None
    with opened.writing(formats):
        rows = opened.remaining().tolist()
        if progress and task is not None:
            progress.advance(task, len(clips) - len(rows))
        for start in range(0, len(rows), batch_size):
            chosen = rows[start : start + batch_size]
            read = read_pools(encoder, torch.from_numpy(clips.frames(chosen)), list(formats))
            opened.write(chosen, {key: value.cpu().numpy() for key, value in read.items()})
            if progress and task is not None:
                progress.advance(task, len(chosen))
    return opened


def read_pools(
    encoder: VisionTransformer,
    frames: UInt8[Tensor, "b t h w 3"],
    readings: Sequence[Reading],
) -> dict[Reading, Shaped[Tensor, "b row"]]:
    """Pooled activations of one batch, without gradient; nothing after the last one is computed.

    Args:
        encoder: a vision transformer.
        frames: full clips in its size, on any device.
        readings: full names of activations and poolings.

    Raises:
        ValueError: unknown activations, or clips of another size.
    """
    sites = resolve_sites(encoder, [site for site, _ in readings])
    device = encoder.norm.weight.device
    pools = StreamedPools(
        {reading: site_width(encoder, reading[0]) for reading in readings},
        batch=len(frames),
        grid=grid_of(encoder, frames.shape[1]),
        device=device,
    )
    with frozen(encoder):
        encoder(frames.to(device), edits=pools.edits, until=last_point(sites))
    return pools.rows


@contextmanager
def frozen(encoder: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients while the block runs; the mode before returns after it."""
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, training in modes:
            module.training = training


def _grid(encoder: VisionTransformer, clips: ClipSet) -> tuple[int, int, int]:
    """Grid of the clips' tokens, from the first of them."""
    came = clips.frames([0]).shape[1:]
    request = encoder.request
    wanted = (request.frames, *request.size, 3)
    if came != wanted and not (encoder.images and came == (1, *wanted[1:])):
        raise ValueError(f"The encoder takes clips (t h w 3) of shape {wanted}, came {came}.")
    return grid_of(encoder, came[0])


def row_formats(
    encoder: VisionTransformer,
    grid: tuple[int, int, int],
    *,
    sites: str | Sequence[str] = "all",
    pools: Sequence[Pool] = ("mean",),
    tokens: Sequence[str] = (),
) -> dict[Reading, RowFormat]:
    """What a trace of these readings keeps of a clip, see :func:`trace`.

    Raises:
        ValueError: unknown activations or poolings, or nothing to keep.
    """
    formats: dict[Reading, RowFormat] = {}
    for site in resolve_sites(encoder, sites) if pools else ():
        for pool in pools:
            width = pooled_width(pool, site_width(encoder, site), grid=grid)
            formats[site, pool] = RowFormat(width, "float16" if pool == "tokens" else "float32")
    for site in resolve_sites(encoder, tokens) if tokens else ():
        width = pooled_width("tokens", site_width(encoder, site), grid=grid)
        formats[site, "tokens"] = RowFormat(width, "float16")
    if not formats:
        raise ValueError("Nothing to trace: give pools for the sites, or activations as tokens.")
    return formats


def _ask(
    store: ActivationStore,
    formats: dict[Reading, RowFormat],
    confirm: Callable[[str], bool] | None,
) -> None:
    caches = {reading: form for reading, form in formats.items() if reading[1] == "tokens"}
    size = store.missing_bytes(caches)
    if size <= ASK_BYTES:
        return
    sites = ", ".join(site for site, _ in caches)
    text = f"All tokens of {sites} for {len(store)} clips take {size_text(size)} in {store.folder}."
    if confirm is None or not confirm(text):
        raise ValueError(
            f"{text} Confirm that (confirm=), or keep the tokens of fewer activations or clips."
        )
