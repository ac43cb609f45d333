import hashlib
import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_prep.job import REJECTS, Job, run_job
from jepakit.data import ShardReader


def tree(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_workers_change_no_byte(noise, description, tmp_path):
    items = {"train": [noise(i) for i in range(7)], "val": [noise(i) for i in range(90, 93)]}
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        manifest = run_job(folder, description, items, Job(workers=workers, shard_items=3))
        assert [shard.samples for shard in manifest.shards] == [3, 3, 1, 3]
    assert tree(tmp_path / "1") == tree(tmp_path / "2")
    assert len(ShardReader(str(tmp_path / "1"), split="val")) == 3


def test_poisoned_items_are_listed_and_the_rest_is_written(noise, description, tmp_path):
    troubles = {2: "assert", 3: "divide", 5: "labels"}
    items = {"train": [noise(i, troubles.get(i, "")) for i in range(8)]}
    manifest = run_job(tmp_path, description, items, Job(workers=1, shard_items=4))
    assert [shard.samples for shard in manifest.shards] == [2, 3]
    rejects = json.loads((tmp_path / REJECTS).read_bytes())
    assert [(r["shard"], r["item"]) for r in rejects] == [
        ("train-000000", "noise-2"),
        ("train-000000", "noise-3"),
        ("train-000001", "noise-5"),
    ]
    assert [r["reason"].split(":")[0] for r in rejects] == [
        "AssertionError",
        "ZeroDivisionError",
        "ValueError",
    ]
    assert "names object 5" in rejects[2]["reason"]
    assert json.loads((tmp_path / "manifest.json").read_bytes())["counts"]["rejected"] == 3


def test_a_split_of_rejects_is_told_and_no_clip_at_all_is_an_error(
    noise, description, tmp_path, capsys
):
    items = {"train": [noise(1)], "val": [noise(2, "assert")]}
    manifest = run_job(tmp_path / "some", description, items)
    assert [shard.samples for shard in manifest.shards] == [1, 0]
    told = "Split val has no clip: all its inputs are in rejects.json; AssertionError: polygon"
    assert told in capsys.readouterr().out
    del items["train"]
    with pytest.raises(ValueError, match=r"No input gave a clip.*polygon is not convex"):
        run_job(tmp_path / "none", description, items)


def test_a_rerun_makes_nothing_again(noise, description, tmp_path):
    items = {"train": [noise(i) for i in range(4)]}
    run_job(tmp_path, description, items, Job(workers=1, shard_items=2))
    before = tree(tmp_path)
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.tar")}
    # The same names, so the same spec; were they made again, they would all be rejected.
    again = {"train": [noise(i, "assert") for i in range(4)]}
    run_job(tmp_path, description, again, Job(workers=1, shard_items=2))
    assert tree(tmp_path) == before
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.tar")} == times


def test_another_data_set_in_the_folder_is_refused(noise, description, tmp_path):
    run_job(tmp_path, description, {"train": [noise(1)]}, Job(workers=1, shard_items=2))
    with pytest.raises(ValueError, match="made with other settings"):
        run_job(tmp_path, description, {"train": [noise(2)]}, Job(workers=1, shard_items=2))


def test_a_data_set_that_would_be_hidden_is_refused(noise, description, tmp_path):
    """Its shards have other names, or there are more of them."""
    whole = {"train": [noise(i) for i in range(4)]}
    job = Job(shard_items=2)
    run_job(tmp_path, description, whole, job)
    before = tree(tmp_path)
    for told, items in [
        (description, {"test": [noise(9)]}),
        (description, {"train": whole["train"][:2]}),
        (replace(description, source="else"), {**whole, "val": [noise(9)]}),
    ]:
        with pytest.raises(ValueError, match=r"holds .*\.json, made with other settings or of"):
            run_job(tmp_path, told, items, job)
    assert tree(tmp_path) == before
    run_job(tmp_path, description, {**whole, "val": [noise(9)]}, job)  # more of the same
    assert len(ShardReader(str(tmp_path))) == 5


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"shard_items": 0}, {"cpus": -1.0}])
def test_counts(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        Job(**wrong)


def test_an_item_may_give_many_clips_and_fail_on_the_way(noise, description, tmp_path):
    items = {"train": [noise(0, clips=3), noise(1, "assert", clips=5, sound=2), noise(2, clips=0)]}
    manifest = run_job(tmp_path, description, items)
    assert manifest.shards[0].samples == 5
    rejects = json.loads((tmp_path / REJECTS).read_bytes())
    assert [(r["item"], r["reason"]) for r in rejects] == [
        ("noise-1", "AssertionError: polygon is not convex (after 2 clips)"),
        ("noise-2", "no clips"),
    ]


def test_two_clips_of_one_key_stop_the_job(noise, description, tmp_path):
    """The fault of the program that names clips, not of an input."""
    with pytest.raises(ValueError, match="Key 'noise-1' appears twice"):
        run_job(tmp_path, description, {"train": [noise(1), noise(1)]})


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_kill_9_and_rerun_gives_the_same_bytes(noise, description, tmp_path):
    items = {"train": [noise(i, seconds=0.004) for i in range(40)]}
    run_job(tmp_path / "whole", description, items, Job(workers=1, shard_items=5))
    random = np.random.default_rng(0)
    for _ in range(6):
        process = os.fork()
        if process == 0:
            run_job(tmp_path / "killed", description, items, Job(workers=1, shard_items=5))
            os._exit(0)
        time.sleep(random.uniform(0.02, 0.2))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    for name in ("manifest.json", "rejects.json"):  # as a kill at the very end leaves them
        (tmp_path / "killed" / f".{name}.1.tmp").touch()
    run_job(tmp_path / "killed", description, items, Job(workers=1, shard_items=5))
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")
