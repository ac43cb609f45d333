import numpy as np
import pytest

from data_prep.simulated.scene_labels import LABEL_KINDS
from data_prep.simulated.scenes import scenes
from jepakit.data import ShardReader
from worlds.scenes import LAYOUTS, sample, simulate


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    scenes(
        str(folder), clips=len(LAYOUTS), val_clips=3, counterfactuals="one", image="png", note="n"
    )
    return folder


def test_clips_are_the_worlds_own(made):
    for stored in ShardReader(str(made)):
        details = stored.meta["details"]
        designed = sample(details["layout"], details["scene_seed"])
        clip = simulate(designed, frames=8, rate=4.0, size=64)
        np.testing.assert_array_equal(stored.frames, clip.frames)
        np.testing.assert_array_equal(stored.labels, clip.labels)
        np.testing.assert_array_equal(stored.contacts["impulse"], clip.contacts["impulse"])
        ((identity, other),) = stored.counterfactuals.items()
        np.testing.assert_array_equal(other.frames, clip.without(identity).frames)


def test_every_layout_is_there_and_no_scene_is_in_two_splits(made):
    parts = {
        split: [s.meta["details"] for s in ShardReader(str(made), split=split)]
        for split in ("train", "val")
    }
    assert [d["layout"] for d in parts["train"]] == list(LAYOUTS)
    groups = {split: {d["group"] for d in part} for split, part in parts.items()}
    assert not groups["train"] & groups["val"]


def test_labels_are_defined_and_within_range(made):
    reader = ShardReader(str(made))
    assert reader.manifest.description.label_kinds == LABEL_KINDS
    assert reader.manifest.description.settings["note"] == "n"
    for stored in reader:
        labels = stored.meta["labels"]
        assert set(labels) <= set(LABEL_KINDS)
        assert all(0 <= labels[name] <= 1 for name in ("end_x", "end_y", "touch_movable"))
        pairs = {(a, b) for _, a, b, _ in stored.contacts.tolist() if a}
        assert labels["touching_pairs"] == len(pairs)
        assert labels["touch_1_2"] == float((1, 2) in pairs)
        moving = np.array([o["dynamic"] for o in stored.meta["objects"]])
        height = stored.states[-1, moving, 1]
        assert labels["end_y"] == pytest.approx(
            np.clip(height / sample("ramp", 0).scene.height, 0, 1).mean(), abs=1e-5
        )


def test_held_out_layouts(tmp_path):
    scenes(
        str(tmp_path),
        layouts=["ramp", "billiards"],
        val_layouts=["billiards"],
        clips=2,
        val_clips=2,
    )
    for split, layout in (("train", "ramp"), ("val", "billiards")):
        found = {s.meta["details"]["layout"] for s in ShardReader(str(tmp_path), split=split)}
        assert found == {layout}


def test_clips_as_mp4(tmp_path):
    scenes(
        str(tmp_path), layouts=["ramp"], clips=1, val_clips=0, counterfactuals="one", image="mp4"
    )
    (stored,) = ShardReader(str(tmp_path))
    details = stored.meta["details"]
    clip = simulate(sample("ramp", details["scene_seed"]), frames=8, rate=4.0, size=64)
    ((identity, other),) = stored.counterfactuals.items()
    for seen, made in ((stored, clip), (other, clip.without(identity))):
        assert 0 < np.abs(seen.frames.astype(int) - made.frames).mean() < 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"layouts": ["rampe"]}, r"No layouts \['rampe'\]; choose from stack"),
        ({"layouts": ["ramp"], "val_layouts": ["ramp"]}, "leave some for training"),
        ({"clips": 0}, "not all 0"),
        ({"val_clips": -1}, "0 or more"),
        ({"rate": 7.0, "clips": 1, "val_clips": 0}, "rate must divide"),
    ],
)
def test_refusals(tmp_path, arguments, words):
    with pytest.raises(ValueError, match=words):
        scenes(str(tmp_path), **arguments)
