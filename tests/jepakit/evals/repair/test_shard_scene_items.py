"""One item per clip and object of the project's own data sets."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from jepakit.data.manifest import Description, merge_manifest
from jepakit.data.members import encode_sample
from jepakit.data.metadata import build_meta
from jepakit.data.schema import ClipFormat, Sample
from jepakit.data.shard_writer import write_shard
from jepakit.evals.repair.images.masked_images import UnusableImage, count_skipped
from jepakit.evals.repair.images.shard_scenes import open_shard_scenes

FORM = ClipFormat(frames=4, height=32, width=32, patch=8, tubelet=2, image="png")


def clip(key: str, kinds: tuple[str, ...], group: str) -> Sample:
    """Object 1 falls by 4 pixels a frame, 2 stands still, 3 is one pixel, 4 comes in at the end."""
    labels = np.zeros(FORM.shape, np.uint8)
    for t in range(4):
        labels[t, 4 * t : 4 * t + 8, :8] = min(1, len(kinds))
        labels[t, 20:28, 20:28] = 2 if len(kinds) > 1 else 0
    if len(kinds) > 3:
        labels[:, 0, 31] = 3
        labels[3, 10:18, 10:18] = 4
    meta = build_meta(
        key,
        FORM,
        source="noise",
        licence="CC0-1.0",
        fps=8.0,
        objects=[{"id": i, "kind": kind} for i, kind in enumerate(kinds, start=1)],
        labels={},
        details={"group": group},
    )
    frames = np.random.default_rng(0).integers(0, 256, (*FORM.shape, 3), dtype=np.uint8)
    return Sample(key=key, frames=frames, labels=labels, meta=meta)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    spec = Description("noise", "tests/1", ("CC0-1.0",), FORM, {})
    clips = [
        clip("one", ("ball", "box", "dot", "late"), "scene"),
        clip("two", ("ball", "box"), "scene"),
        clip("bare", (), "other"),
    ]
    samples = [encode_sample(sample, FORM) for sample in clips]
    write_shard(tmp_path, "val-000000", samples, split="val", spec=spec.digest("val-000000"))
    merge_manifest(tmp_path, spec, ["val-000000"])
    return tmp_path


def test_an_item_per_clip_and_object(scenes):
    images = open_shard_scenes(str(scenes))
    assert [r.key for r in images.records] == ["one/1", "one/2", "two/1", "two/2"]
    assert images.counts == {"ball": 2, "box": 2}
    assert {record.group for record in images.records} == {"scene"}
    assert count_skipped(images.skipped) == "3 skipped (2 object too small, 1 no mask)"
    ball = images.records[0].load()
    assert ball.frames.shape == (1, 32, 32, 3)
    assert ball.mask[0, :8, :8].all()
    assert ball.mask.sum() == 64
    assert ball.void.sum() == 64 + 1  # the box and the dot
    assert not open_shard_scenes(str(scenes), others="background").records[0].load().void.any()


def test_whole_clips(scenes):
    images = open_shard_scenes(str(scenes), see="clip")
    assert images.counts == {"ball": 2, "box": 2, "late": 1}  # a quarter of 6 % of the picture
    ball, late = (next(r.load() for r in images.records if r.label == n) for n in ("ball", "late"))
    assert ball.frames.shape == (4, 32, 32, 3)
    assert [int(np.argwhere(layer)[0, 0]) for layer in ball.mask] == [0, 4, 8, 12]
    assert late.mask.sum(axis=(1, 2)).tolist() == [0, 0, 0, 64]
    assert not (ball.mask & ball.void).any()


def test_the_least_area(scenes):
    assert open_shard_scenes(str(scenes), least_area=0.0).counts == {"ball": 2, "box": 2, "dot": 1}
    with pytest.raises(ValueError, match=r"can be used: 7 skipped \(6 object too small, 1 no mask"):
        open_shard_scenes(str(scenes), least_area=0.5)


def test_damaged_members_are_found_when_read(scenes):
    file = scenes / "val-000000.tar"
    images = open_shard_scenes(str(scenes))
    with tarfile.open(file) as tar:
        place = next(m.offset_data for m in tar if m.name.endswith("one.labels"))
    data = bytearray(file.read_bytes())
    data[place] ^= 255
    file.write_bytes(data)
    skipped: dict[str, UnusableImage] = {}
    assert [item.key for item in images.readable(skipped)] == ["two/1", "two/2"]
    assert count_skipped(skipped) == "2 skipped (2 unreadable)"
    with tarfile.open(file) as tar:
        place = next(m.offset_data for m in tar if m.name.endswith("two.json"))
    data[place] ^= 255
    file.write_bytes(data)
    again = open_shard_scenes(str(scenes))
    assert again.skipped["two"].reason == "unreadable"
    assert {record.group for record in again.records} == {"scene"}


def test_says_what_is_there(scenes):
    with pytest.raises(ValueError, match=r"Object 1 of 'one' has no 'shape' .*\['area', 'id', 'ki"):
        open_shard_scenes(str(scenes), classes="shape")
    with pytest.raises(ValueError, match="train"):
        open_shard_scenes(str(scenes), split="train")
    with pytest.raises(ValueError, match="make the data set with python -m data_prep"):
        open_shard_scenes(str(scenes / "nowhere"))
