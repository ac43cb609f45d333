"""Latents of a frozen encoder kept on disk, so that training dynamics decodes and encodes nothing.

A cache is a folder beside or apart from the shards. For each shard ``NAME`` of the data it holds
``NAME.npy``, float16 ``(episodes, t, n, d)``, and ``NAME.json``, which commits it: SHA-256 of the
shard and of the encoder's weights, the shape of a frame's latents, and a crc32 per frame.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float16
from numpy import ndarray
from torch import nn

from jepakit.data.schema import BadSample
from jepakit.data.shard_reader import ShardReader

FORMAT = 1


def weights_sha256(module: nn.Module) -> str:
    """Hash of names, types, shapes and values of all weights and buffers of a module."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy())
    return digest.hexdigest()


class CachedFeatures:
    """Reads what :func:`jepakit.data.transitions.encoding.cache_features` wrote.

    Args:
        folder: of the cache.
        reader: of the shards that it was made from; all of its shards must be cached.
        encoder: :func:`weights_sha256` of the encoder whose latents are expected.

    Raises:
        ValueError: a shard is not cached, or another shard or encoder was; the message says which.
    """

    def __init__(self, folder: str, reader: ShardReader, *, encoder: str) -> None:
        self.folder = Path(folder)
        self._names = [shard.name for shard in reader.shards]
        self._first = np.cumsum([0, *reader.sizes])
        headers = []
        for shard in reader.shards:
            header = read_header(self.folder, shard.name)
            check_header(header, self.folder, shard.name, data=shard.sha256, encoder=encoder)
            headers.append(header)
        self.shape: tuple[int, int] = tuple(headers[0]["frame"])
        self._sums = [header["crc32"] for header in headers]

    def window(self, number: int, start: int, frames: int) -> Float16[ndarray, "t n d"]:
        """Latents of consecutive frames of an episode.

        Raises:
            BadSample: the episode was damaged when it was cached, or the cache is damaged.
        """
        shard = int(np.searchsorted(self._first, number, side="right")) - 1
        row = number - int(self._first[shard])
        path, sums = self.folder / f"{self._names[shard]}.npy", self._sums[shard][row]
        if sums is None:
            raise BadSample(f"{path}, episode {row}: its frames were damaged when it was encoded")
        try:  # opened anew each time: a memory map must not travel to other processes
            stored = np.load(path, mmap_mode="r", allow_pickle=False)
            part = stored[row, start : start + frames]
        except (OSError, ValueError, IndexError) as error:
            raise BadSample(f"{path}, episode {row}: {error}") from error
        for frame, latents in enumerate(part, start):
            if zlib.crc32(latents) != sums[frame]:
                raise BadSample(f"{path}, episode {row}, frame {frame}: not the stored crc32")
        return part


def read_header(folder: Path, shard: str) -> dict[str, Any]:
    """The header of a cached shard.

    Raises:
        ValueError: there is none, or it cannot be read.
    """
    path = folder / f"{shard}.json"
    if not path.exists():
        raise ValueError(f"{folder} has no features of shard '{shard}'; run cache_features again.")
    header = json.loads(path.read_bytes())
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"{path} is not the header of features in format {FORMAT}.")
    return header


def check_header(
    header: dict[str, Any], folder: Path, shard: str, *, data: str, encoder: str
) -> None:
    """Refuse features of another shard or another encoder.

    Raises:
        ValueError: naming which, with both hashes.
    """
    for what, name, expected in (("shard", "data", data), ("encoder", "encoder", encoder)):
        if header[name] != expected:
            raise ValueError(
                f"The features of shard '{shard}' in {folder} are stale: they were made of another "
                f"{what} (SHA-256 {header[name][:12]}, expected {expected[:12]}). Run "
                "cache_features again into an empty folder."
            )
