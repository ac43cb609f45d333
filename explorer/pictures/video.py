"""Videos that browsers play, as bytes."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
import numpy as np
from av.video.stream import VideoStream
from jaxtyping import UInt8

from explorer.pictures.frames import SIDE
from jepakit.data.mp4_clip import encode_mp4
from jepakit.data.schema import ClipFormat
from jepakit.evals.figures.overlays import enlarge

Codec = Literal["h264", "vp8"]

ENCODERS: dict[Codec, str] = {"h264": "libx264", "vp8": "libvpx"}
QUALITY = 88  # x264's crf 14: flat patches of latents keep their colours and edges
VP8_OPTIONS = {"crf": "6", "b": "20M", "qmin": "2", "deadline": "good", "cpu-used": "4"}


@dataclass(frozen=True)
class VideoBytes:
    """A video file.

    Attributes:
        data: of the file.
        mime: ``video/mp4`` or ``video/webm``.
    """

    data: bytes
    mime: str

    @property
    def suffix(self) -> str:
        """Of a file with this video."""
        return f".{self.mime.partition('/')[2]}"

    @property
    def uri(self) -> str:
        """The video as address of its own, for pages that load nothing."""
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode()}"


def encode_video(
    frames: UInt8[np.ndarray, "t h w 3"],
    fps: float,
    *,
    codec: Codec | None = None,
    least: int = SIDE,
) -> VideoBytes:
    """A video that browsers play: H.264 with 4:2:0 chroma in mp4, or VP8 in WebM.

    Frames are enlarged without smoothing; an odd side is made even by repeating its last pixels.

    Args:
        frames: of the video.
        fps: frames per second.
        codec: by default H.264 where PyAV has x264, else VP8.
        least: shorter side in pixels, at least; 0 leaves frames as they are.

    Raises:
        ValueError: no frames, a rate that no video states, or a PyAV without such an encoder.
    """
    if not frames.size or not 0.01 <= fps <= 1000:
        raise ValueError(
            f"A video needs frames and 0.01 to 1000 of them per second, got {len(frames)}, {fps}."
        )
    codec = codec or available_codec()
    big = enlarge(frames, least) if least else frames
    odd = [(0, side % 2) for side in big.shape[1:3]]
    even = np.pad(big, ((0, 0), *odd, (0, 0)), mode="edge")
    if codec == "vp8":
        return VideoBytes(_encode_webm(even, fps), "video/webm")
    count, height, width = even.shape[:3]
    form = ClipFormat(count, height, width, 1, 1, "mp4", quality=QUALITY, subsampling="420")
    return VideoBytes(encode_mp4(even, form, fps=fps), "video/mp4")


def available_codec() -> Codec:
    """H.264 where PyAV has x264, else VP8.

    Raises:
        ValueError: neither.
    """
    for codec, encoder in ENCODERS.items():
        if encoder in av.codecs_available:
            return codec
    raise ValueError(
        f"This PyAV has none of {', '.join(ENCODERS.values())}: install a wheel of PyPI, pip "
        "install --force-reinstall --only-binary=av av."
    )


def _encode_webm(frames: UInt8[np.ndarray, "t h w 3"], fps: float) -> bytes:
    if ENCODERS["vp8"] not in av.codecs_available:
        raise ValueError("This PyAV has no libvpx; take codec='h264'.")
    out = io.BytesIO()
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(out, "w", format="webm", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(ENCODERS["vp8"], rate=rate, options=dict(VP8_OPTIONS))
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return out.getvalue()
