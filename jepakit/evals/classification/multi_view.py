"""Several views of one video: cut them, and average what a classifier says of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F


def cut_views(
    video: UInt8[Tensor, "all_t all_h all_w 3"],
    *,
    frames: int,
    size: int,
    stride: int = 1,
    segments: int = 1,
    crops: int = 1,
    join: bool = False,
) -> UInt8[Tensor, "v t h w 3"]:
    """Square clips at several times and places of a video.

    The short side is resized to ``size``; the crops lie evenly along the long one, the outer two at
    its ends, a single one in the middle.

    Source: V-JEPA 2, ``video_classification_frozen``. Its "16 x 2 x 3" is ``frames=16, segments=2,
    crops=3, join=True``: the probe reads the tokens of all segments at once, and probabilities are
    averaged over the crops. Differs: nothing is drawn at random, see :func:`segment_starts`.

    Args:
        video: RGB, 0..255.
        frames: frames of a clip.
        size: height and width of a clip in pixels.
        stride: distance of the frames taken.
        segments: clips over time.
        crops: clips over space.
        join: put the segments of a crop behind one another: ``v`` is ``crops`` and ``t`` is
            ``segments * frames``. Otherwise ``v`` is ``segments * crops``.

    Raises:
        ValueError: a count or size below 1.
    """
    counts = {"frames": frames, "size": size, "stride": stride}
    counts |= {"segments": segments, "crops": crops, "frames of the video": len(video)}
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}.")
    starts = segment_starts(len(video), frames=frames, stride=stride, segments=segments)
    steps = torch.arange(frames) * stride
    # A video that is too short shows its last frame again.
    taken = (torch.tensor(starts)[:, None] + steps).clamp(max=len(video) - 1)
    small = _resized(video[taken.flatten()], size)
    height, width = small.shape[1:3]
    rows, columns = _starts(height - size, crops), _starts(width - size, crops)
    cut = [
        small[:, top : top + size, left : left + size]
        for top, left in zip(rows, columns, strict=True)
    ]
    clips = torch.stack(cut)
    if join:
        return clips
    return rearrange(clips, "v (s t) h w c -> (s v) t h w c", t=frames)


def segment_starts(total: int, *, frames: int, stride: int, segments: int) -> list[int]:
    """First frame of each segment: the video in equal parts, each clip in the middle of its part.

    Clips longer than a part overlap; they keep inside the video where it is long enough.
    """
    span = (frames - 1) * stride + 1
    part = total / segments
    latest = max(total - span, 0)
    middles = (part * (number + 0.5) - span / 2 for number in range(segments))
    return [min(max(int(start), 0), latest) for start in middles]


def average_views(
    score: Float[np.ndarray, "n classes"], videos: Sequence[str] | np.ndarray
) -> Float[np.ndarray, "videos classes"]:
    """Mean over the rows of each video, in the order in which ``np.unique`` sorts the names."""
    names, video = np.unique(np.asarray(videos), return_inverse=True)
    sums = np.zeros((len(names), score.shape[1]))
    np.add.at(sums, video, score)
    return sums / np.bincount(video)[:, None]


def _starts(room: int, count: int) -> list[int]:
    if count == 1:
        return [room // 2]
    return [round(room * number / (count - 1)) for number in range(count)]


def _resized(frames: UInt8[Tensor, "t h w 3"], size: int) -> UInt8[Tensor, "t small_h small_w 3"]:
    height, width = frames.shape[1:3]
    short = min(height, width)
    if short == size:
        return frames
    target = (round(height * size / short), round(width * size / short))
    images = rearrange(frames, "t h w c -> t c h w").float()
    small = F.interpolate(images, size=target, mode="bilinear", antialias=True)
    return rearrange(small.round().clamp(0, 255).to(torch.uint8), "t c h w -> t h w c")
