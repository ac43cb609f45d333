"""Frozen features of still images: every network sees every picture once, in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange, reduce, repeat
from jaxtyping import Float, Int, UInt8
from rich.progress import Progress
from torch import Tensor

from jepakit.evals.classification.level_tokens import LevelTokens
from jepakit.evals.images.image_frames import FrameBatch, ImageFrames, frame_batches
from jepakit.evals.probes.controls import pixel_featuriser
from jepakit.nn.vit import VisionTransformer
from jepakit.protocols import Encoder

ImageFeaturiser = Callable[[UInt8[Tensor, "b h w 3"]], Tensor]
"""Pictures in, ``(b, levels, d)`` out, the highest level last."""


@dataclass(frozen=True)
class ImageTable:
    """What is known of a set of pictures, a row each; damaged ones have none.

    Attributes:
        names: of the pictures.
        labels: number of each one's class.
        values: features by the name of who made them, ``(n, levels, d)``, the last level last.
        digests: of each one's pixels at the size of the run.
        faults: damaged pictures by name, and why.
    """

    names: tuple[str, ...]
    labels: Int[np.ndarray, " n"]
    values: dict[str, np.ndarray]
    digests: tuple[bytes, ...]
    faults: dict[str, str]

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.names)


def encoder_levels(
    encoder: Encoder, *, levels: int = 4, still: bool = False
) -> tuple[ImageFeaturiser, int]:
    """Mean over the tokens of each of an encoder's last levels, and how many levels those are.

    A picture becomes a clip that stands still: its frame is repeated as often as the encoder takes
    frames. Of an encoder that has norms for some levels only (V-JEPA 2.1), those are its levels;
    one that is no vision transformer has a single level.

    Args:
        encoder: frozen.
        levels: how many of the last levels.
        still: give one frame, to an encoder that has a tokenizer of its own for still images.

    Raises:
        ValueError: no levels, or ``still`` for an encoder without that tokenizer.
    """
    if levels < 1:
        raise ValueError(f"levels must be at least 1, got {levels}.")
    if still and not getattr(encoder, "images", False):
        raise ValueError(
            "This encoder has no tokenizer for still images (V-JEPA 2.1 has one); repeat the frame."
        )
    frames, chosen = (1 if still else encoder.request.frames), 1
    if isinstance(encoder, VisionTransformer):
        known = encoder.levels or tuple(range(len(encoder.blocks)))
        chosen = len(known[-levels:])
        encoder = LevelTokens(encoder, known[-levels:])

    def featurise(pictures: UInt8[Tensor, "b h w 3"]) -> Float[Tensor, "b l d"]:
        tokens = encoder.encode(repeat(pictures, "b h w c -> b t h w c", t=frames)).float()
        return reduce(tokens, "b (l n) d -> b l d", "mean", l=chosen)

    return featurise, chosen


def picture_pixels(side: int = 16) -> ImageFeaturiser:
    """Pictures shrunk to ``side`` x ``side`` pixels, as one level of uint8 numbers."""
    shrink = pixel_featuriser(side)
    return lambda pictures: rearrange(shrink(pictures.unsqueeze(1)), "b d -> b 1 d")


def image_features(
    featurisers: Mapping[str, ImageFeaturiser],
    images: ImageFrames,
    classes: Sequence[str],
    *,
    batch_size: int = 64,
    workers: int = 0,
    budget: float = 0.01,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    title: str = "images",
) -> ImageTable:
    """Let every featuriser see every picture once.

    Features stay in the host's memory: ``4 levels d`` bytes per picture and network.

    Args:
        featurisers: by name, on ``device``.
        images: the pictures.
        classes: names of the classes in the order of their numbers.
        batch_size: pictures per forward pass.
        workers: decoding processes; 0 decodes in this one.
        budget: share of the pictures that may be damaged.
        device: where the featurisers live.
        progress: a running progress display to draw on.
        title: what that display calls the pictures.

    Raises:
        ValueError: too many damaged pictures, none that can be read, or features that are not
            finite (the pictures are named).
    """
    rows: list[int] = []
    columns: dict[str, list[np.ndarray]] = {name: [] for name in featurisers}
    digests: list[bytes] = []
    faults: dict[str, str] = {}
    task = progress.add_task(title, total=len(images)) if progress else None
    batches = frame_batches(images, batch_size=batch_size, workers=workers, budget=budget)
    for batch in batches:
        faults |= batch.faults
        if batch.rows:
            rows.extend(batch.rows)
            digests.extend(_digest(frame) for frame in batch.frames)
            for name, values in _featurised(featurisers, batch, images, device).items():
                columns[name].append(values)
        if progress and task is not None:
            progress.advance(task, len(batch.rows) + len(batch.faults))
    if not rows:
        raise ValueError(f"No picture of {images.images.path} can be read.")
    return ImageTable(
        names=tuple(images.images.pictures[row].name for row in rows),
        labels=images.images.numbers(classes)[rows],
        values={name: np.concatenate(values) for name, values in columns.items()},
        digests=tuple(digests),
        faults=faults,
    )


@torch.inference_mode()
def _featurised(
    featurisers: Mapping[str, ImageFeaturiser],
    batch: FrameBatch,
    images: ImageFrames,
    device: torch.device | str,
) -> dict[str, np.ndarray]:
    frames = batch.frames.to(device)
    found = {}
    for name, featurise in featurisers.items():
        values = featurise(frames)
        fine = values.float().isfinite().flatten(1).all(dim=1).tolist()
        bad = [
            images.images.pictures[r].name
            for r, good in zip(batch.rows, fine, strict=True)
            if not good
        ]
        if bad:
            raise ValueError(
                f"Features '{name}' are not finite for {bad[:5]} ({len(bad)} pictures)."
            )
        found[name] = values.cpu().numpy()
    return found


def _digest(frame: UInt8[Tensor, "h w 3"]) -> bytes:
    return hashlib.blake2b(frame.contiguous().numpy().tobytes(), digest_size=16).digest()
