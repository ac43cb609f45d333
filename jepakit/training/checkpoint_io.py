"""Checkpoints that survive a kill, a full disk and a bad sector."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.utilities.rank_zero import rank_zero_warn

TEMPORARY = ".writing"
"""Ending of a file that is being written; one that is left over is worthless."""


class CorruptCheckpointError(RuntimeError):
    """No file of a checkpoint is what was once written."""


class DurableCheckpointIO(CheckpointIO):
    """Writes a checkpoint so that at every instant a whole, verified one is on disk.

    ``NAME.ckpt`` has a sidecar ``NAME.ckpt.sha256`` and a predecessor ``NAME.previous.ckpt`` with a
    sidecar of its own. A save writes a temporary file *in the same folder*, flushes it to the disk,
    and only then renames the old file to its previous name and the new one to its own. (Lightning
    2.6 writes to the system's temporary folder and moves: on another file system that is a copy, 22
    of 52 kills left a corrupt file, and a full disk destroyed the old one.)

    A sidecar and its file cannot be replaced in one step. While files change places a sidecar lists
    the digests of both, so that a kill in between leaves nothing that looks corrupt.

    Loading checks the digest, never unpickles code (``weights_only``), and falls back to the
    predecessor with a warning that says so. Paths are local or mounted, not URLs.
    """

    def __init__(self, failures_allowed: int = 0) -> None:
        """Keep the limit.

        Args:
            failures_allowed: saves in a row that may fail for want of space or rights with only a
                warning; the next one stops the run.
        """
        self.failures_allowed = failures_allowed
        self._failures = 0

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write ``checkpoint`` to ``path`` and keep what was there as its predecessor.

        Raises:
            OSError: the disk refused, more often in a row than allowed; the old files are intact.
            ValueError: ``path`` is a URL, or ``storage_options`` are given.
        """
        if storage_options is not None or "://" in str(path):
            raise ValueError(f"Checkpoints go to local paths without storage options, not {path}.")
        target = Path(path)
        try:
            _write(checkpoint, target)
        except OSError as error:
            self._failures += 1
            message = (
                f"Could not write {target}: {error.strerror or error}. The checkpoint written "
                "before it is untouched."
            )
            if self._failures > self.failures_allowed:
                raise OSError(error.errno, message) from error
            rank_zero_warn(f"{message} Training goes on; free some space.")
        else:
            self._failures = 0

    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Any = "cpu",
        weights_only: bool | None = None,  # noqa: ARG002, FBT001
    ) -> dict[str, Any]:
        """Read the checkpoint, or its predecessor where it is damaged or missing.

        Raises:
            FileNotFoundError: neither exists.
            CorruptCheckpointError: none of them is whole.
        """
        found = [file for file in (Path(path), previous(Path(path))) if file.exists()]
        if not found:
            raise FileNotFoundError(f"There is no checkpoint {path}.")
        reasons = []
        for file in found:
            try:
                loaded = _read(file, map_location)
            except CorruptCheckpointError as error:
                reasons.append(str(error))
                continue
            if file != Path(path):
                why = " ".join(reasons) or f"{path} is missing."
                rank_zero_warn(f"{why} Falling back to the one before it, {file}.")
            return loaded
        raise CorruptCheckpointError(" ".join([*reasons, "No earlier checkpoint is left."]))

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Delete the checkpoint, its predecessor and their sidecars."""
        for file in (Path(path), previous(Path(path))):
            file.unlink(missing_ok=True)
            sidecar(file).unlink(missing_ok=True)


def previous(path: Path) -> Path:
    """Where the checkpoint before this one lies."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def sidecar(path: Path) -> Path:
    """The file with the SHA-256 of a checkpoint, in the format of ``sha256sum``."""
    return path.with_name(path.name + ".sha256")


def remove_leftovers(folder: Path) -> int:
    """Delete what killed saves left half-written; call only while no other process saves here."""
    leftovers = list(folder.glob(f"*{TEMPORARY}"))
    for file in leftovers:
        file.unlink(missing_ok=True)
    return len(leftovers)


class _HashingWriter:
    """A file that computes the SHA-256 of what passes through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def _replacing(target: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A temporary file beside ``target``: on the disk when the block ends, gone when it raises."""
    temporary = target.with_name(target.name + TEMPORARY)
    try:
        with temporary.open("wb") as file:
            yield file, temporary
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(checkpoint: dict[str, Any], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(target) as (file, temporary):
        writer = _HashingWriter(file)
        with _as_os_error():
            torch.save(checkpoint, cast(BinaryIO, writer))
    try:
        digest, before = writer.hexdigest(), previous(target)
        old, older = _digests(target), _digests(before)
        _note(target, [digest, *old])
        if target.exists():
            _note(before, [*old, *older])
            target.replace(before)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)
    _note(target, [digest])
    if old:
        _note(before, old)


@contextmanager
def _as_os_error() -> Iterator[None]:
    """torch closes its archive after a failed write and then complains of a wrong position."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise


def _note(target: Path, digests: list[str]) -> None:
    """Write the sidecar."""
    file = sidecar(target)
    text = "".join(f"{digest}  {target.name}\n" for digest in dict.fromkeys(digests))
    with _replacing(file) as (stream, temporary):
        stream.write(text.encode())
    temporary.replace(file)
    _sync_folder(file.parent)


def _digests(target: Path) -> list[str]:
    file = sidecar(target)
    return re.findall(r"^[0-9a-f]{64}", file.read_text(), re.MULTILINE) if file.exists() else []


def _sync_folder(folder: Path) -> None:
    """Make renames durable; a file's own fsync does not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path, map_location: Any) -> dict[str, Any]:
    known = _digests(path)
    if not known:
        rank_zero_warn(f"{path} has no {sidecar(path).name} beside it: it is read unverified.")
    elif _sha256(path) not in known:
        raise CorruptCheckpointError(f"{path} is damaged: its SHA-256 is not the recorded one.")
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CorruptCheckpointError(f"{path} cannot be read: {error}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
