"""Files and folders of weights: read without running code, written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

SAFETENSORS = "model.safetensors"
INDEX = "model.safetensors.index.json"
# What torch raises on files whose bytes changed, besides refusing to run their code.
_DAMAGE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    LookupError,
    AttributeError,
    UnicodeDecodeError,
)


def read_weights(path: Path) -> dict[str, Any]:
    """What a ``.safetensors`` file or a file of ``torch.save`` holds, on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or would run code when read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        # Mapped: the optimizer of a training file is then never read.
        loaded = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{path} is not read: it is damaged, or holds more than tensors and plain values and "
            f"would run code. Only files that load with weights_only=True are taken. ({reason})"
        ) from error
    if not isinstance(loaded, Mapping):
        raise ValueError(f"{path} holds no dictionary of weights but a {type(loaded).__name__}.")
    return dict(loaded)


def read_sharded(folder: Path) -> dict[str, Tensor]:
    """The weights of a Hugging Face directory, in one file or listed by an index.

    Raises:
        FileNotFoundError: there are none, or a listed file is missing.
        ValueError: a file is damaged, or is not what the index says.
    """
    single, index = folder / SAFETENSORS, folder / INDEX
    if single.is_file():
        return _read_safetensors(single)
    if not index.is_file():
        raise FileNotFoundError(
            f"{folder} has neither {SAFETENSORS} nor {INDEX}; other formats are not read."
        )
    listed: dict[str, str] = json.loads(index.read_text())["weight_map"]
    state: dict[str, Tensor] = {}
    for name in sorted(set(listed.values())):
        if Path(name).name != name or not (folder / name).is_file():
            raise FileNotFoundError(f"{index} lists {name}, which is not in its folder.")
        state |= _read_safetensors(folder / name)
    if state.keys() != listed.keys():
        odd = sorted(state.keys() ^ listed.keys())
        raise ValueError(f"{index} and its files do not list the same tensors: {odd}.")
    return state


def write_safetensors(state: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors as Hugging Face does: the same tensors give the same bytes."""
    save_file({name: state[name] for name in sorted(state)}, path, metadata={"format": "pt"})


def write_json(value: Mapping[str, Any], path: Path) -> None:
    """Write sorted, indented JSON."""
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path``: on the disk and in its place when the block ends.

    If the block raises, nothing is left.

    Raises:
        ValueError: ``path`` is a file, or a folder that is not empty.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(f"{path} exists and is not empty; choose another place or empty it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        for entry in [*temporary.rglob("*"), temporary]:
            _sync(entry)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync(path.parent)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no whole safetensors file: {error}") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
