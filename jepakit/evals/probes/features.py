"""Frozen features: one vector per clip, with the values to probe for beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from einops import rearrange, reduce
from jaxtyping import Float, UInt8
from rich.progress import Progress
from torch import Tensor

from jepakit.batch import SceneBatch
from jepakit.protocols import Encoder

Pool = Literal["mean", "time"]
Featuriser = Callable[[UInt8[Tensor, "b t h w 3"]], Tensor]


@dataclass(frozen=True)
class Features:
    """What the probes see of a data set.

    Attributes:
        values: features by name, each ``(N, D)`` with a row per clip in the order of ``keys``.
        targets: labels by name; NaN where a clip has none.
        groups: the task (or scene family) of each clip: clips of one group are not independent, so
            splits and bootstraps take them together.
        keys: name of each clip.
    """

    values: dict[str, np.ndarray]
    targets: dict[str, Float[np.ndarray, " n"]]
    groups: np.ndarray
    keys: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)


def pool_tokens(
    tokens: Float[Tensor, "b n d"], *, tubelets: int, pool: Pool
) -> Float[Tensor, "b pooled"]:
    """``mean``: over all tokens, ``(b, d)``. ``time``: over space only, ``(b, tt * d)``."""
    if pool == "mean":
        return reduce(tokens, "b n d -> b d", "mean")
    per_tubelet = reduce(tokens, "b (tt s) d -> b tt d", "mean", tt=tubelets)
    return rearrange(per_tubelet, "b tt d -> b (tt d)")


def encoder_featuriser(encoder: Encoder, pool: Pool = "mean") -> Featuriser:
    """Pooled float32 tokens of ``encoder``."""

    def featurise(frames: UInt8[Tensor, "b t h w 3"]) -> Float[Tensor, "b pooled"]:
        tokens = encoder.encode(frames).float()
        return pool_tokens(tokens, tubelets=encoder.request.grid[0], pool=pool)

    return featurise


def extract_features(
    featurisers: Mapping[str, Featuriser],
    batches: Iterable[SceneBatch],
    group_of: Mapping[str, str],
    *,
    device: torch.device | str = "cpu",
    total: int | None = None,
    progress: Progress | None = None,
    title: str = "features",
) -> Features:
    """Run every featuriser over the same clips in one pass, so that the data are decoded once.

    Args:
        featurisers: ``(b, t, h, w, 3)`` uint8 frames to ``(b, D)`` features, by name.
        batches: batches of clips.
        group_of: the group of every clip, by its key.
        device: where the featurisers live.
        total: number of clips, for the progress bar.
        progress: a running progress display to draw on; none is drawn without it.
        title: what that display calls it.

    Raises:
        ValueError: no clips, clips with different labels, a key seen twice or without a group, or
            features that are not finite (the clips are named).
    """
    columns: dict[str, list[np.ndarray]] = {name: [] for name in featurisers}
    keys: list[str] = []
    targets: dict[str, list[np.ndarray]] = {}
    task = progress.add_task(title, total=total) if progress else None
    with torch.inference_mode():
        for batch in batches:
            frames = batch.frames.to(device)
            for name, featurise in featurisers.items():
                rows = featurise(frames).cpu().numpy()
                _check_finite(name, rows, batch.keys)
                columns[name].append(rows)
            _append_targets(targets, batch, first=not keys)
            keys.extend(batch.keys)
            if progress and task is not None:
                progress.advance(task, len(batch))
    if not keys:
        raise ValueError("No clips to take features of: the data set (or the split) is empty.")
    if len(set(keys)) < len(keys):
        double = sorted({key for key in keys if keys.count(key) > 1})[:5]
        raise ValueError(f"Keys must be unique in a data set; seen more than once: {double}.")
    lost = [key for key in keys if key not in group_of]
    if lost:
        raise ValueError(f"Clips without a group: {lost[:5]} ({len(lost)} of {len(keys)}).")
    return Features(
        values={name: np.concatenate(rows) for name, rows in columns.items()},
        targets={name: np.concatenate(rows) for name, rows in targets.items()},
        groups=np.asarray([group_of[key] for key in keys]),
        keys=tuple(keys),
    )


def _append_targets(
    targets: dict[str, list[np.ndarray]], batch: SceneBatch, *, first: bool
) -> None:
    if not first and set(targets) != set(batch.targets):
        raise ValueError(
            f"Every batch must carry the same labels: expected {sorted(targets)}, got "
            f"{sorted(batch.targets)} (first clip {batch.keys[0]})."
        )
    for name, values in batch.targets.items():
        targets.setdefault(name, []).append(values.cpu().numpy().astype(np.float64))


def _check_finite(name: str, rows: np.ndarray, keys: Sequence[str]) -> None:
    if np.issubdtype(rows.dtype, np.floating) and not np.isfinite(rows).all():
        bad = [key for key, row in zip(keys, rows, strict=True) if not np.isfinite(row).all()]
        raise ValueError(f"Features '{name}' are not finite for {bad[:5]} ({len(bad)} clips).")
