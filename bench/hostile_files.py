"""Files that a viewer of videos must survive, made here: containers, bombs, archives, playlists."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from bench.damaged_inputs import coded, noise, video


@dataclass(frozen=True)
class Upload:
    """One file that somebody sends.

    Attributes:
        kind: row of the table.
        name: that it had where it came from.
        content: bytes, or what puts something at the given path.
        expected: ``refused``, ``stored``, or ``either`` where both are safe.
    """

    kind: str
    name: str
    content: bytes | Callable[[Path], object]
    expected: str = "refused"


class Trap:
    """Unpickled, it leaves a mark."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch HOSTILE_MARK",)


def muxed(
    times: list[int],
    suffix: str = "mp4",
    *,
    size: int = 16,
    codec: str = "mpeg4",
    rate: int = 1000,
    sound: bool = False,
) -> bytes:
    """One coded picture shown at these times (ticks of ``1 / rate`` seconds), or sound instead."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format={"mkv": "matroska"}.get(suffix, suffix)) as container:
        if sound:
            audio: Any = container.add_stream("pcm_s16le" if suffix != "mp4" else "aac", rate=8000)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
            if suffix != "mp4":
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
            frame.sample_rate = 8000
            for packet in [*audio.encode(frame), *audio.encode(None)]:
                container.mux(packet)
            return _closed(container, buffer)
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width = stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, rate)
        picture = av.VideoFrame.from_ndarray(noise(0, size, size), format="rgb24")
        picture.pts = 0
        packets = [*stream.encode(picture), *stream.encode(None)] if times else []
        container.start_encoding()
        coded_picture = bytes(packets[0]) if packets else b""
        for time in times:
            packet = av.Packet(coded_picture)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, time, time, True
            packet.time_base = Fraction(1, rate)
            container.mux(packet)
    return buffer.getvalue()


def _closed(container: Any, buffer: io.BytesIO) -> bytes:
    container.close()
    return buffer.getvalue()


def patched(data: bytes, mark: bytes, offset: int, new: bytes) -> bytes:
    """Other bytes at a place behind the first mark."""
    place = data.index(mark) + offset
    return data[:place] + new + data[place + len(new) :]


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of one bit per pixel with this header, and whatever chunks."""
    header = (b"IHDR", struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0))
    parts = [b"\x89PNG\r\n\x1a\n"]
    for tag, body in (header, *chunks, (b"IEND", b"")):
        code = zlib.crc32(tag + body)
        parts.append(struct.pack(">I", len(body)) + tag + body + struct.pack(">I", code))
    return b"".join(parts)


def disguises() -> Iterator[Upload]:
    """Something else under the name of a video."""
    script = b"<html><script>fetch('/')</script></html>"
    others = {
        "page.mp4": b"<!DOCTYPE html>" + script,
        "drawing.mp4": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "entities.mp4": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        "animation.mp4": coded(noise(0), "gif"),
        "program.mp4": b"\x7fELF" + bytes(200),
        "windows.mp4": b"MZ" + bytes(200),
        "script.mp4": b"#!/bin/sh\ntouch HOSTILE_MARK\n",
        "paper.mp4": b"%PDF-1.7\n" + bytes(100),
        "print.mp4": b"%!PS\n(HOSTILE_MARK) (w) file\n",
        "tiff.mp4": coded(noise(0), "tiff"),
        "note.mp4": b"this is no video\n" * 9,
        "bytes.mp4": random.Random(0).randbytes(5000),
        "ftyp.mp4": b"\x00\x00\x00\x20ftypisom" + random.Random(1).randbytes(5000),
        "ebml.mkv": b"\x1a\x45\xdf\xa3" + random.Random(2).randbytes(5000),
        "riff.avi": b"RIFF\xff\xff\xff\xffAVI " + random.Random(3).randbytes(5000),
    }
    yield from (Upload("wrong content", name, data) for name, data in others.items())
    yield Upload("wrong content", "picture.mp4", coded(noise(0), "webp"), "stored")


