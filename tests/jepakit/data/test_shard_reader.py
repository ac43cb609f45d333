import json
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

from jepakit.data import BadSample, ClipFormat, Sample, ShardReader
from jepakit.data.shard_index import ShardIndex

SMALL = ClipFormat(frames=2, height=16, width=16, patch=8, tubelet=2, image="png")


def same(a: Sample, b: Sample) -> bool:
    arrays = ("frames", "labels", "coverage", "states", "contacts")
    return (
        a.key == b.key
        and all(np.array_equal(getattr(a, n), getattr(b, n)) for n in arrays)
        and list(a.counterfactuals) == list(b.counterfactuals)
        and all(
            np.array_equal(a.counterfactuals[i].frames, b.counterfactuals[i].frames)
            and np.array_equal(a.counterfactuals[i].labels, b.counterfactuals[i].labels)
            for i in a.counterfactuals
        )
    )


def read_all(reader: ShardReader) -> list[Sample | BadSample]:
    found: list[Sample | BadSample] = []
    for number in range(len(reader)):
        try:
            with reader.open(number) as stored:
                found.append(stored.whole())
        except BadSample as error:
            found.append(error)
    return found


@pytest.mark.parametrize(("objects", "counterfactuals"), [(0, 0), (2, 2), (255, 0)])
def test_round_trip(make_set, make_sample, tmp_path, objects, counterfactuals):
    options = {"objects": objects, "counterfactuals": counterfactuals}
    make_set(tmp_path, {"train": [2, 1], "val": [1]}, SMALL, **options)
    reader = ShardReader(str(tmp_path), split="train")
    assert len(reader) == 3
    for number, sample in enumerate(reader):
        made = make_sample(sample.key, SMALL, **options)
        assert reader.key(number) == sample.key
        assert sample.coverage.shape == (objects, 1, 2, 2)
        np.testing.assert_array_equal(sample.frames, made.frames)
        np.testing.assert_array_equal(sample.labels, made.labels)
        np.testing.assert_array_equal(sample.states, made.states)
        np.testing.assert_array_equal(sample.contacts, made.contacts)
        assert sample.actions is None
        assert sample.meta["labels"] == made.meta["labels"]


def test_no_such_sample(make_set, tmp_path):
    make_set(tmp_path, {"train": [2]}, SMALL)
    reader = ShardReader(str(tmp_path))
    for number in (-1, 2):
        with pytest.raises(IndexError, match="of 2"), reader.open(number):
            pass


def payloads(folder: Path) -> list[tuple[int, int, str]]:
    """Start, end and sample of every member of the only shard."""
    fields = json.loads((folder / "train-000000.index.json").read_bytes())
    return [
        (offset, offset + size, key)
        for key, members in fields["samples"].items()
        for offset, size, _ in members.values()
    ]


def test_truncation_at_every_block_loses_nothing_silently(make_set, tmp_path):
    make_set(tmp_path, {"train": [2]}, SMALL, counterfactuals=1)
    tar = tmp_path / "train-000000.tar"
    data, members = tar.read_bytes(), payloads(tmp_path)
    good = read_all(ShardReader(str(tmp_path)))
    ends = [end for _, end, _ in members]
    cuts = sorted(
        {*range(0, len(data), 512), *ends, *(e - 1 for e in ends), *(e + 1 for e in ends)}
    )
    for cut in cuts:
        tar.write_bytes(data[:cut])
        lost = {key for _, end, key in members if end > cut}
        for sample, found in zip(good, read_all(ShardReader(str(tmp_path))), strict=True):
            if sample.key in lost:
                assert isinstance(found, BadSample)
                assert f"train-000000.tar, sample '{sample.key}'" in str(found)
                assert re.search(r": cut short, \d+ of \d+ bytes$", str(found))
            else:
                assert same(sample, found)


def test_flipped_bytes_lose_nothing_silently(make_set, tmp_path):
    make_set(tmp_path, {"train": [2]}, SMALL)
    tar = tmp_path / "train-000000.tar"
    data, members = tar.read_bytes(), payloads(tmp_path)
    reader = ShardReader(str(tmp_path))
    good = read_all(reader)
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        place, flipped = int(random.integers(len(data))), bytearray(data)
        flipped[place] ^= int(random.integers(1, 256))
        tar.write_bytes(flipped)
        hit = {key for start, end, key in members if start <= place < end}
        hits += len(hit)
        for sample, found in zip(good, read_all(reader), strict=True):
            assert isinstance(found, BadSample) if sample.key in hit else same(sample, found)
    assert hits > 50


