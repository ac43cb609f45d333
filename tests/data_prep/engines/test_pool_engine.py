import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from data_prep.engines.pool import make_in_pool
from data_prep.job import REJECTS, Job, run_job
from data_prep.progress import ClipProgress
from data_prep.shard_task import KILLED, ShardTask, cut_shards
from jepakit.data.shard_target import LocalTarget

TWO = Job(workers=2, shard_items=4)


def tree(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_a_worker_that_dies_loses_its_own_shard_alone(noise, description, tmp_path):
    """The other worker is at a shard whose items count how often they are made."""
    scars = [str(tmp_path / f"scar-{i}") for i in range(8)]
    items = [noise(i) for i in range(4)]
    items += [noise(i, "count", seconds=0.3, scar=scars[i]) for i in range(4, 8)]
    run_job(tmp_path / "whole", description, {"train": items}, Job(shard_items=4))
    items[2] = noise(2, "die once", scar=scars[2])
    manifest = run_job(tmp_path / "died", description, {"train": items}, TWO)
    assert tree(tmp_path / "died") == tree(tmp_path / "whole")
    assert [Path(scar).stat().st_size for scar in scars[4:]] == [2] * 4
    assert Path(scars[2]).stat().st_size == 2
    assert manifest.shards[0].counts["rejected"] == 0


def test_items_that_kill_twice_are_rejects(noise, description, tmp_path):
    scars = {i: str(tmp_path / f"scar-{i}") for i in (1, 2)}
    items = [noise(i, "die" if i in scars else "", scar=scars.get(i, "")) for i in range(6)]
    out = tmp_path / "set"
    manifest = run_job(out, description, {"train": items}, TWO)
    assert [shard.samples for shard in manifest.shards] == [2, 2]
    rejects = json.loads((out / REJECTS).read_bytes())
    assert [(r["item"], r["reason"]) for r in rejects] == [(f"noise-{i}", KILLED) for i in scars]
    assert [Path(scar).stat().st_size for scar in scars.values()] == [2, 2]
    assert len(list(out.iterdir())) == 2 * 2 + 2


def test_deaths_are_not_counted_as_progress(noise, description, tmp_path):
    items = [noise(i) for i in range(4)]
    items[3] = noise(3, "die once", scar=str(tmp_path / "scar"))
    task = ShardTask(LocalTarget(tmp_path / "set"), description)
    shards = cut_shards({"train": items}, 2)
    progress = ClipProgress(4)
    make_in_pool(task, shards, workers=2, progress=progress)
    assert (progress.items, progress.clips) == (4, 4)
    again = ClipProgress(4)
    make_in_pool(task, shards, workers=2, progress=again)
    assert (again.items, again.clips) == (4, 0)


def test_workers_that_only_die_stop_the_job(noise, description, tmp_path, monkeypatch):
    monkeypatch.setattr("data_prep.engines.pool._DEATHS", 1)
    items = {"train": [noise(i, "die") for i in range(30)]}
    with pytest.raises(RuntimeError, match="3 worker processes died in a row"):
        run_job(tmp_path, description, items, Job(workers=2, shard_items=15))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_stops_the_job_and_leaves_no_rubbish(noise, description, tmp_path):
    """The other worker is in the middle of its shard; later shards are not begun."""
    scar = str(tmp_path / "scar")
    items = [noise(i, "disk full" if i == 1 else "") for i in range(4)]
    items += [noise(i, seconds=1.0) for i in range(4, 8)]
    items += [noise(i, "count", scar=scar) for i in range(8, 12)]
    with pytest.raises(OSError, match="No space left") as caught:
        run_job(tmp_path / "set", description, {"train": items}, TWO)
    assert "in _fail" in caught.value.__notes__[0]
    assert not list((tmp_path / "set").iterdir())
    assert not Path(scar).exists()


@pytest.mark.parametrize(("chosen", "used"), [(None, "1"), ("3", "3")])
def test_more_workers_than_shards_and_one_thread_for_each(
    noise, description, tmp_path, monkeypatch, chosen, used
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if chosen:
        monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    items = {"train": [noise(0), noise(1), noise(2, "threads")]}
    assert run_job(tmp_path, description, items, Job(workers=3)).shards[0].samples == 2
    assert f"ValueError: {used}" in (tmp_path / REJECTS).read_text()
    assert os.environ.get("OMP_NUM_THREADS") == chosen


def alive(process: int) -> bool:
    """Running, and not a zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="Looks at processes through /proc")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_workers_end_with_their_parent(noise, description, tmp_path):
    """The parent alone is killed while both workers are at items that take a minute."""
    scars = [tmp_path / f"scar-{i}" for i in range(2)]
    items = [noise(i, "hang", scar=str(scar)) for i, scar in enumerate(scars)]
    process = os.fork()
    if process == 0:
        run_job(tmp_path / "set", description, {"train": items}, Job(workers=2, shard_items=1))
        os._exit(0)
    workers = []
    while len(workers) < 2:
        time.sleep(0.02)
        workers = [int(scar.read_text()) for scar in scars if scar.exists() and scar.read_text()]
    assert all(map(alive, workers))
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    until = time.monotonic() + 10.0
    while any(map(alive, workers)):
        assert time.monotonic() < until
        time.sleep(0.02)
