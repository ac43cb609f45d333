from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from jepakit.training import checkpoint_io
from jepakit.training.checkpoint_io import (
    CorruptCheckpointError,
    DurableCheckpointIO,
    previous,
    sidecar,
)


def content(step: int, size: int = 500) -> dict[str, Any]:
    return {"step": step, "weights": torch.full((size,), float(step))}


def saved(path: Path, *steps: int) -> DurableCheckpointIO:
    writer = DurableCheckpointIO()
    for step in steps:
        writer.save_checkpoint(content(step), path)
    return writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints" / "last.ckpt"


def test_round_trip_and_predecessor(path: Path) -> None:
    writer = saved(path, 1, 2, 3)
    assert writer.load_checkpoint(path)["step"] == 3
    assert writer.load_checkpoint(previous(path))["step"] == 2
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == [
        "last.ckpt",
        "last.ckpt.sha256",
        "last.previous.ckpt",
        "last.previous.ckpt.sha256",
    ]


def test_sidecar_is_what_sha256sum_reads(path: Path) -> None:
    saved(path, 1, 2)
    for file in (path, previous(path)):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert sidecar(file).read_text() == f"{digest}  {file.name}\n"


def flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "tail"])
def test_damage_is_found_and_the_predecessor_loaded_with_a_warning(path: Path, damage: str) -> None:
    writer = saved(path, 1, 2)
    whole = path.read_bytes()
    places = range(0, len(whole), len(whole) // 25)
    bad = {
        "cut": [whole[:place] for place in places],
        "flip": [flip(whole, place) for place in places],
        "empty": [b""],
        "tail": [whole + b"\0"],
    }[damage]
    for data in bad:
        path.write_bytes(data)
        with pytest.warns(UserWarning, match=r"last.ckpt is damaged.*Falling back .*previous"):
            assert writer.load_checkpoint(path)["step"] == 1


def test_a_missing_file_falls_back_too(path: Path) -> None:
    writer = saved(path, 1, 2)
    path.unlink()
    with pytest.warns(UserWarning, match="is missing. Falling back"):
        assert writer.load_checkpoint(path)["step"] == 1


def test_nothing_valid_left(path: Path) -> None:
    writer = saved(path, 1, 2)
    for file in (path, previous(path)):
        file.write_bytes(b"no checkpoint")
    with pytest.raises(CorruptCheckpointError, match="No earlier checkpoint is left"):
        writer.load_checkpoint(path)


def test_nothing_there(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no checkpoint"):
        DurableCheckpointIO().load_checkpoint(path)


def test_without_a_sidecar_it_is_read_with_a_warning(path: Path) -> None:
    writer = saved(path, 1)
    sidecar(path).unlink()
    with pytest.warns(UserWarning, match="read unverified"):
        assert writer.load_checkpoint(path)["step"] == 1
    path.write_bytes(path.read_bytes()[:-40])
    with (
        pytest.warns(UserWarning, match="read unverified"),
        pytest.raises(CorruptCheckpointError, match="cannot be read"),
    ):
        writer.load_checkpoint(path)


class Code:
    """What unpickling must not run."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("unpickled",)


def test_code_in_a_checkpoint_is_not_run(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    writer = DurableCheckpointIO()
    writer.save_checkpoint({"payload": Code()}, path)
    with pytest.raises(CorruptCheckpointError, match="cannot be read"):
        writer.load_checkpoint(path, weights_only=False)
    assert not Path("unpickled").exists()


@pytest.mark.parametrize("writes", [0, 1, 5])
def test_a_full_disk_leaves_the_old_files(
    path: Path, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = saved(path, 1, 2)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    left, write = [writes], checkpoint_io._HashingWriter.write

    def full(self: Any, data: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(checkpoint_io._HashingWriter, "write", full)
    with pytest.raises(OSError, match=r"No space left on device\. The checkpoint written before"):
        writer.save_checkpoint(content(3), path)
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


@pytest.mark.parametrize("fails_at", range(1, 7))
def test_a_failure_between_any_two_file_operations_leaves_a_valid_checkpoint(
    path: Path, fails_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, calls, replace = saved(path, 1, 2), [0], Path.replace

    def killed(self: Path, target: Path) -> Path:
        calls[0] += 1
        if calls[0] == fails_at:
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            writer.save_checkpoint(content(3), path)
    for file in (path, previous(path)):
        if file.exists():
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            assert digest in sidecar(file).read_text()
    newest = path if path.exists() else previous(path)
    assert writer.load_checkpoint(newest)["step"] >= 2


def test_some_failures_can_be_allowed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = DurableCheckpointIO(failures_allowed=2)

    def refuse(checkpoint: Any, target: Path) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_io, "_write", refuse)
        for _ in range(2):
            with pytest.warns(UserWarning, match="Permission denied.*Training goes on"):
                writer.save_checkpoint(content(1), path)
    writer.save_checkpoint(content(2), path)  # counts from 0 again
    monkeypatch.setattr(checkpoint_io, "_write", refuse)
    for _ in range(2):
        with pytest.warns(UserWarning, match="Permission denied"):
            writer.save_checkpoint(content(3), path)
    with pytest.raises(OSError, match="Permission denied"):
        writer.save_checkpoint(content(3), path)


@pytest.mark.parametrize("bad", ["s3://bucket/last.ckpt", "file:///tmp/last.ckpt"])
def test_urls_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="local paths"):
        DurableCheckpointIO().save_checkpoint({}, bad)


def test_storage_options_are_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="without storage options"):
        DurableCheckpointIO().save_checkpoint({}, path, storage_options={})


def test_remove(path: Path) -> None:
    saved(path, 1, 2).remove_checkpoint(path)
    assert not list(path.parent.iterdir())


KILLS = """
import os, random, signal, sys, time, warnings
from pathlib import Path
import torch
from jepakit.training.checkpoint_io import DurableCheckpointIO, remove_leftovers

path, writer = Path(sys.argv[1]), DurableCheckpointIO()
warnings.simplefilter("ignore")  # falling back is allowed, and loading raises if nothing is whole

def save_for_ever(report, step):
    while True:
        step += 1
        weights = torch.full((1_000_000,), float(step))
        writer.save_checkpoint({"step": step, "weights": weights}, path)
        os.write(report, b"%d " % step)

def verify(report, promised):
    loaded = writer.load_checkpoint(path)
    assert loaded["step"] >= promised, (loaded["step"], promised)
    assert bool((loaded["weights"] == loaded["step"]).all())
    os.write(report, b"%d " % loaded["step"])

def forked(function, argument):  # this process itself computes nothing, so that forks are clean
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        return child, os.fdopen(read, "rb", buffering=0)
    function(write, argument)
    os._exit(0)

step = leftovers = 0
for kill in range(50):
    child, reports = forked(save_for_ever, step)
    words = reports.read(1000)  # waits for the first save
    time.sleep(0.15 * random.Random(kill).random())
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    promised = int((words + reports.read()).split()[-1])
    leftovers += remove_leftovers(path.parent)
    assert not list(path.parent.glob("*.writing"))
    child, reports = forked(verify, promised)
    step = int(reports.read())
    os.waitpid(child, 0)
print("saves", step, "leftovers", leftovers)
"""


@pytest.mark.slow
def test_fifty_kills_while_saving_lose_no_finished_save(path: Path) -> None:
    """The child does nothing but save, so that every kill falls into a save."""
    command = [sys.executable, "-c", KILLS, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    _, saves, _, leftovers = done.stdout.split()
    assert int(saves) >= 50
    assert int(leftovers) > 0  # some kills did hit a file that was being written
