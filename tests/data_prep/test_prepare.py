import json
from dataclasses import replace

import numpy as np
import pytest
from made_up_readers import MadeUp, source_of

from data_prep import prepare as module
from data_prep.cutting import Cutting
from data_prep.masks.methods import Finding
from data_prep.masks.object_filter import ObjectFilter
from data_prep.prepare import divide, prepare
from jepakit.data.shard_reader import ShardReader

CUTTING = Cutting(frames=4, size=24, patch=8, image="png")
SMALL = {"cutting": CUTTING}
ALL = Finding(objects=ObjectFilter(min_area=0.0))


@pytest.fixture
def made_up(monkeypatch):
    def use(readers, **options):
        monkeypatch.setitem(module.SOURCES, "made_up", source_of(readers, **options))

    return use


def parts(cuts):
    return sorted((cut.reader.name, cut.split, cut.part) for cut in cuts)


def test_shards_of_a_source(made_up, tmp_path):
    made_up([MadeUp(f"v{n}", 30 + n) for n in range(10)], label_kinds={"speed": "regression"})
    prepare("made_up", "x", masks="given", out=str(tmp_path / "d"), finding=ALL, **SMALL)
    reader = ShardReader(str(tmp_path / "d"))
    manifest = reader.manifest
    assert manifest.description.licences == ("CC0-1.0",)
    assert manifest.description.label_kinds == {"speed": "regression"}
    assert {s: sum(x.samples for x in manifest.of_split(s)) for s in manifest.splits} == {
        "train": sum((30 + n) // 4 for n in range(10)) - held(reader),
        "val": held(reader),
    }
    with reader.open(0) as stored:
        sample = stored.whole()
    assert sample.labels.max() == 2
    assert sample.coverage.shape == (2, 2, 3, 3)


def held(reader):
    return sum(shard.samples for shard in reader.manifest.of_split("val"))


def test_damaged_videos_are_listed_and_the_rest_is_kept(made_up, tmp_path):
    readers = [MadeUp("good"), MadeUp("breaks", breaks_at=9), MadeUp("worst", breaks_at=0)]
    made_up([*readers, MadeUp("bare", masks=False)])
    prepare("made_up", "x", masks="given", out=str(tmp_path), val_share=0.0, finding=ALL, **SMALL)
    rejects = json.loads((tmp_path / "rejects.json").read_bytes())
    told = {entry["item"]: entry["reason"] for entry in rejects}
    assert set(told) == {"breaks", "worst", "bare"}
    assert "after 2 clips" in told["breaks"]
    assert "no masks of its own" in told["bare"]
    assert len(ShardReader(str(tmp_path))) == 7 + 2


def test_still_images_are_clips_of_one_frame_unless_more_are_wanted(made_up, tmp_path):
    made_up([MadeUp("a", 1), MadeUp("b", 1)], still=True)
    one = replace(CUTTING, frames=None)
    prepare("made_up", "x", masks="none", out=str(tmp_path / "1"), cutting=one)
    assert ShardReader(str(tmp_path / "1")).form.shape == (1, 24, 24)
    prepare("made_up", "x", masks="none", out=str(tmp_path / "4"), **SMALL)
    reader = ShardReader(str(tmp_path / "4"))
    with reader.open(0) as stored:
        frames = stored.whole().frames
    assert (frames == frames[:1]).all()
    assert sorted(reader.manifest.splits) == ["train", "val"]


def test_a_segmenter_by_its_name(made_up, tmp_path):
    made_up([MadeUp("a"), MadeUp("b")])
    prepare("made_up", "x", masks="regions", out=str(tmp_path), finding=ALL, **SMALL)
    with ShardReader(str(tmp_path)).open(0) as stored:
        meta = stored.whole().meta
    masks = meta["details"]["masks"]
    assert masks["method"].startswith("Regions")
    assert masks["quality"]["frame_overlap"] > 0.8


def test_refusals(made_up, tmp_path):
    made_up([MadeUp("a")])
    for options, words in [
        ({"masks": "sam"}, "checkpoint"),
        ({"masks": "sam2"}, "weights"),
        ({"masks": "none", "val_share": 1.0}, "val_share"),
        ({"masks": "none", "cutting": replace(CUTTING, size=20)}, "divide"),
        ({"masks": "none", "cutting": replace(CUTTING, fps=-1.0)}, "fps"),
    ]:
        with pytest.raises(ValueError, match=words):
            prepare("made_up", "x", out=str(tmp_path / "d"), **{**SMALL, **options})
    made_up([MadeUp("a")], licence=None)
    with pytest.raises(ValueError, match="--licence"):
        prepare("made_up", "x", masks="none", out=str(tmp_path / "d"), **SMALL)
    made_up([MadeUp("a")])
    with pytest.raises(ValueError, match="local folder"):
        prepare("made_up", "s3://b/x", masks="none", out=str(tmp_path / "d"), **SMALL)


def test_whole_groups_are_held_out_by_their_names():
    readers = [
        MadeUp(f"{group}/{n}", group_name=f"g{group}") for group in range(20) for n in (0, 1)
    ]
    cuts = divide(readers, val_share=0.2, by="auto")
    split = {}
    for cut in cuts:
        split.setdefault(cut.reader.group, set()).add(cut.split)
        assert cut.part == (0.0, 1.0)
    assert all(len(splits) == 1 for splits in split.values())
    assert sum(splits == {"val"} for splits in split.values()) == 4
    order = np.random.default_rng(0).permutation(len(readers))
    assert parts(divide([readers[n] for n in order], val_share=0.2, by="auto")) == parts(cuts)


def test_small_shares_hold_one_out_and_never_all():
    two = [MadeUp("a"), MadeUp("b")]
    assert sorted(cut.split for cut in divide(two, val_share=0.01, by="video")) == ["train", "val"]
    assert sorted(cut.split for cut in divide(two, val_share=0.99, by="video")) == ["train", "val"]
    assert [cut.split for cut in divide(two[:1], val_share=0.5, by="video")] == ["train"]
    assert [cut.split for cut in divide(two, val_share=0.0, by="video")] == ["train", "train"]


def test_one_video_is_divided_in_time():
    cuts = divide([MadeUp("a")], val_share=0.25, by="auto")
    assert parts(cuts) == [("a", "train", (0.0, 0.75)), ("a", "val", (0.75, 1.0))]
    assert parts(divide([MadeUp("a")], val_share=0.0, by="time")) == [("a", "train", (0.0, 1.0))]
    assert [c.split for c in divide([MadeUp("a")], val_share=0.5, by="auto", still=True)] == [
        "train"
    ]


def test_official_splits_stay():
    readers = [
        MadeUp("a", official="test"),
        MadeUp("b", official="train"),
        MadeUp("c"),
        MadeUp("d"),
    ]
    cuts = {cut.reader.name: cut.split for cut in divide(readers, val_share=0.5, by="auto")}
    assert (cuts["a"], cuts["b"]) == ("test", "train")
    assert sorted([cuts["c"], cuts["d"]]) == ["train", "val"]
