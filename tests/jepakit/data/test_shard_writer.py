import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest

from jepakit.data.atomic import atomic_file
from jepakit.data.members import EncodedSample, encode_sample
from jepakit.data.shard_reader import ShardReader
from jepakit.data.shard_target import LocalTarget
from jepakit.data.shard_writer import Reject, finished_shard, write_shard


def tree(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_bytes_depend_on_the_samples_alone(make_set, tmp_path):
    make_set(tmp_path / "a", {"train": [3]})
    time.sleep(1.1)  # a changed clock must not change a byte
    make_set(tmp_path / "b", {"train": [3]})
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_plain_webdataset_reads_the_shards(make_set, make_sample, tmp_path):
    make_set(tmp_path, {"train": [4]}, counterfactuals=1)
    # In a process of its own: webdataset leaves files open, which is an error in these tests.
    code = (
        "import json, sys, webdataset;"
        "stream = webdataset.WebDataset(sys.argv[1], shardshuffle=False);"
        "print(json.dumps([[s['__key__'], s['coverage'].hex(), sorted(s)] for s in stream]))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "train-000000.tar")]
    run = subprocess.run(command, check=True, capture_output=True)
    plain = json.loads(run.stdout)
    stored = list(ShardReader(str(tmp_path)))
    assert [[key, coverage] for key, coverage, _ in plain] == [
        [sample.key, sample.coverage.tobytes().hex()] for sample in stored
    ]
    members = {"json", "png", "labels", "states", "contacts", "cf1.png", "cf1.labels"}
    assert all(members < set(names) for _, _, names in plain)


def test_tar_headers_are_anonymous(make_set, tmp_path):
    make_set(tmp_path, {"train": [2]})
    with tarfile.open(tmp_path / "train-000000.tar") as tar:
        for info in tar:
            assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")


def refuse_iteration():
    pytest.fail("A finished shard must not be made again.")
    yield


def test_a_finished_shard_is_verified_and_left_alone(make_set, tmp_path):
    manifest = make_set(tmp_path, {"train": [2]})
    record = manifest.shards[0]
    spec = json.loads((tmp_path / "train-000000.index.json").read_bytes())["spec"]
    again = write_shard(tmp_path, record.name, refuse_iteration(), split="train", spec=spec)
    assert again == record


@pytest.mark.parametrize("damage", ["flip", "cut", "no tar", "index cut", "index not a record"])
def test_damaged_shards_are_not_finished(make_set, tmp_path, damage):
    make_set(tmp_path, {"train": [2]})
    before = tree(tmp_path)
    tar, index = tmp_path / "train-000000.tar", tmp_path / "train-000000.index.json"
    spec = json.loads(index.read_bytes())["spec"]
    data = bytearray(tar.read_bytes())
    data[700] ^= 1
    {
        "flip": lambda: tar.write_bytes(data),
        "cut": lambda: tar.write_bytes(data[:-512]),
        "no tar": tar.unlink,
        "index cut": lambda: index.write_bytes(index.read_bytes()[:-5]),
        "index not a record": lambda: index.write_text("{}"),
    }[damage]()
    assert finished_shard(tmp_path, "train-000000", spec) is None
    make_set(tmp_path, {"train": [2]})
    assert tree(tmp_path) == before


def test_other_settings_are_refused(make_set, tmp_path):
    make_set(tmp_path, {"train": [2]})
    with pytest.raises(ValueError, match="made with other settings"):
        write_shard(tmp_path, "train-000000", iter([]), split="train", spec="other")


def test_duplicate_keys_are_refused_and_leave_nothing(make_sample, form, tmp_path):
    encoded = encode_sample(make_sample("twice"), form)
    with pytest.raises(ValueError, match="Key 'twice' appears twice"):
        write_shard(tmp_path, "s", iter([encoded, encoded]), split="train", spec="x")
    assert not list(tmp_path.iterdir())


def test_rejects_are_recorded(make_sample, form, tmp_path):
    items = [Reject("task 3", "too few objects"), encode_sample(make_sample("a"), form)]
    record = write_shard(tmp_path, "s", iter(items), split="train", spec="x")
    assert (record.samples, record.counts["rejected"]) == (1, 1)
    fields = json.loads((tmp_path / "s.index.json").read_bytes())
    assert fields["rejects"] == [["task 3", "too few objects"]]


def test_an_exception_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_file(path) as stream:
        stream.write(bytes(1 // 0))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def slow_writer(folder: str) -> None:
    """Six shards of twenty samples, slow enough to be killed on the way (run as a program)."""
    from jepakit.data.manifest import Description, merge_manifest
    from jepakit.data.schema import ClipFormat

    form = ClipFormat(1, 8, 8, patch=8, tubelet=1, image="png")
    description = Description("noise", "tests/1", ("CC0-1.0",), form)

    def samples(shard: int):
        for number in range(20):
            time.sleep(0.002)
            data = np.random.default_rng([shard, number]).bytes(3000)
            yield EncodedSample(f"k-{shard}-{number}", {"json": data}, 0, 0)

    names = [f"train-{shard:06d}" for shard in range(6)]
    for shard, name in enumerate(names):
        write_shard(Path(folder), name, samples(shard), split="train", spec=description.digest())
    LocalTarget(Path(folder)).clear("manifest.json")  # as a job does
    merge_manifest(Path(folder), description, names)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_kill_9_then_rerun_gives_the_same_set(tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    killed.mkdir()
    whole.mkdir()
    slow_writer(str(whole))
    random = np.random.default_rng(0)
    for _ in range(12):
        process = os.fork()
        if process == 0:
            slow_writer(str(killed))
            os._exit(0)
        time.sleep(random.uniform(0.0, 0.15))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    slow_writer(str(killed))
    assert tree(killed) == tree(whole)


def test_writing_needs_no_torch():
    code = (
        "import sys, jepakit.data.shard_writer, jepakit.data.manifest, jepakit.data.members;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
