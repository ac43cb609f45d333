"""Real episodes beside their goals as moving pictures, for the page, as GIF and as MP4."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from jaxtyping import UInt8
from matplotlib.colors import to_rgb
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFont

from jepakit.evals.figures.overlays import enlarge
from jepakit.evals.figures.style import INK, NEUTRAL, PALETTE, PAPER
from jepakit.planning_pictures import Reel

FPS = 5.0  # Hz
SIDE = 128  # pixels of a picture's shorter side at least
BORDER = 4  # pixels
HEAD = 18  # pixels for a name
COLUMNS = 2
RUNNING, SOLVED, FAILED = NEUTRAL, PALETTE[2], PALETTE[1]


def episode_clip(reel: Reel, *, length: int) -> UInt8[ndarray, "t h w 3"]:
    """The episode and, to its right, the goal; framed in green when solved, in orange when failed.

    Args:
        reel: the episode.
        length: frames; the last one stays until then.
    """
    held = np.minimum(np.arange(length), len(reel.frames) - 1)
    frames = enlarge(reel.frames, SIDE)[held]
    goal = np.broadcast_to(enlarge(reel.goal[None], SIDE), frames.shape)
    clip = np.concatenate([_framed(frames), _framed(goal)], axis=2)
    over = np.arange(length) >= len(reel.frames) - 1
    ended = _framed(frames[over], SOLVED if reel.success else FAILED)
    clip[over, :, : ended.shape[2]] = ended
    return clip


def tiled_episodes(reels: Sequence[Reel]) -> UInt8[ndarray, "t h w 3"]:
    """Episodes in rows, each below the names of its agent and task; the sides are even numbers.

    Raises:
        ValueError: there is none.
    """
    if not reels:
        raise ValueError("No episodes to show: keep the frames of at least one.")
    length = max(len(reel.frames) for reel in reels)
    cells = [_named(episode_clip(reel, length=length), reel) for reel in reels]
    blank = np.full_like(cells[0], 255)
    columns = min(COLUMNS, len(cells))
    cells += [blank] * (-len(cells) % columns)
    lines = [cells[i : i + columns] for i in range(0, len(cells), columns)]
    tiled = np.concatenate([np.concatenate(line, axis=2) for line in lines], axis=1)
    odd = [(0, size % 2) for size in tiled.shape[1:3]]
    return np.pad(tiled, ((0, 0), *odd, (0, 0)), constant_values=255)


def write_gif(path: Path, frames: UInt8[ndarray, "t h w 3"], *, fps: float = FPS) -> Path:
    """A GIF that repeats for ever; the last frame stays for a second."""
    duration = [round(1000 / fps)] * len(frames)
    duration[-1] = max(duration[-1], 1000)
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(path, save_all=True, append_images=images[1:], duration=duration, loop=0)
    return path


def write_mp4(path: Path, frames: UInt8[ndarray, "t h w 3"], *, fps: float = FPS) -> Path:
    """An MP4 that browsers and slides play (H.264 where PyAV has x264, else MPEG-4)."""
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1000))
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        if codec == "libx264":
            stream.options = {"crf": "16"}
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def _framed(
    frames: UInt8[ndarray, "t h w 3"], colour: str = RUNNING
) -> UInt8[ndarray, "t tall wide 3"]:
    height, width = (size + 2 * BORDER for size in frames.shape[1:3])
    out = np.empty((len(frames), height, width, 3), np.uint8)
    out[:] = np.array(to_rgb(colour)) * 255
    out[:, BORDER:-BORDER, BORDER:-BORDER] = frames
    return out


def _named(clip: UInt8[ndarray, "t h w 3"], reel: Reel) -> UInt8[ndarray, "t tall wide 3"]:
    """A clip with a white margin and, above, whose episode it is."""
    width = clip.shape[2]
    head = Image.new("RGB", (width, HEAD), PAPER)
    font = ImageFont.load_default(size=11)
    draw = ImageDraw.Draw(head)
    draw.text((2, 2), f"{reel.agent}, {reel.task}", INK, font=font)
    draw.text((width // 2 + 2 * BORDER + 2, 2), "goal", INK, font=font)
    top = np.broadcast_to(np.asarray(head), (len(clip), HEAD, width, 3))
    return np.pad(
        np.concatenate([top, clip], axis=1),
        ((0, 0), (BORDER, BORDER), (BORDER, BORDER), (0, 0)),
        constant_values=255,
    )
