"""Latent frames as large as the clip's, and videos side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from matplotlib.colors import to_rgb as colour_to_rgb
from PIL import Image, ImageDraw, ImageFont

from explorer.clip import Clip
from jepakit.evals.figures.animation import join_clips
from jepakit.evals.figures.style import INK, PAPER

SIDE = 384  # pixels of the shorter side, at least
HEAD = 30  # pixels for titles
FONT = 17  # pixels


def latent_frames(
    rgb: UInt8[np.ndarray, "tt hh ww 3"], clip: Clip, tubelet: int, *, patch: int | None = None
) -> UInt8[np.ndarray, "t h w 3"]:
    """Every pixel of a clip in the colour of its token.

    An axis of length 1 (averages over time or space) stands for all. Frames after the last whole
    tubelet, and pixels after the last whole patch, take the colour of the last one.

    Args:
        rgb: colours of tokens.
        clip: that was encoded.
        tubelet: frames of a time slice.
        patch: side of a token in pixels; by default what divides the clip evenly.

    Raises:
        ValueError: more tokens than the clip has, or none that divide it.
    """
    height, width = clip.size
    slices, rows, columns = rgb.shape[:3]
    if patch is None and (height % rows or width % columns):
        raise ValueError(
            f"{rows} x {columns} tokens do not divide {height} x {width} pixels: say their patch."
        )
    places = (
        _places(len(clip), slices, tubelet),
        _places(height, rows, patch or height // rows),
        _places(width, columns, patch or width // columns),
    )
    return rgb[np.ix_(*places)]


def side_by_side(
    *videos: UInt8[np.ndarray, "_ _ _ 3"], titles: Sequence[str] = (), least: int = SIDE
) -> UInt8[np.ndarray, "t tall wide 3"]:
    """Videos of one length from left to right, with thin gaps, enlarged without smoothing.

    Args:
        videos: of one number of frames; all are stretched to one height.
        titles: above each of them; none leaves no room for titles.
        least: shorter side of every video in pixels, at least; 0 only evens out heights.

    Raises:
        ValueError: no videos, videos of several lengths, or another number of titles.
    """
    if len({len(video) for video in videos}) != 1 or not len(videos[0]):
        lengths = [len(video) for video in videos]
        raise ValueError(f"Videos side by side need one number of frames, came {lengths}.")
    if titles and len(titles) != len(videos):
        raise ValueError(f"{len(videos)} videos need as many titles, came {len(titles)}.")
    height = max(_enlarged_height(video.shape[1], video.shape[2], least) for video in videos)
    panels = [_stretched(video, height) for video in videos]
    joined = join_clips(panels)
    paper = (255 * np.array(colour_to_rgb(PAPER))).astype(np.uint8)
    out = np.where(joined[..., 3:] > 0, joined[..., :3], paper)
    return _titled(out, titles, [panel.shape[2] for panel in panels]) if titles else out


def _places(size: int, tokens: int, extent: int) -> np.ndarray:
    """Number of the token at every pixel or frame."""
    if tokens > 1 and (tokens - 1) * extent >= size:
        raise ValueError(f"{tokens} tokens of {extent} do not fit in {size} pixels or frames.")
    return np.minimum(np.arange(size) // extent, tokens - 1)


def _enlarged_height(height: int, width: int, least: int) -> int:
    """By a whole number, so that pixels of equal videos stay squares of one size."""
    return height * max(1, -(-least // min(height, width)))


def _stretched(
    video: UInt8[np.ndarray, "t h w 3"], height: int
) -> UInt8[np.ndarray, "t tall wide 3"]:
    low, narrow = video.shape[1:3]
    if low == height:
        return video
    width = round(narrow * height / low)
    rows, columns = np.arange(height) * low // height, np.arange(width) * narrow // width
    return video[:, rows[:, None], columns[None]]


def _titled(
    joined: UInt8[np.ndarray, "t h w 3"], titles: Sequence[str], widths: Sequence[int]
) -> UInt8[np.ndarray, "t tall w 3"]:
    gap = (joined.shape[2] - sum(widths)) // max(len(widths) - 1, 1)
    head = Image.new("RGB", (joined.shape[2], HEAD), PAPER)
    font = ImageFont.load_default(size=FONT)
    draw = ImageDraw.Draw(head)
    left = 0
    for title, width in zip(titles, widths, strict=True):
        while title and draw.textlength(title, font=font) > width - 4:
            title = title.rstrip("…")[:-1].rstrip() + "…" if len(title) > 2 else ""
        draw.text((left + 2, HEAD // 2), title, INK, font=font, anchor="lm")
        left += width + gap
    top = np.broadcast_to(np.asarray(head), (len(joined), HEAD, joined.shape[2], 3))
    return np.concatenate([top, joined], axis=1)
