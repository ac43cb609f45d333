import numpy as np
import pytest

from data_prep.cutting import Cutting
from data_prep.prepare import prepare
from data_prep.simulated.cophy_layout import boxes, states_3d
from data_prep.simulated.cophy_like import HALVES, LABEL_KINDS, cophy_like, numbered
from data_prep.sources.cophy import SOURCE
from data_prep.sources.cophy_parts import TASKS as FOLDERS
from jepakit.data import ShardReader
from worlds.cophy import COLOURS, TASKS, half_clip, play, row_states, sample
from worlds.scenes.stage import FLOOR

FRAMES, RATE = 8, 4.0


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cophy_like")
    cophy_like(str(folder), pairs=4, val_pairs=2, image="png")
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cophy_files")
    cophy_like(str(folder), layout="cophy", pairs=4, val_pairs=2, size=96)
    return folder


def pair_of(stored):
    details = stored.meta["details"]
    return sample(details["task"], details["scene_seed"])


def test_clips_are_the_worlds_own(made):
    for stored in ShardReader(str(made)):
        pair, details = pair_of(stored), stored.meta["details"]
        clip = half_clip(pair, details["half"], frames=FRAMES, rate=RATE, size=64)
        np.testing.assert_array_equal(stored.frames, clip.frames)
        rows = TASKS[details["task"]].rows
        np.testing.assert_array_equal(stored.states, row_states(clip, rows).astype("<f4"))
        table = stored.meta["objects"]
        source = np.array([0, *(entry["source_id"] for entry in table)])
        np.testing.assert_array_equal(source[stored.labels], clip.labels)
        for entry in table:
            assert entry["colour"] == COLOURS[entry["source_id"] - 1]
            mass, friction, bounce = details["confounders"]["values"][entry["source_id"] - 1]
            told = (entry["mass"], entry["friction"], entry["restitution"])
            assert told == (mass, friction, bounce)
        assert set(stored.meta["labels"]) == set(LABEL_KINDS)


def test_both_halves_are_one_group_in_one_split(made):
    seen = {}
    for split, count in (("train", 4), ("val", 2)):
        groups = {}
        for stored in ShardReader(str(made), split=split):
            details = stored.meta["details"]
            groups.setdefault(details["group"], []).append(details)
        assert len(groups) == count
        for name, halves in groups.items():
            assert [one["half"] for one in halves] == list(HALVES)
            assert halves[0]["change"] == halves[1]["change"]
            assert halves[0]["confounders"] == halves[1]["confounders"]
            assert name.split("/")[0] == TASKS[halves[0]["task"]].folder
        seen[split] = set(groups)
    assert not seen["train"] & seen["val"]


def test_written_files_are_read_back(files, tmp_path):
    readers = SOURCE.find(files)
    assert len(readers) == 12
    assert {reader.split for reader in readers} == {"train", "val"}
    for reader in readers:
        with reader.open() as footage:
            assert footage.states.shape == (FRAMES, len(FOLDERS[reader.task]), 13)
            np.testing.assert_allclose(np.diff(footage.seconds), 1 / RATE, atol=1e-6)
    out = tmp_path / "shards"
    cutting = Cutting(frames=FRAMES, size=64, patch=8, tubelet=4)
    prepare("cophy", str(files), masks="given", out=str(out), licence="Apache-2.0", cutting=cutting)
    found = list(ShardReader(str(out)))
    assert len(found) == 12
    for stored in found:
        assert {entry["source_id"] for entry in stored.meta["objects"]} <= set(range(1, 10))


def test_states_in_space():
    for task, axes in (("balls", (0, 1)), ("blocks", (0, 2))):
        pair = sample(task, 2)
        flat = play(pair, "ab", frames=FRAMES, rate=RATE)
        full = states_3d(flat, pair)
        there = [i - 1 for i in pair.identities]
        assert not np.delete(full, there, axis=1).any()
        origin = (4.0, 4.0) if task == "balls" else (4.0, FLOOR)
        moved = full[:, there][..., list(axes)] + origin
        np.testing.assert_allclose(moved, flat[:, there, :2], atol=1e-12)
        np.testing.assert_allclose((full[:, there, 3:7] ** 2).sum(-1), 1.0)
        # The quaternion turns the x axis as the angle does.
        x, y, z, w = np.moveaxis(full[:, there, 3:7], -1, 0)
        turned = np.stack([1 - 2 * (y**2 + z**2), 2 * (x * y + w * z), 2 * (x * z - w * y)], -1)
        angle = flat[:, there, 2]
        np.testing.assert_allclose(turned[..., axes[0]], np.cos(angle), atol=1e-9)
        np.testing.assert_allclose(turned[..., axes[1]], np.sin(angle), atol=1e-9)


def test_boxes_and_numbers():
    labels = np.zeros((1, 6, 6), np.uint8)
    labels[0, 1:4, 2:5] = 3
    found = boxes(labels, 4)
    assert found[0, 2].tolist() == [2, 1, 4, 3]
    assert not np.delete(found, 2, axis=1).any()
    assert numbered(labels, (1, 3)).max() == 2


def test_rows_and_colours_are_cophys():
    assert FOLDERS["ballsCF"] == COLOURS
    assert COLOURS[:4] == FOLDERS["blocktowerCF"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": ["stones"]}, r"No tasks \['stones'\]; choose from balls, blocks"),
        ({"rate": 7.0}, "must divide 60"),
        ({"pairs": 0}, "not all 0"),
    ],
)
def test_refusals(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        cophy_like(str(tmp_path / "none"), **options)
