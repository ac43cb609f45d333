import hashlib
import json
from dataclasses import asdict, replace

import pytest

from jepakit.actions import ActionSpace, StateChange
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


AGENT = ActionSpace(
    ("vx", "vy"), (-1.0, -1.0), (1.0, 1.0), ("x",), (StateChange((0,), (0,), scale=0.1, low=0.0),)
)


def test_an_agents_fields_are_stored_only_where_there_is_one(make_set, tmp_path):
    plain = make_set(tmp_path, {"train": [1]})
    assert not {"actions", "proprio"} & set(json.loads(plain.to_bytes()))
    # What digests were made of before agents came: finished shards of old data sets stay valid.
    old = {**asdict(plain.description)}
    del old["actions"], old["proprio"]
    text = json.dumps([old, "a"], sort_keys=True, separators=(",", ":"))
    assert plain.description.digest("a") == hashlib.sha256(text.encode()).hexdigest()

    described = replace(plain.description, actions=AGENT, proprio=(1, (3,)))
    manifest = replace(plain, description=described)
    assert Manifest.parse(manifest.to_bytes()) == manifest
    assert json.loads(manifest.to_bytes())["proprio"] == {"row": 1, "columns": [3]}
    without = replace(described, proprio=None)
    assert Manifest.parse(replace(plain, description=without).to_bytes()).description == without
    digests = {d.digest("a") for d in (plain.description, described, without)}
    assert len(digests) == 3


@pytest.mark.parametrize(("actions", "columns"), [(AGENT, (0, 1)), (AGENT, ()), (None, (0,))])
def test_an_agents_state_must_fit_its_actions(make_set, tmp_path, actions, columns):
    plain = make_set(tmp_path, {"train": [1]}).description
    with pytest.raises(ValueError, match="must name one column"):
        replace(plain, actions=actions, proprio=(0, columns))
