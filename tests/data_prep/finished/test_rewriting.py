import hashlib
import json
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from noise_items import DESCRIPTION, FORM, NoiseItem

from data_prep.finished.merging import merge
from data_prep.finished.splitting import deal, split
from data_prep.job import REJECTS, Job, run_job
from jepakit.actions import ActionSpace
from jepakit.data.manifest import Description
from jepakit.data.shard_reader import ShardReader


def make(
    folder: Path,
    numbers: Sequence[int],
    *,
    val: Sequence[int] = (),
    told: Description = DESCRIPTION,
) -> str:
    items = {"train": [NoiseItem(number) for number in numbers]}
    if val:
        items["val"] = [NoiseItem(number) for number in val]
    run_job(folder, told, items, Job(shard_items=3))
    return str(folder)


def tree(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def damage(folder: str, shard: str = "train-000000") -> None:
    """Change a byte of the shard's first member, the metadata of its first clip."""
    path = Path(folder) / f"{shard}.tar"
    data = bytearray(path.read_bytes())
    data[520] ^= 1
    path.write_bytes(data)


def contents(folder: str | Path, split: str | None = None) -> dict[str, bytes]:
    return {s.key: s.frames.tobytes() for s in ShardReader(str(folder), split=split)}


def test_merged_shards_are_those_of_the_inputs(tmp_path: Path) -> None:
    one = make(tmp_path / "one", range(5), val=[20, 21])
    other = make(tmp_path / "other", range(10, 12))
    out = tmp_path / "out"
    merge(str(out), [one, other])
    for new, old in {
        "train-000000": "one/train-000000",
        "train-000001": "one/train-000001",
        "train-000002": "other/train-000000",
        "val-000000": "one/val-000000",
    }.items():
        assert (out / f"{new}.tar").read_bytes() == (tmp_path / f"{old}.tar").read_bytes()
    assert contents(out, "train") == contents(one, "train") | contents(other)
    manifest = ShardReader(str(out)).manifest
    assert manifest.splits == {
        "train": ["train-000000", "train-000001", "train-000002"],
        "val": ["val-000000"],
    }
    assert [m["name"] for m in manifest.description.settings["merged"]] == ["one", "other"]


def test_remote_prefixes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # of shards that are fetched
    one, other = make(tmp_path / "one", range(4)), make(tmp_path / "other", range(10, 13))
    merge("memory://test-rewriting/merged", [one, other])
    split("memory://test-rewriting/merged", str(tmp_path / "out"), val_share=0.3)
    assert contents(tmp_path / "out") == contents(one) | contents(other)
    with pytest.raises(ValueError, match="is read"):
        split("memory://test-rewriting/merged", "memory://test-rewriting/merged/")


def test_a_second_merge_makes_nothing_again(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one", range(2)), make(tmp_path / "other", [5])
    out = tmp_path / "out"
    merge(str(out), [one, other])
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("train-*")}
    hashes = tree(out)
    merge(str(out), [one, other])
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("train-*")} == before
    assert tree(out) == hashes


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_killed_merge_goes_on(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one", range(9)), make(tmp_path / "other", range(40, 46))
    merge(str(tmp_path / "whole"), [one, other])
    random = np.random.default_rng(0)
    for _ in range(3):
        process = os.fork()
        if process == 0:
            merge(str(tmp_path / "killed"), [one, other])
            os._exit(0)
        time.sleep(random.uniform(0.0, 0.03))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    merge(str(tmp_path / "killed"), [one, other])
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")


def test_keys_that_are_not_unique_need_a_prefix(tmp_path: Path) -> None:
    one, other = make(tmp_path / "One 1", range(3)), make(tmp_path / "other", range(2, 4))
    out = str(tmp_path / "out")
    with pytest.raises(ValueError, match=r"1 keys are not unique, such as 'noise-2'.*--prefix"):
        merge(out, [one, other])
    assert not Path(out).exists()
    merge(out, [one, other], prefix=True)
    samples = list(ShardReader(out))
    assert [s.key for s in samples] == [
        "one-1_noise-0",
        "one-1_noise-1",
        "one-1_noise-2",
        "other_noise-2",
        "other_noise-3",
    ]
    assert samples[3].meta["details"]["group"] == "other/noise-2"
    old = next(iter(ShardReader(other)))
    np.testing.assert_array_equal(samples[3].frames, old.frames)
    assert samples[3].meta["labels"] == old.meta["labels"]


def test_prefixes_have_to_differ_and_to_leave_keys_short(tmp_path: Path) -> None:
    one, other = make(tmp_path / "a" / "x", [1]), make(tmp_path / "b" / "x", [2])
    with pytest.raises(ValueError, match=r"need different names; \['x'\]"):
        merge(str(tmp_path / "out"), [one, other], prefix=True)
    long = make(tmp_path / ("l" * 75), [1])
    with pytest.raises(ValueError, match="83 characters; 80 is the most"):
        merge(str(tmp_path / "out"), [long], prefix=True)
    with pytest.raises(ValueError, match="named twice"):
        merge(str(tmp_path / "out"), [one, one])


SPACE = ActionSpace(("x",), (-1.0,), (1.0,))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (replace(DESCRIPTION, form=replace(FORM, tubelet=2)), "'tubelet' is 1 in .* but 2 in"),
        (replace(DESCRIPTION, label_kinds={"mean": "binary"}), "kind of label 'mean'"),
        (replace(DESCRIPTION, mirrored=("mean",)), "mirroring of label 'mean'"),
        (replace(DESCRIPTION, actions=SPACE), "action space"),
    ],
)
def test_data_sets_that_do_not_fit_are_refused(
    told: Description, words: str, tmp_path: Path
) -> None:
    one, other = make(tmp_path / "one", [0]), make(tmp_path / "other", [1], told=told)
    with pytest.raises(ValueError, match=words):
        merge(str(tmp_path / "out"), [one, other])


