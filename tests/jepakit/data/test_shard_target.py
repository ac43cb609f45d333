import json
import os
import tempfile
import time
from pathlib import Path

import fsspec
import pytest

from jepakit.data.members import encode_sample
from jepakit.data.shard_reader import ShardReader
from jepakit.data.shard_target import LocalTarget, RemoteTarget, open_target
from jepakit.data.shard_writer import finished_shard, write_shard


@pytest.fixture
def memory():
    address = "memory://shard-target"
    yield address
    system = fsspec.filesystem("memory")
    if system.exists(address):
        system.rm(address, recursive=True)


@pytest.fixture(params=["local", "memory", "file"])
def target(request, tmp_path, memory, monkeypatch):
    for name in ("set", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return {
        "local": LocalTarget(tmp_path / "set"),
        "memory": RemoteTarget(memory),
        "file": RemoteTarget(f"file://{tmp_path}/set"),
    }[request.param]


def test_files_appear_whole_or_not_at_all(target):
    assert target.names() == set()
    assert target.read("a.json") is None
    with target.writing("a.json") as stream:
        stream.write(b"abc")
        assert not [name for name in target.names() if not name.startswith(".")]
    assert target.read("a.json") == b"abc"
    assert target.names() == {"a.json"}
    with pytest.raises(ZeroDivisionError), target.writing("a.json") as stream:
        stream.write(bytes(1 // 0))
    assert target.read("a.json") == b"abc"
    assert target.names() == {"a.json"}
    with target.writing("a.json") as stream:
        stream.write(b"d")
    assert target.read("a.json") == b"d"
    target.remove("a.json")
    target.remove("a.json")
    assert target.names() == set()


def test_users_of_one_machine_do_not_share_a_folder(tmp_path, memory, monkeypatch):
    """The first would own it, and the second could not write there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for number, user in enumerate((1001, 1002), 1):
        monkeypatch.setattr(os, "getuid", lambda user=user: user)
        with RemoteTarget(memory).writing("a.json"):
            assert len(list(tmp_path.iterdir())) == number


def test_size_is_checked(target):
    with target.writing("a.tar") as stream:
        stream.write(b"abc")
    assert target.intact("a.tar", 3, None)
    assert not target.intact("a.tar", 4, None)
    assert not target.intact("b.tar", 3, None)


def test_shards_have_the_same_bytes_everywhere(make_set, target, tmp_path):
    """... and a finished one is left alone."""
    made = make_set(tmp_path / "local", {"train": [3]}).shards[0]
    source = ShardReader(str(tmp_path / "local"))
    spec = "x"
    samples = [encode_sample(sample, source.form) for sample in source]
    record = write_shard(target, "train-000000", iter(samples), split="train", spec=spec)
    assert (record.sha256, record.size) == (made.sha256, made.size)
    assert target.names() == {"train-000000.tar", "train-000000.index.json"}

    def refuse():
        pytest.fail("made again")
        yield

    assert write_shard(target, "train-000000", refuse(), split="train", spec=spec) == record
    with pytest.raises(ValueError, match="made with other settings"):
        finished_shard(target, "train-000000", "y")
    with target.writing("train-000000.tar") as stream:
        stream.write(b"short")
    assert finished_shard(target, "train-000000", spec) is None


def test_a_damaged_shard_is_not_committed_while_it_is_written_again(make_set, tmp_path):
    """Its old index would point into the new tar."""
    make_set(tmp_path, {"train": [3]})
    tar, index = tmp_path / "train-000000.tar", tmp_path / "train-000000.index.json"
    spec = json.loads(index.read_bytes())["spec"]
    tar.write_bytes(tar.read_bytes()[:-1])

    def look():
        assert not index.exists()
        yield from ()

    write_shard(tmp_path, "train-000000", look(), split="train", spec=spec)
    assert index.exists()


def test_leftovers_in_the_folder_of_temporary_files_are_cleared(memory, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    target = RemoteTarget(memory)
    with target.writing("train-000001.tar") as stream:
        (left,) = tmp_path.rglob("*.tmp")
        assert left.name == Path(stream.name).name
    for name in ("train-000001.tar", "train-0000010.tar"):
        left.with_name(f".{name}.abc.tmp").touch()
    target.clear("train-000001")
    assert [path.name for path in tmp_path.rglob("*.tmp")] == [".train-0000010.tar.abc.tmp"]


def test_young_leftovers_are_spared_on_request(tmp_path):
    young, old = tmp_path / ".manifest.json.1.tmp", tmp_path / ".manifest.json.2.tmp"
    young.touch()
    old.touch()
    os.utime(old, (time.time() - 100, time.time() - 100))
    LocalTarget(tmp_path).clear("manifest.json", older_s=50.0)
    assert young.exists()
    assert not old.exists()
    LocalTarget(tmp_path).clear("manifest.json")
    assert not young.exists()


def test_targets_by_address(tmp_path):
    assert open_target(tmp_path) == open_target(str(tmp_path)) == LocalTarget(tmp_path)
    assert open_target("s3://bucket/set/") == RemoteTarget("s3://bucket/set")
    assert open_target(RemoteTarget("x://")) == RemoteTarget("x://")


@pytest.mark.parametrize("address", ["https://host/x", "ftp://host/x", "pipe:cat", "s3://a::b"])
def test_what_cannot_be_written_is_refused(address):
    with pytest.raises(ValueError, match=r"Cannot write .*s3, gs"):
        open_target(address)
