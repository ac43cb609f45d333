"""Latents kept as files: found by an id, never by a path, and thrown away when they are old."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from explorer.clip import Clip, SceneTruth
from explorer.latents import Latents

ID = re.compile(r"latents-[0-9a-f]{24}")
ENDING = ".safetensors"
FORMAT = "1"
Ids: TypeAlias = list[str]


@dataclass(frozen=True)
class Artifact:
    """A file of the store.

    Attributes:
        id: of the file.
        saved: when it was written, in seconds since 1970.
        bytes: its size.
        about: site, model, tubelet, patch, clip and facts, as in the file.
    """

    id: str
    saved: float
    bytes: int
    about: Mapping[str, Any]


# Named here, since inside of the class ``list`` is the method.
Artifacts: TypeAlias = list[Artifact]
Paths: TypeAlias = list[Path]


class ArtifactStore:
    """A folder of latents in safetensors files whose headers say where they come from.

    Args:
        folder: made if it does not exist; nothing outside of it is read or written.
        max_age_s: files older than this are removed, in seconds.
        quota_bytes: the oldest files are removed until a new one fits.
    """

    def __init__(
        self, folder: Path, *, max_age_s: float = 86400.0, quota_bytes: int = 2_000_000_000
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder.resolve()
        self._max_age = max_age_s
        self._quota = quota_bytes

    def save(self, latents: Latents, *, half: bool = False) -> str:
        """Write latents with their clip, whole or not at all; the same ones get the same id.

        Args:
            latents: what to keep.
            half: round them to float16, half the size.

        Returns:
            The id.

        Raises:
            ValueError: more bytes than the quota.
            OSError: the disk refused.
        """
        content = save(_tensors(latents, half=half), {"about": json.dumps(_about(latents))})
        if len(content) > self._quota:
            raise ValueError(
                f"These latents take {len(content) / 1e6:.0f} MB and the folder of artifacts may "
                f"hold {self._quota / 1e6:.0f} MB: take fewer frames, or half precision."
            )
        name = f"latents-{hashlib.sha256(content).hexdigest()[:24]}"
        self.remove_old(room=len(content))
        target = self._file(name)
        temporary = target.with_suffix(f".{os.getpid()}.tmp")
        try:
            temporary.write_bytes(content)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        return name

    def load(self, artifact: str) -> Latents:
        """Read latents back; nothing in the file is run.

        Raises:
            KeyError: no such id.
            ValueError: the file is damaged.
        """
        path = self.path(artifact)
        try:
            with safe_open(path, framework="np") as file:
                about = json.loads((file.metadata() or {})["about"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return _latents(about, tensors)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"The latents {artifact} cannot be read: {error}") from error

    def list(self) -> Artifacts:
        """What is there, newest first; files that are damaged are left out."""
        found = []
        for path in self._files():
            try:
                with safe_open(path, framework="np") as file:
                    about = json.loads((file.metadata() or {})["about"])
                state = path.stat()
            except (SafetensorError, KeyError, ValueError, OSError):
                continue
            found.append(Artifact(path.stem, state.st_mtime, state.st_size, about))
        return sorted(found, key=lambda artifact: artifact.saved, reverse=True)

    def remove_old(self, *, now: float | None = None, room: int = 0) -> Ids:
        """Remove what is too old, then the oldest until ``room`` bytes fit; say which.

        Args:
            now: seconds since 1970; the clock's by default.
            room: bytes to make room for.
        """
        moment = time.time() if now is None else now
        removed = []
        files = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in self._files())
        total = sum(size for _, size, _ in files)
        for saved, size, path in files:
            if moment - saved > self._max_age or total + room > self._quota:
                path.unlink(missing_ok=True)
                removed.append(path.stem)
                total -= size
        return removed

    def path(self, artifact: str) -> Path:
        """The file of an id, to be offered for download.

        Raises:
            KeyError: no such id.
        """
        path = self._file(artifact)
        if not ID.fullmatch(artifact) or path.is_symlink() or not path.is_file():
            raise KeyError(f"No latents with the id {artifact!r}: they may have been removed.")
        return path

    def _file(self, artifact: str) -> Path:
        return self._folder / f"{artifact}{ENDING}"

    def _files(self) -> Paths:
        found = self._folder.glob(f"latents-*{ENDING}")
        return [path for path in found if ID.fullmatch(path.stem) and not path.is_symlink()]


def _tensors(latents: Latents, *, half: bool) -> dict[str, np.ndarray]:
    clip, truth = latents.clip, latents.clip.truth
    kind = np.float16 if half else np.float32
    tensors = {
        "values": latents.values.astype(kind),
        "frames": clip.frames,
        "source_frames": np.asarray(clip.source_frames, dtype=np.int64),
    }
    if truth is not None:
        tensors |= {"labels": truth.labels, "centres": truth.centres.astype(np.float64)}
        tensors |= {f"without.{number}": frames for number, frames in truth.without.items()}
    return {name: np.ascontiguousarray(value) for name, value in tensors.items()}


def _about(latents: Latents) -> dict[str, Any]:
    clip = latents.clip
    return {
        "format": FORMAT,
        "site": latents.site,
        "model": latents.model,
        "tubelet": latents.tubelet,
        "patch": latents.patch,
        "clip": clip.name,
        "fps": clip.fps,
        "objects": None if clip.truth is None else list(clip.truth.names),
        "facts": dict(latents.facts),
    }


def _latents(about: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Latents:
    if about["format"] != FORMAT:
        raise ValueError(f"it has format {about['format']!r}, and {FORMAT!r} is read here.")
    frames, values = tensors["frames"], tensors["values"]
    if frames.dtype != np.uint8 or (frames.ndim, values.ndim) != (4, 4):
        raise ValueError(
            f"frames of 4 axes in uint8 and values of 4 axes are expected, came {frames.shape} in "
            f"{frames.dtype} and {values.shape}."
        )
    truth = None
    if about["objects"] is not None:
        without = {
            int(name.partition(".")[2]): value
            for name, value in tensors.items()
            if name.startswith("without.")
        }
        names = tuple(map(str, about["objects"]))
        truth = SceneTruth(tensors["labels"], tensors["centres"], names, without)
    clip = Clip(
        frames=frames,
        fps=float(about["fps"]),
        name=str(about["clip"]),
        source_frames=tuple(int(number) for number in tensors["source_frames"]),
        truth=truth,
    )
    return Latents(
        values=values.astype(np.float32),
        clip=clip,
        tubelet=int(about["tubelet"]),
        patch=int(about["patch"]),
        site=str(about["site"]),
        model=str(about["model"]),
        facts={str(name): str(value) for name, value in about["facts"].items()},
    )
