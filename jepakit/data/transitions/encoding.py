"""Writes the features of a data set of episodes: each frame is decoded and encoded once."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float16, UInt8
from numpy import ndarray
from numpy.lib import format as npy
from rich.progress import Progress
from torch import Tensor

from jepakit.data.atomic import atomic_file, remove_leftovers
from jepakit.data.schema import BadSample
from jepakit.data.shard_reader import ShardReader
from jepakit.data.transitions.features import FORMAT, check_header, read_header

Encode = Callable[[UInt8[Tensor, "b t h w 3"]], Float[Tensor, "b t n d"]]


@torch.no_grad()
def cache_features(
    path: str, out: str, encode: Encode, *, encoder: str, split: str | None = None, batch: int = 4
) -> None:
    """Write the latents of every frame of every episode; a run that was stopped continues.

    Args:
        path: folder of the shards.
        out: folder of the cache.
        encode: takes frames ``(b, t, h, w, 3)`` uint8 on the CPU and gives latents ``(b, t, n, d)``
            on any device, one set of tokens for each frame alone.
        encoder: hash of its weights, see ``weights_sha256``.
        split: of the manifest; None caches all.
        batch: episodes that are encoded together.

    Raises:
        ValueError: the folder holds features of other shards or of another encoder, or latents are
            not finite in float16.
    """
    reader, folder = ShardReader(path, split=split), Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    first = 0
    with Progress() as progress:
        task = progress.add_task("Encoding episodes", total=len(reader))
        for shard in reader.shards:
            numbers = range(first, first + shard.samples)
            first += shard.samples
            if (folder / f"{shard.name}.json").exists():
                header = read_header(folder, shard.name)
                check_header(header, folder, shard.name, data=shard.sha256, encoder=encoder)
                progress.advance(task, shard.samples)
                continue
            remove_leftovers(folder, shard.name)
            encoded = _encode(reader, numbers, encode, batch)
            header = {"format": FORMAT, "data": shard.sha256, "encoder": encoder}
            _write(
                folder,
                shard.name,
                encoded,
                header,
                episodes=shard.samples,
                advance=lambda: progress.advance(task, 1),
            )


def _encode(
    reader: ShardReader, numbers: range, encode: Encode, batch: int
) -> Iterator[Float16[ndarray, "t n d"] | None]:
    """Latents of the episodes in order; None where one is damaged."""
    for start in range(0, len(numbers), batch):
        episodes = [_frames(reader, number) for number in numbers[start : start + batch]]
        good = [frames for frames in episodes if frames is not None]
        latents = iter(_half(encode(torch.from_numpy(np.stack(good)))) if good else ())
        yield from (None if frames is None else next(latents) for frames in episodes)


def _frames(reader: ShardReader, number: int) -> UInt8[ndarray, "t h w 3"] | None:
    try:
        with reader.open(number) as stored:
            return stored.frames()
    except BadSample:
        return None  # met again, and counted, by whoever reads the cache


def _half(latents: Float[Tensor, "b t n d"]) -> Float16[ndarray, "b t n d"]:
    half = latents.to("cpu", torch.float16)
    if not bool(half.isfinite().all()):
        raise ValueError(
            f"Latents up to {latents.abs().max().item():.3g} are not finite in float16, in which "
            "they are stored; normalise them (layer norm) in the encoding function."
        )
    return half.numpy()


def _write(
    folder: Path,
    name: str,
    encoded: Iterator[Float16[ndarray, "t n d"] | None],
    header: dict[str, Any],
    *,
    episodes: int,
    advance: Callable[[], None],
) -> None:
    """The array of a shard, episode by episode, and then the header that commits it."""
    sums: list[list[int] | None] = []
    shape: tuple[int, ...] = ()
    with atomic_file(folder / f"{name}.npy") as stream:
        for latents in encoded:
            if latents is not None and not shape:
                shape = latents.shape
                fields = {"descr": "<f2", "fortran_order": False, "shape": (episodes, *shape)}
                npy.write_array_header_1_0(stream, fields)
                stream.write(bytes(2 * math.prod(shape) * len(sums)))  # damaged ones before
            sums.append(None if latents is None else [zlib.crc32(frame) for frame in latents])
            if latents is not None:
                stream.write(latents.tobytes())
            elif shape:
                stream.write(bytes(2 * math.prod(shape)))
            advance()
        if not shape:
            raise ValueError(f"Every episode of shard '{name}' is damaged; make it again.")
    fields = {**header, "frame": shape[1:], "crc32": sums}
    with atomic_file(folder / f"{name}.json") as stream:
        stream.write(json.dumps(fields, separators=(",", ":")).encode())
