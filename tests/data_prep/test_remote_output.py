import tempfile
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from data_prep.job import Job, run_job
from jepakit.data import ShardReader
from jepakit.data.shard_target import RemoteTarget

ADDRESS = "memory://made/set"


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The object store, empty; names put into it are listed in order."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    system = fsspec.filesystem("memory")
    put = MemoryFileSystem.put_file
    system.names = []

    def listed(self, lpath, rpath, **options):
        system.names.append(Path(rpath).name)
        return put(self, lpath, rpath, **options)

    monkeypatch.setattr(MemoryFileSystem, "put_file", listed)
    yield system
    if system.exists(ADDRESS):
        system.rm(ADDRESS, recursive=True)


def files(system):
    return {Path(path).name: system.cat_file(path) for path in system.ls(ADDRESS, detail=False)}


@pytest.fixture
def items(noise):
    return {"train": [noise(i, "assert" if i == 3 else "", clips=2) for i in range(4)]}


def test_a_prefix_gets_the_files_of_a_folder(items, description, tmp_path, store):
    run_job(tmp_path / "local", description, items, Job(shard_items=2))
    run_job(ADDRESS, description, items, Job(shard_items=2))
    local = {path.name: path.read_bytes() for path in (tmp_path / "local").iterdir()}
    assert files(store) == local
    names = [f"train-00000{i}.{kind}" for i in range(2) for kind in ("tar", "index.json")]
    assert store.names == [*names, "rejects.json", "manifest.json"]
    assert not [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()]


def test_it_is_read_back(items, description, tmp_path, store):
    run_job(tmp_path / "local", description, items)
    run_job(ADDRESS, description, items)
    remote = ShardReader(ADDRESS, cache=str(tmp_path / "cache"))
    assert len(remote) == 6
    for stored, expected in zip(remote, ShardReader(str(tmp_path / "local")), strict=True):
        assert stored.key == expected.key
        assert (stored.frames == expected.frames).all()


def test_a_rerun_puts_what_is_missing(items, description, store):
    run_job(ADDRESS, description, items, Job(shard_items=2))
    whole = files(store)
    store.rm_file(f"{ADDRESS}/train-000001.index.json")
    store.pipe_file(f"{ADDRESS}/train-000000.tar", b"short")
    store.names.clear()
    run_job(ADDRESS, description, items, Job(shard_items=2))
    assert files(store) == whole
    assert {"train-000000.tar", "train-000001.index.json"} < set(store.names)
    store.names.clear()
    run_job(ADDRESS, description, items, Job(shard_items=2))
    assert store.names == ["rejects.json", "manifest.json"]


def test_processes_put_too(noise, description, tmp_path):
    """The scheme of local files, which processes share, stands for that of a store."""
    items = {"train": [noise(i) for i in range(4)]}
    run_job(tmp_path / "local", description, items, Job(shard_items=2))
    (tmp_path / "put").mkdir()
    remote = RemoteTarget(f"file://{tmp_path}/put")
    run_job(remote, description, items, Job(workers=2, shard_items=2))
    local = {path.name: path.read_bytes() for path in (tmp_path / "local").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "put").iterdir()} == local
