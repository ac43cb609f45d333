"""Frames of a video through torchcodec, which decodes with the FFmpeg of the system."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from jaxtyping import Float, UInt8
from numpy import ndarray

from jepakit.data.schema import BadSample
from jepakit.data.video.frame_source import FrameSource
from jepakit.data.video.pyav_video import naming, open_stream
from jepakit.data.video.timetable import read_timetable


class TorchcodecVideo(FrameSource):
    """A video file, open for torchcodec.

    The timetable is PyAV's, so that both decoders number frames alike; pixels were the same bit for
    bit in FFmpeg 5.1. Differs from PyAV: it decodes frames that nobody refers to (at 4 Hz and 16
    frames it loaded 0.7 to 0.8 times as many clips per CPU second, see ``bench.video_loading``),
    and errors inside a frame that FFmpeg conceals are not noticed.

    Args:
        path: of the file. Of several video streams the first is taken, cover pictures left aside.

    Raises:
        BadSample: no such file, no video, or cut short.
        ValueError: torchcodec or the FFmpeg that it needs is not installed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        decoder = load_torchcodec()
        with naming(path):
            container, stream = open_stream(path)
            with container:
                table = self.timetable = read_timetable(container, stream)
                index = stream.index
        rows = zip(table.stamps.tolist(), table.lengths.tolist(), table.keys.tolist(), strict=True)
        frames = [{"pts": pts, "duration": d, "key_frame": int(key)} for pts, d, key in rows]
        try:
            self._decoder = decoder(
                path,
                stream_index=index,
                dimension_order="NHWC",
                num_ffmpeg_threads=1,
                custom_frame_mappings=json.dumps({"frames": frames}),
            )
        except RuntimeError as error:
            raise BadSample(f"{path}: {error}") from error

    @property
    def seconds(self) -> Float[ndarray, " frames"]:
        """When each frame is shown."""
        return self.timetable.seconds

    def close(self) -> None:
        """Let go of the file."""
        del self._decoder

    def frames(self, numbers: Sequence[int]) -> Iterator[UInt8[ndarray, "h w 3"]]:
        """These frames, strictly ascending.

        Raises:
            BadSample: a frame is missing, or torchcodec delivers another one.
        """
        for number in numbers:
            second = self.seconds[number]
            try:
                frame = self._decoder.get_frame_at(int(number))
            except (RuntimeError, IndexError) as error:
                raise BadSample(
                    f"{self.path}: frame {number} at {second:.3f} s cannot be decoded: {error}"
                ) from error
            if abs(frame.pts_seconds - second) > self.timetable.tick / 2:
                raise BadSample(
                    f"{self.path}: frame {number} at {second:.3f} s was asked for, torchcodec "
                    f"delivers the one at {frame.pts_seconds:.3f} s"
                )
            yield frame.data.numpy()


def load_torchcodec() -> Any:
    """The class ``torchcodec.decoders.VideoDecoder``.

    Raises:
        ValueError: torchcodec is not installed, or does not find the FFmpeg that it needs.
    """
    try:
        import torchcodec
        from torchcodec.decoders import VideoDecoder
    except (ImportError, RuntimeError, OSError) as error:
        raise ValueError(_needs(str(error).strip().split("\n")[0])) from error
    if torchcodec.ffmpeg_major_version is None:  # importing it succeeds all the same
        raise ValueError(_needs("it finds no FFmpeg"))
    return VideoDecoder


def _needs(reason: str) -> str:
    return (
        f"decoder='torchcodec' cannot run here ({reason}). It needs the package (pip install "
        "'jepakit[torchcodec]', in a release made for your torch) and the shared libraries of a "
        "system FFmpeg 4 or newer. decoder='pyav' needs neither."
    )