def damaged() -> Iterator[Upload]:
    """Cut, empty, spoiled, and without frames."""
    whole, matroska = video([noise(n) for n in range(12)]), video([noise(0)] * 12, ".mkv")
    for share in (0.02, 0.3, 0.6, 0.95):
        yield Upload("truncated", "cut.mp4", whole[: int(share * len(whole))])
    yield Upload("truncated", "cut.mkv", matroska[: len(matroska) // 2])
    yield Upload("truncated", "cut.png", coded(noise(0), "png")[:200])
    yield Upload("truncated", "cut.jpg", coded(noise(0), "jpeg")[:400])
    for data in (b"", b"\x00", bytes(4096)):
        yield Upload("zero bytes", "empty.mp4", data)
    for suffix in ("mp4", "mkv", "avi"):
        yield Upload("zero frames", f"none.{suffix}", muxed([], suffix))
    draws = random.Random(4)
    for _ in range(5):
        spoiled = bytearray(whole)
        for place in draws.sample(range(len(whole)), 64):
            spoiled[place] = draws.randrange(256)
        yield Upload("spoiled bytes", "spoiled.mp4", bytes(spoiled), "either")
    for suffix in ("mp4", "mkv"):
        yield Upload("sound only", f"song.{suffix}", muxed([], suffix, sound=True))
    yield Upload("sound only", "song.mp4", b"ID3\x04" + bytes(300))


def giants() -> Iterator[Upload]:
    """Few bytes that want much memory, and long videos."""
    short = muxed([0, 40, 80, 120])
    huge = struct.pack(">2H", 65535, 65535)
    yield Upload("huge frames", "declared.mp4", patched(short, b"mp4v", 28, huge), "either")
    large = np.zeros((4608, 8192, 3), np.uint8)
    yield Upload("huge frames", "real.mp4", video([large]))
    avi = patched(muxed([0, 1], "avi", rate=25), b"strf", 12, struct.pack("<2I", 60000, 60000))
    yield Upload("huge frames", "declared.avi", avi, "either")
    yield Upload("huge frames", "header.png", png(60000, 60000, (b"IDAT", zlib.compress(b"0"))))
    bitmap = patched(coded(noise(0), "bmp"), b"BM", 18, struct.pack("<2I", 50000, 50000))
    yield Upload("huge frames", "header.bmp", bitmap)
    jpeg = patched(coded(noise(0), "jpeg"), b"\xff\xc0", 5, struct.pack(">2H", 65500, 65500))
    yield Upload("huge frames", "header.jpg", jpeg)
    motion = muxed([0, 1, 2, 3], "avi", codec="mjpeg", rate=25)
    place = motion.rindex(b"\xff\xc0") + 5
    grown = motion[:place] + struct.pack(">2H", 30000, 30000) + motion[place + 4 :]
    yield Upload("huge frames", "grows.avi", grown, "either")
    rows = zlib.compress(bytes(20000 * 2501), 9)
    yield Upload("bomb", "pixels.png", png(20000, 20000, (b"IDAT", rows)))
    text = (b"zTXt", b"a\x00\x00" + zlib.compress(bytes(300_000_000), 9))
    yield Upload("bomb", "text.png", png(8, 8, text, (b"IDAT", zlib.compress(bytes(16)))), "either")
    profile = (b"iCCP", b"a\x00\x00" + zlib.compress(bytes(300_000_000), 9))
    tiny = png(8, 8, profile, (b"IDAT", zlib.compress(bytes(16))))
    yield Upload("bomb", "profile.png", tiny, "either")
    many = struct.pack(">3I", 0, 1, 100_000_000)
    samples = patched(short, b"stsz", 4, many)
    runs = patched(samples, b"stsc", 12, struct.pack(">2I", 1, 100_000_000))
    yield Upload("bomb", "samples.mp4", runs)
    yield Upload("bomb", "times.mp4", patched(short, b"stts", 12, b"\x7f\xff\xff\xff"), "either")
    nested = b"".join(struct.pack(">I4s", 8 * (20_000 - n), b"moov") for n in range(20_000))
    yield Upload("bomb", "nested.mp4", short[:28] + nested)
    yield Upload("bomb", "size.mp4", short[:28] + b"\x00\x00\x00\x01mdat" + b"\x7f" + b"\xff" * 7)
    element = b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff"
    yield Upload("bomb", "endless.mkv", element + bytes(2000))
    yield Upload("too long", "hour.mp4", muxed([n * 600_000 for n in range(7)]))
    yield Upload("too long", "frames.mkv", muxed(list(range(0, 80_000 * 5, 5)), "mkv"))
    yield Upload("too long", "leap.mkv", muxed([0, 40, 1 << 40], "mkv"))
    yield Upload("too large", "sparse.mp4", lambda path: _sparse(path, 300_000_000))


def _sparse(path: Path, size: int) -> None:
    path.write_bytes(muxed([0, 40]))
    os.truncate(path, size)


def packed() -> Iterator[Upload]:
    """Archives and pickles under the names of videos, some behind a whole video."""
    clip, trap = video([noise(0)] * 4), Trap()
    inside, tar, array = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inside, "w") as archive:
        archive.writestr("../../evil.mp4", clip)
    with tarfile.open(fileobj=tar, mode="w") as archive_tar:
        info = tarfile.TarInfo("../../evil.mp4")
        info.size = len(clip)
        archive_tar.addfile(info, io.BytesIO(clip))
    np.save(array, np.array([trap], dtype=object), allow_pickle=True)
    yield Upload("archive", "a.mp4", inside.getvalue())
    yield Upload("archive", "b.zip", inside.getvalue())
    yield Upload("archive", "c.mp4", tar.getvalue())
    yield Upload("archive", "d.mp4", gzip.compress(bytes(50_000_000)))
    yield Upload("archive", "e.mp4", b"\xfd7zXZ\x00" + bytes(100))
    yield Upload("archive", "f.mp4", clip + inside.getvalue(), "stored")
    for protocol in (0, 2, 4, 5):
        yield Upload("pickle", f"weights{protocol}.mp4", pickle.dumps(trap, protocol))
    yield Upload("pickle", "array.mp4", array.getvalue())
    yield Upload("pickle", "behind.mp4", clip + pickle.dumps(trap), "stored")


def playlists(secret: Path, address: str) -> Iterator[Upload]:
    """Lists that would make FFmpeg open a file of this machine, or an address.

    Args:
        secret: a whole video that must not be read.
        address: of a server that must not be asked.
    """
    for target in (f"{address}/a.ts", f"file://{secret}"):
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"
        yield Upload("playlist", "list.mp4", text.encode())
        # Known trick: the beginning of one format, the rest of another.
        yield Upload("playlist", "list.avi", b"RIFF\x00\x10\x00\x00AVI " + text.encode())
        concat = f"ffconcat version 1.0\nfile '{target}'\n"
        yield Upload("playlist", "concat.mp4", concat.encode())
    yield Upload("playlist", "list.m3u", f"{address}/a.mp4\n".encode())
    yield Upload("playlist", "list.pls", f"[playlist]\nFile1={address}/a.mp4\n".encode())
    yield Upload(
        "playlist", "dash.mp4", f"<?xml?><MPD><BaseURL>{address}/</BaseURL></MPD>".encode()
    )
    yield Upload("playlist", "stream.sdp", b"v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n")
    elsewhere = muxed([0, 40, 80])
    place = elsewhere.index(b"url ") + 4
    # The samples lie in another file, says the header, and not which one.
    elsewhere = elsewhere[:place] + bytes(4) + elsewhere[place + 4 :]
    yield Upload("playlist", "reference.mp4", elsewhere, "either")
    yield Upload("link or device", "link.mp4", lambda path: path.symlink_to(secret))
    yield Upload("link or device", "passwd.mp4", lambda path: path.symlink_to("/etc/passwd"))
    yield Upload("link or device", "lost.mp4", lambda path: path.symlink_to("/no/where"))
    yield Upload("link or device", "folder.mp4", lambda path: path.mkdir())
    yield Upload("link or device", "pipe.mp4", os.mkfifo)
    yield Upload("link or device", "missing.mp4", lambda _: None)


PATHS = (
    "../../../etc/cron.d/evil.mp4",
    "..\\..\\windows\\evil.mp4",
    "/etc/passwd",
    "C:\\evil.mp4",
    "%2e%2e%2fevil.mp4",
    "evil.mp4\x00.png",
    "..",
    "",
    "x" * 5000 + ".mp4",
    "-rf.mp4",
    "$(touch HOSTILE_MARK).mp4",
    "concat:/etc/passwd|x.mp4",
    "http://127.0.0.1/x.mp4",
    "a\r\nSet-Cookie: x=1.mp4",
)
MARKUP = (
    "<script>alert(1)</script>.mp4",
    "<img src=x onerror=alert(1)>.mp4",
    '"><svg onload=alert(1)>.mp4',
    "[x](javascript:alert(1)).mp4",
    "＜script＞alert(1).mp4",
    "{{7*7}}{%x%}.mp4",
    "clip\u202e4pm.exe",
    "\u2066\u200bclip\ufeff.mp4",
    "\udcff\ud800.mp4",
)


def names() -> Iterator[Upload]:
    """A good video under names that are not."""
    clip = video([noise(n) for n in range(8)])
    yield from (Upload("path in the name", name, clip, "stored") for name in PATHS)
    yield from (Upload("markup in the name", name, clip, "stored") for name in MARKUP)
