import json

import pytest

from jepakit.data.manifest import MANIFEST, Manifest, merge_manifest


def test_round_trip_counts_and_splits(make_set, tmp_path):
    manifest = make_set(tmp_path, {"train": [2, 3], "val": [1]}, objects=0)
    data = (tmp_path / MANIFEST).read_bytes()
    assert Manifest.parse(data) == manifest
    fields = json.loads(data)
    assert fields["grid"] == [2, 4, 4]
    assert fields["counts"] == {
        "bytes": sum(shard.size for shard in manifest.shards),
        "rejected": 0,
        "samples": 6,
        "with_counterfactuals": 0,
        "without_objects": 6,
    }
    assert manifest.splits == {"train": ["train-000000", "train-000001"], "val": ["val-000000"]}
    assert [s.name for s in manifest.of_split("val")] == ["val-000000"]
    assert len(manifest.of_split(None)) == 3


def test_unknown_and_empty_splits(make_set, tmp_path):
    manifest = make_set(tmp_path, {"train": [2], "val": [0]})
    with pytest.raises(ValueError, match=r"No split 'test'; the data set has \['train', 'val'\]"):
        manifest.of_split("test")
    with pytest.raises(ValueError, match="'val' has no samples"):
        manifest.of_split("val")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"schema": 1', b'"schema": 2', "version 1 expected, came 2"),
        (b'"regression"', b'"binary"', "damaged or edited"),
        (b'"samples": 2', b'"samples": 3', "damaged or edited"),
        (b"{", b"[", "Expecting"),
        (b"", b"[]\n", "Extra data"),
    ],
)
def test_damaged_manifests(make_set, tmp_path, old, new, words):
    make_set(tmp_path, {"train": [2]})
    data = (tmp_path / MANIFEST).read_bytes()
    assert old in data
    with pytest.raises(ValueError, match=words):
        Manifest.parse(data.replace(old, new, 1))


def test_a_list_is_no_manifest():
    with pytest.raises(ValueError, match="came 'list'"):
        Manifest.parse(b"[]")


def test_keys_are_unique_over_shards(make_set, tmp_path):
    manifest = make_set(tmp_path, {"train": [2]})
    for ending in ("tar", "index.json"):
        (tmp_path / f"copy.{ending}").write_bytes(
            (tmp_path / f"train-000000.{ending}").read_bytes()
        )
    with pytest.raises(ValueError, match="'clip-train-0-0' appears in shards 'train-000000' and"):
        merge_manifest(tmp_path, manifest.description, ["train-000000", "copy"])


def test_an_unfinished_shard_is_named(make_set, tmp_path):
    manifest = make_set(tmp_path, {"train": [2]})
    with pytest.raises(ValueError, match="'train-000001' is not finished"):
        merge_manifest(tmp_path, manifest.description, ["train-000000", "train-000001"])


def test_the_fingerprint_follows_every_shard(make_set, tmp_path):
    prints = {
        make_set(tmp_path / name, sizes, prefix=prefix).fingerprint
        for name, sizes, prefix in (
            ("a", {"train": [2]}, "clip"),
            ("b", {"train": [3]}, "clip"),
            ("c", {"train": [2]}, "klip"),
            ("d", {"train": [2]}, "clip"),
        )
    }
    assert len(prints) == 3