@pytest.mark.parametrize("name", ["train-000001.tar", "train-000001.index.json"])
def test_a_missing_file_is_an_error_at_start(make_set, tmp_path, name):
    make_set(tmp_path, {"train": [1, 1, 1]}, SMALL)
    (tmp_path / name).unlink()
    with pytest.raises(ValueError, match=f"lacks 1 files of its manifest: \\['{name}'\\]"):
        ShardReader(str(tmp_path))


def test_no_manifest(tmp_path):
    with pytest.raises(ValueError, match=r"No manifest.json in .*python -m data_prep"):
        ShardReader(str(tmp_path))


def test_a_changed_index_is_an_error_at_start(make_set, tmp_path):
    make_set(tmp_path, {"train": [1]}, SMALL)
    index = tmp_path / "train-000000.index.json"
    index.write_bytes(index.read_bytes() + b" ")
    with pytest.raises(ValueError, match="not the one of the manifest"):
        ShardReader(str(tmp_path))


def test_a_shard_that_vanishes_is_a_bad_sample(make_set, tmp_path):
    make_set(tmp_path, {"train": [1]}, SMALL)
    reader = ShardReader(str(tmp_path))
    (tmp_path / "train-000000.tar").unlink()
    with pytest.raises(BadSample, match="vanished"), reader.open(0):
        pass


def test_members_outside_the_schema_are_ignored_in_the_tar(make_set, tmp_path):
    make_set(tmp_path, {"train": [1]}, SMALL)
    good = read_all(ShardReader(str(tmp_path)))
    with tarfile.open(tmp_path / "train-000000.tar", "a") as tar:
        for name in ("clip-train-0-0.pkl", "../evil.json", "/abs.pth", "other.json"):
            tar.addfile(tarfile.TarInfo(name))
    found = read_all(ShardReader(str(tmp_path)))
    assert same(good[0], found[0])
    assert len(found) == 1


@pytest.mark.parametrize(
    "name", ["pkl", "pyd", "pth", "png.pkl", "cf1.json", "cf1.pkl", "cf1000.png", "JSON", "npz", ""]
)
def test_members_outside_the_schema_are_refused_in_the_index(name):
    fields = {"schema": 1, "shard": "s", "samples": {"a": {name: [0, 1, 2]}}}
    with pytest.raises(ValueError, match="not in the schema"):
        ShardIndex.parse(json.dumps(fields).encode())


@pytest.mark.parametrize("key", ["a.b", "../a", "A", ""])
def test_keys_outside_the_schema_are_refused_in_the_index(key):
    fields = {"schema": 1, "shard": "s", "samples": {key: {}}}
    with pytest.raises(ValueError, match="not in the schema"):
        ShardIndex.parse(json.dumps(fields).encode())


def test_another_index_version():
    with pytest.raises(ValueError, match="version 1"):
        ShardIndex.parse(b'{"schema": 9}')


def test_an_absent_member_is_named(make_set, tmp_path):
    make_set(tmp_path, {"train": [1]}, SMALL)
    with (
        ShardReader(str(tmp_path)).open(0) as stored,
        pytest.raises(BadSample, match=r"sample 'clip-train-0-0', cf1.png: no such member"),
    ):
        stored.frames(without=1)


def test_contents_that_disagree_with_the_manifest(make_set, tmp_path, monkeypatch):
    """Bytes intact, meaning wrong: what a faulty writer would leave."""
    make_set(tmp_path, {"train": [1]}, SMALL, objects=3)
    reader = ShardReader(str(tmp_path))
    with reader.open(0) as stored:
        stored.meta["objects"] = stored.meta["objects"][:1]
        with pytest.raises(BadSample, match=r"labels: .*names object 3, .* 1 entries"):
            stored.labels()
        with pytest.raises(BadSample, match="coverage: Coverage of 1 objects"):
            stored.coverage()
