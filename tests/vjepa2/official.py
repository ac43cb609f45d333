"""Recorded weights and outputs of the official implementations, as the project's own tensors."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from jepakit.batch import TokenMasks
from jepakit.packing import Packing

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "vjepa2"


def recorded(name: str) -> dict[str, Any]:
    """The content of a fixture; the test is skipped where the fixtures are absent."""
    path = FOLDER / f"{name}.pt"
    if not path.is_file():
        pytest.skip(f"no recorded outputs: {path.name} is not beside the repository")
    return torch.load(path, weights_only=True)


def clips(video: Tensor) -> Tensor:
    """``(b, 3, t, h, w)`` or ``(b, 3, h, w)`` as ``(b, t, h, w, 3)``."""
    video = video.unsqueeze(2) if video.ndim == 4 else video
    return video.permute(0, 2, 3, 4, 1).contiguous()


def packing(index: Tensor, grid: int) -> Packing:
    """The packing of equally many tokens of each sample."""
    batch, kept = index.shape
    rows = index + torch.arange(batch).unsqueeze(1) * grid
    return Packing.from_index(rows.flatten(), [kept] * batch, grid)


def token_masks(context: list[Tensor], target: list[Tensor], grid: int) -> TokenMasks:
    """Masks of one batch under each pair of index lists; rows keep the order of the lists."""
    lists = zip(context, target, strict=True)
    keep, slots = [], []
    for seen, hidden in lists:
        keep.append(torch.zeros(len(seen), grid, dtype=torch.bool).scatter(1, seen, value=True))
        slots.append(torch.full((len(seen), grid), -1).scatter(1, hidden, value=0))
    every = torch.cat(slots)
    none: list[tuple[int, ...]] = [()] * len(every)
    masks = TokenMasks.build(torch.cat(keep), every, none, [False] * len(every))
    return dataclasses.replace(masks, views=len(context))


def difference(a: Tensor, b: Tensor) -> float:
    """Largest absolute difference."""
    assert a.shape == b.shape, (a.shape, b.shape)
    return (a - b).abs().max().item()
