"""When each frame of a video file is shown, read from its packets without decoding any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from av import Packet
from av.container import InputContainer
from av.video.stream import VideoStream
from jaxtyping import Bool, Float, Int
from numpy import ndarray

# A tag of the whole duration is rounded, and its last frame may have no length: 5 % are forgiven.
_COMPLETE = 0.95


@dataclass(frozen=True)
class Timetable:
    """Frames of a video stream in the order in which they are shown.

    Attributes:
        stamps: when each frame is shown, in ticks, strictly ascending.
        lengths: how long, in ticks; 0 where the file does not say.
        keys: frames at which a decoder can start.
        places: where in the file their bytes begin, -1 where the container does not tell.
        tick: seconds.
    """

    stamps: Int[ndarray, " frames"]
    lengths: Int[ndarray, " frames"]
    keys: Bool[ndarray, " frames"]
    places: Int[ndarray, " frames"]
    tick: float

    @property
    def seconds(self) -> Float[ndarray, " frames"]:
        """When each frame is shown."""
        return self.stamps * self.tick

    def entry(self, number: int) -> int:
        """Stamp of the last frame up to ``number`` at which a decoder can start."""
        before = np.flatnonzero(self.keys[: number + 1])
        return int(self.stamps[before[-1] if len(before) else 0])


def read_timetable(container: InputContainer, stream: VideoStream) -> Timetable:
    """Read all packets of a stream: 3 microseconds each, and a file is read to its end once.

    Frame rates that vary and frames that an edit list hides come out right, which no header says.

    Raises:
        ValueError: no frames, frames without times, or fewer frames than the file declares.
    """
    declared = stream.frames
    if "mp4" in container.format.name.split(","):
        declared = min(declared, len(stream.index_entries))  # what an edit list leaves of them
    rows: list[tuple[int, ...]] = []
    stored = 0
    for packet in container.demux(stream):
        if not packet.size:
            continue  # the end of the file
        if packet.is_corrupt:
            raise ValueError(f"cut short or damaged after {stored} frames")
        stored += 1
        if packet.is_discard:
            continue  # hidden by the file's edit list
        if packet.pts is None:
            raise ValueError(f"frame {stored - 1} has no time; put the video into an mp4 or mkv")
        rows.append((packet.pts, packet.duration or 0, packet.is_keyframe, _place(packet)))
    if not rows:
        raise ValueError("no frames")
    if stored < declared:
        raise ValueError(f"cut short, {stored} of {declared} frames")
    table = _in_order(rows, float(stream.time_base or 0))
    _check_duration(table, stream.metadata.get("DURATION"))
    return table


def _place(packet: Packet) -> int:
    return -1 if packet.pos is None else packet.pos


def _in_order(rows: Sequence[tuple[int, ...]], tick: float) -> Timetable:
    columns = np.array(rows, dtype=np.int64).T
    stamps, first = np.unique(columns[0], return_index=True)
    _, lengths, keys, places = columns[:, first]
    return Timetable(stamps, lengths, keys.astype(bool), places, tick)


def _check_duration(table: Timetable, tag: str | None) -> None:
    """Matroska files declare no number of frames, but often a duration such as 00:00:02.6."""
    parts = (tag or "").split(":")
    if len(parts) != 3 or not all(part.replace(".", "", 1).isdigit() for part in parts):
        return
    hours, minutes, seconds = map(float, parts)
    declared = 3600 * hours + 60 * minutes + seconds
    found = float((table.stamps[-1] + table.lengths[-1]) * table.tick)
    if found < _COMPLETE * declared:
        raise ValueError(f"cut short, {found:.2f} of {declared:.2f} seconds")
