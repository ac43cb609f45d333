"""FFmpeg on a leash: one container, listed decoders, local files, frames of bounded size."""

from __future__ import annotations

from av import open as open_file
from av.container import InputContainer
from av.video.stream import VideoStream

from explorer.clips.limits import UnusableVideo, VideoLimits
from jepakit.data.video.pyav_video import first_pictures

_WHOLE_NAMES = {"avi": "avi", "matroska": "matroska,webm", "mov": "mov,mp4,m4a,3gp,3g2,mj2"}
_ENDLESS_S = 20.0  # of opening, or of waiting for one packet


def open_bounded(
    path: str, container: str, limits: VideoLimits, *, max_pixels: int
) -> tuple[InputContainer, VideoStream]:
    """The file and its first stream of moving pictures, decoded with one thread.

    Args:
        path: absolute, so that FFmpeg takes it for no protocol.
        container: FFmpeg's name, by the file's first bytes; it is not asked to guess.
        limits: name the decoders.
        max_pixels: of any frame, also where the size changes on the way.

    Raises:
        UnusableVideo: a codec that is not read.
        ValueError: no video in it.
    """
    bound = str(2 * max_pixels + 256 * 256)  # codecs pad to whole blocks
    opened = open_file(
        path,
        format=container,
        # These reach the decoders that look for the sizes of the streams, too.
        options={
            "max_pixels": bound,
            "codec_whitelist": ",".join(sorted(limits.codecs)),
            "format_whitelist": _WHOLE_NAMES[container],
            "protocol_whitelist": "file",
        },
        metadata_errors="replace",
        timeout=_ENDLESS_S,
    )
    stream = first_pictures(opened)
    codec = stream.codec_context.name
    if codec not in limits.codecs:
        opened.close()
        raise UnusableVideo(
            f"The video is coded as {codec}; save it as H.264 in an mp4, or as VP9 in a webm."
        )
    stream.codec_context.options = {"max_pixels": bound}
    return opened, stream
