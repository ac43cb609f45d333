"""With Ray Data on this machine; skipped where Ray is not installed."""

import hashlib
import json
import os
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed (pip install 'jepakit[cluster]')")

from data_prep.job import REJECTS, Job, run_job  # noqa: E402
from data_prep.shard_task import KILLED  # noqa: E402

# Ray leaves sockets, files and warnings of its own behind.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

RAY = Job(workers=2, shard_items=4, engine="ray")
HERE = Job(shard_items=4)


def tree(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One for all tests, whose workers find the items of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=os.pathsep)
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()


def test_the_same_bytes_as_in_this_process(noise, description, tmp_path):
    troubles = {1: "assert", 6: "divide"}
    items = {
        "train": [noise(i, troubles.get(i, ""), clips=2) for i in range(10)],
        "val": [noise(i) for i in range(90, 93)],
    }
    run_job(tmp_path / "here", description, items, HERE)
    run_job(tmp_path / "ray", description, items, RAY)
    assert tree(tmp_path / "ray") == tree(tmp_path / "here")


def test_workers_that_die_change_no_byte_and_killers_are_rejects(noise, description, tmp_path):
    scars = {i: str(tmp_path / f"scar-{i}") for i in (2, 5)}
    whole = {"train": [noise(i) for i in range(8)]}
    run_job(tmp_path / "here", description, whole, HERE)
    items = list(whole["train"])
    items[2] = noise(2, "die once", scar=scars[2])
    run_job(tmp_path / "once", description, {"train": items}, RAY)
    assert tree(tmp_path / "once") == tree(tmp_path / "here")
    items[5] = noise(5, "die", scar=scars[5])
    manifest = run_job(tmp_path / "killer", description, {"train": items}, RAY)
    assert [shard.samples for shard in manifest.shards] == [4, 3]
    (reject,) = json.loads((tmp_path / "killer" / REJECTS).read_bytes())
    assert (reject["item"], reject["reason"]) == ("noise-5", KILLED)
    assert [Path(scar).stat().st_size for scar in scars.values()] == [3, 2]
    assert not list((tmp_path / "killer").glob(".*"))


def test_a_stopped_job_goes_on(noise, description, tmp_path):
    items = {"train": [noise(i) for i in range(8)]}
    run_job(tmp_path, description, items, Job(shard_items=4, shards="0:2"))
    before = (tmp_path / "train-000000.tar").stat().st_mtime_ns
    run_job(tmp_path, description, items, RAY)
    assert (tmp_path / "train-000000.tar").stat().st_mtime_ns == before
    run_job(tmp_path / "here", description, items, HERE)
    (tmp_path / "ray").mkdir()
    for path in [path for path in tmp_path.iterdir() if path.is_file()]:
        path.rename(tmp_path / "ray" / path.name)
    assert tree(tmp_path / "ray") == tree(tmp_path / "here")


def test_relative_paths_begin_where_the_command_was_given(
    noise, description, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    run_job("set", description, {"train": [noise(1)]}, RAY)
    assert (tmp_path / "set" / "manifest.json").exists()


def test_a_full_disk_stops_the_job(noise, description, tmp_path):
    items = {"train": [noise(i, "disk full" if i == 1 else "") for i in range(8)]}
    with pytest.raises(OSError, match="No space left") as caught:
        run_job(tmp_path, description, items, RAY)
    assert "in _fail" in caught.value.__notes__[0]


def test_tasks_that_only_die_stop_the_job(noise, description, tmp_path, monkeypatch):
    monkeypatch.setattr("data_prep.engines.ray_data._DEATHS", 1)
    items = {"train": [noise(i, "die") for i in range(8)]}
    with pytest.raises(RuntimeError, match=r"3 worker processes died in a row, .* at 'noise-"):
        run_job(tmp_path, description, items, RAY)