def test_a_merged_description_says_all(tmp_path: Path) -> None:
    told = replace(
        DESCRIPTION, source="more noise", licences=("MIT",), label_kinds={"height": "regression"}
    )
    one, other = make(tmp_path / "one", [0]), make(tmp_path / "other", [1], told=told)
    merge(str(tmp_path / "out"), [one, other])
    description = ShardReader(str(tmp_path / "out")).manifest.description
    assert description.source == "noise + more noise"
    assert description.licences == ("CC0-1.0", "MIT")
    assert description.label_kinds == {"mean": "regression", "height": "regression"}


def test_rejects_of_the_inputs_are_kept(tmp_path: Path) -> None:
    items = {"train": [NoiseItem(0), NoiseItem(1, "assert")]}
    run_job(tmp_path / "one", DESCRIPTION, items, Job())
    merge(str(tmp_path / "out"), [str(tmp_path / "one")])
    assert (tmp_path / "out" / REJECTS).read_bytes() == (tmp_path / "one" / REJECTS).read_bytes()


@pytest.mark.parametrize("command", ["merge", "split"])
def test_inputs_and_other_data_sets_are_never_written_to(command: str, tmp_path: Path) -> None:
    one, other = make(tmp_path / "one", range(4)), make(tmp_path / "other", [7])
    before = tree(tmp_path / "one"), tree(tmp_path / "other")

    def run(out: str) -> None:
        if command == "merge":
            merge(out, [one])
        else:
            split(one, out)

    with pytest.raises(ValueError, match="is read; write into another folder"):
        run(f"{tmp_path}/other/../one/")
    with pytest.raises(ValueError, match="holds another data set"):
        run(other)
    assert (tree(tmp_path / "one"), tree(tmp_path / "other")) == before


@pytest.mark.parametrize("command", ["merge", "split"])
def test_damage_is_never_copied(command: str, tmp_path: Path) -> None:
    one, out = make(tmp_path / "one", range(4)), tmp_path / "out"
    sound = contents(one)
    damage(one)

    def run(damaged: str) -> None:
        if command == "merge":
            merge(str(out), [one], damaged=damaged)
        else:
            split(one, str(out), damaged=damaged, val_share=0.25)

    with pytest.raises(ValueError, match=r"'noise-0', json: damaged.*data_prep verify"):
        run("stop")
    assert not (out / "manifest.json").exists()
    run("reject")
    del sound["noise-0"]
    assert contents(out) == sound
    (reject,) = json.loads((out / REJECTS).read_bytes())
    assert reject["item"] == "noise-0"
    assert "json: damaged" in reject["reason"]


def test_a_split_keeps_every_clip_and_whole_groups(tmp_path: Path) -> None:
    items = {"train": [NoiseItem(n, clips=1 + n % 3) for n in range(10)]}
    run_job(tmp_path / "one", DESCRIPTION, items, Job())
    one, out = str(tmp_path / "one"), str(tmp_path / "out")
    split(one, out, val_share=0.2, test_share=0.1, shard_clips=7)
    assert contents(out) == contents(one)
    homes: dict[str, set[str]] = {}
    for name in ("train", "val", "test"):
        for sample in ShardReader(out, split=name):
            homes.setdefault(sample.meta["details"]["group"], set()).add(name)
    assert all(len(found) == 1 for found in homes.values())
    assert [sum({n} == found for found in homes.values()) for n in ("train", "val", "test")] == [
        7,
        2,
        1,
    ]
    sizes = [shard.samples for shard in ShardReader(out, split="train").shards]
    assert sizes[:-1] == [7] * (len(sizes) - 1)


def test_dealing_follows_from_names_and_seed_alone() -> None:
    groups = [f"g{number}" for number in range(100)]
    dealt = deal(groups, val_share=0.1, test_share=0.2)
    assert sorted(dealt.values()).count("val") == 10
    assert sorted(dealt.values()).count("test") == 20
    assert deal(groups[::-1], val_share=0.1, test_share=0.2) == dealt
    assert deal(groups, val_share=0.1, test_share=0.2, seed=1) != dealt
    assert set(deal(["a", "b"], val_share=0.01).values()) == {"train", "val"}


@pytest.mark.parametrize(
    ("groups", "shares", "words"),
    [
        (9, (0.5, 0.5), "leave some for training"),
        (9, (-0.1, 0.0), "0 or more"),
        (2, (0.1, 0.1), "too few"),
    ],
)
def test_shares_that_cannot_be(groups: int, shares: tuple[float, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        deal([f"g{n}" for n in range(groups)], val_share=shares[0], test_share=shares[1])


def test_clips_by_another_field_or_each_for_itself(tmp_path: Path) -> None:
    items = {"train": [NoiseItem(0, clips=4)]}
    run_job(tmp_path / "one", DESCRIPTION, items, Job())
    one, out = str(tmp_path / "one"), str(tmp_path / "out")
    with pytest.raises(ValueError, match="1 groups are too few for 1 in val"):
        split(one, out)
    with pytest.raises(ValueError, match=r"no 'camera' among its details \['group'\]; --by key"):
        split(one, out, by="camera")
    split(one, out, by="key", val_share=0.25)
    assert len(ShardReader(out, split="val")) == 1
