"""Sends hostile files through the explorer's upload: ``python -m bench.hostile_uploads``.

Each goes through the function that the app calls. None may raise anything but the error meant for
people, leave a file outside of the explorer's folder, reach a server or a file that it names, or
take longer than its time. What is stored is read as a clip, too.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
import time
import traceback
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from jsonargparse import auto_cli
from rich.console import Console

from bench.damaged_inputs import noise, video
from bench.harness import emit, show
from bench.hostile_files import Upload, damaged, disguises, giants, names, packed, playlists
from explorer.clips import UnusableVideo, VideoLimits, accept_upload, read_clip, stored_path

MOST_S = 60.0  # wall seconds of one upload and of reading its clip
_STORED = re.compile(r"[0-9a-f]{16}\.(media|json)")


@dataclass(frozen=True)
class Outcome:
    """What became of one upload.

    Attributes:
        upload: what was sent.
        result: ``stored``, ``refused`` or ``crash``.
        message: shown to the person, or the traceback of a crash.
        seconds: wall time.
        faults: whatever should not have happened.
    """

    upload: Upload
    result: str
    message: str
    seconds: float
    faults: tuple[str, ...]


def all_uploads(secret: Path, address: str) -> list[Upload]:
    """Every hostile file, made as it is asked for."""
    return [*disguises(), *damaged(), *giants(), *packed(), *playlists(secret, address), *names()]


def send(upload: Upload, root: Path, limits: VideoLimits) -> Outcome:
    """One file through the upload, and as a clip where it was stored.

    Args:
        upload: the file.
        root: holds ``incoming`` and ``stored``; may change in ``stored`` alone.
        limits: of the upload.
    """
    place, stored = root / "incoming" / "upload.bin", root / "stored"
    if isinstance(upload.content, bytes):
        place.write_bytes(upload.content)
    else:
        upload.content(place)
    before, start = outside(root), time.perf_counter()
    shown = "clip"
    try:
        video_found = accept_upload(place, upload.name, stored, limits)
        result, message, shown = "stored", "", video_found.name
        path = stored_path(stored, video_found.id)
        read_clip(path, frames=8, size=96, limits=limits, facts=video_found.facts)
    except UnusableVideo as error:
        result, message = "refused", str(error)
    except Exception:
        result, message = "crash", traceback.format_exc()
    seconds = time.perf_counter() - start
    faults = list(_faults(upload, result, message, shown, seconds, root))
    faults += [f"changed {name}" for name in sorted(outside(root) ^ before)]
    _clear(place)
    return Outcome(upload, result, message, seconds, tuple(faults))


def _faults(
    upload: Upload, result: str, message: str, shown: str, seconds: float, root: Path
) -> Iterator[str]:
    if result != upload.expected and (result == "crash" or upload.expected != "either"):
        yield f"{result}, expected {upload.expected}"
    if result == "refused" and not is_clear(message, root):
        yield f"unclear message {message!r}"
    if not is_plain(shown):
        yield f"shows {shown!r}"
    if seconds > MOST_S:
        yield f"took {seconds:.0f} s"
    for name in os.listdir(root / "stored") if (root / "stored").exists() else []:
        if not _STORED.fullmatch(name):
            yield f"left {name!r}"


def is_clear(message: str, root: Path) -> bool:
    """A sentence for a person: no path of this machine, no markup, no traceback."""
    inside = str(root) in message or "Traceback" in message or "<" in message
    return len(message.split()) >= 5 and message[0].isupper() and message[-1] == "." and not inside


def is_plain(name: str) -> bool:
    """No markup, path, control or direction mark, and not too long."""
    wrong = any(one in "<>&\"'`/\\[]{}" or unicodedata.category(one)[0] == "C" for one in name)
    return 0 < len(name) <= 80 and not wrong


def outside(root: Path) -> set[str]:
    """Everything below ``root`` and in the working directory but for the stored videos."""
    found = {str(p) for p in root.rglob("*") if (root / "stored") not in (p, *p.parents)}
    found |= {str(p) for p in root.parent.iterdir() if p.name.endswith("evil.mp4")}
    return found | {f"./{name}" for name in os.listdir()}


def _clear(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        place.rmdir()
    else:
        place.unlink(missing_ok=True)


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server of this machine, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def main(*, tell: bool = False) -> None:
    """Print what became of the uploads, by kind.

    Args:
        tell: print every message, too.
    """
    with tempfile.TemporaryDirectory() as temporary, listener() as (address, asked):
        root = Path(temporary).resolve()
        (root / "incoming").mkdir()
        secret = root / "secret.mp4"
        secret.write_bytes(video([noise(0)] * 4))
        uploads = all_uploads(secret, address)
        outcomes = [send(upload, root, VideoLimits()) for upload in uploads]
    kinds = list(dict.fromkeys(upload.kind for upload in uploads))
    show("Hostile uploads", _COLUMNS, [_row(kind, outcomes) for kind in [*kinds, "all"]])
    console = Console(soft_wrap=True)
    for one in outcomes:
        if tell or one.faults:
            words = f"{one.upload.kind}, {one.upload.name[:40]!r}: {one.result}. {one.message}"
            console.print(words, *one.faults, markup=False)
    emit("hostile_uploads", _figures(outcomes) | {"requests": len(asked)})


_COLUMNS = ["kind", "sent", "refused", "stored", "crashes", "faults", "longest s"]


def _row(kind: str, outcomes: list[Outcome]) -> list[object]:
    chosen = [one for one in outcomes if kind in ("all", one.upload.kind)]
    counts = [sum(one.result == r for one in chosen) for r in ("refused", "stored", "crash")]
    faults = sum(bool(one.faults) for one in chosen)
    return [kind, len(chosen), *counts, faults, max(one.seconds for one in chosen)]


def _figures(outcomes: list[Outcome]) -> dict[str, float]:
    every = [fault for one in outcomes for fault in one.faults]
    return {
        "uploads": len(outcomes),
        "refused": sum(one.result == "refused" for one in outcomes),
        "stored": sum(one.result == "stored" for one in outcomes),
        "crashes": sum(one.result == "crash" for one in outcomes),
        "files_outside": sum(fault.startswith(("changed", "left")) for fault in every),
        "unclear_messages": sum(fault.startswith("unclear") for fault in every),
        "unsafe_names": sum(fault.startswith("shows") for fault in every),
        "all_faults": len(every),
        "longest_s": round(max(one.seconds for one in outcomes), 2),
    }


if __name__ == "__main__":
    auto_cli(main, as_positional=False)
