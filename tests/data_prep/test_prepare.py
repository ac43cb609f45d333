import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gray_videos import write_video
from made_up_readers import MadeUp, source_of

from data_prep import prepare as module
from data_prep.cutting import Cutting
from data_prep.masks.methods import Finding
from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.sam2 import Sam2
from data_prep.prepare import divide, prepare
from jepakit.data.shard_reader import ShardReader

CUTTING = Cutting(frames=4, size=24, patch=8, image="png")
SMALL = {"cutting": CUTTING}
ALL = Finding(objects=ObjectFilter(min_area=0.0))
OWN_FILTER = Sam2(Path("weights"), objects=ObjectFilter(top=3))


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
    prepare("made_up", ".", masks="given", out=str(tmp_path), val_share=0.0, finding=ALL, **SMALL)
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


def rewrite(**options):
    return {"masks": "none", "licence": "CC0-1.0", **SMALL, **options}


def test_finished_shards_of_other_inputs_are_not_taken_for_those_of_this_job(tmp_path):
    """Their files have the same names."""
    for name, frames in (("one", 8), ("two", 12)):
        folder = tmp_path / name / "videos"
        folder.mkdir(parents=True)
        for number in range(3):
            write_video(folder / f"v{number}.mp4", frames)
    out = str(tmp_path / "out")
    prepare("videos", str(tmp_path / "one" / "videos"), **rewrite(out=out))
    with pytest.raises(ValueError, match="other settings or of other inputs"):
        prepare("videos", str(tmp_path / "two" / "videos"), **rewrite(out=out))


def test_new_labels_of_a_list_are_noticed_and_its_place_is_not(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for number in range(4):
            write_video(tmp_path / name / f"v{number}.mp4", 8)
        lines = "v0.mp4 0\nv1.mp4 1\nv2.mp4 2\nv3.mp4 0\nv4.mp4 0\n"  # the last one is missing
        (tmp_path / name / "list.txt").write_text(lines)
        listed = str(tmp_path / name / "list.txt")
        prepare("videos", listed, **rewrite(out=str(tmp_path / name / "out")))
    one, two = (tmp_path / name / "out" for name in ("one", "two"))
    files = sorted(path.name for path in one.iterdir())
    assert [(one / name).read_bytes() for name in files] == [
        (two / name).read_bytes() for name in files
    ]
    assert "v4.mp4" in (one / "rejects.json").read_text()
    (tmp_path / "one" / "list.txt").write_text(lines.replace("v1.mp4 1", "v1.mp4 2"))
    with pytest.raises(ValueError, match="other settings or of other inputs"):
        prepare("videos", str(tmp_path / "one" / "list.txt"), **rewrite(out=str(one)))


def test_names_that_are_not_unicode(tmp_path):
    write_video(tmp_path / "a.mp4", 8)
    strange = os.fsencode(tmp_path) + b"/b\xff.mp4"
    shutil.copy(tmp_path / "a.mp4", strange)
    prepare("videos", str(tmp_path), **rewrite(out=str(tmp_path / "out")))
    assert len(ShardReader(str(tmp_path / "out"))) == 4


def test_refusals(made_up, tmp_path):
    made_up([MadeUp("a")])
    for options, words in [
        ({"masks": "sam"}, "checkpoint"),
        ({"masks": "sam2"}, "weights"),
        ({"masks": "sam2", "finding": Finding(sam2=OWN_FILTER)}, r"--objects, not --sam2\.objects"),
        ({"masks": "none", "val_share": 1.0}, "val_share"),
        ({"masks": "none", "cutting": replace(CUTTING, size=20)}, "divide"),
        ({"masks": "none", "cutting": replace(CUTTING, frames=0)}, "positive"),
        ({"masks": "none", "cutting": replace(CUTTING, tubelet=0)}, "positive"),
        ({"masks": "none", "cutting": replace(CUTTING, fps=-1.0)}, "fps"),
    ]:
        with pytest.raises(ValueError, match=words):
            prepare("made_up", "x", out=str(tmp_path / "d"), **{**SMALL, **options})
    made_up([MadeUp("a")], has_masks=False)
    with pytest.raises(ValueError, match="'made_up' has no masks of its own; choose another"):
        prepare("made_up", "x", masks="given", out=str(tmp_path / "d"), **SMALL)
    assert not (tmp_path / "d").exists()
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
