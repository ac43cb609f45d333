import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from robot_files import SIDE, shades

from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.objects import Masks
from data_prep.masks.segmenter import Segmentation, Segmenter
from data_prep.trajectories.clips import Making, TrajectoryItem
from data_prep.trajectories.npz import NpzRecording
from data_prep.trajectories.recording import Parts
from jepakit.data.coverage import coverage_of
from jepakit.data.members import encode_sample
from jepakit.data.schema import ClipFormat


@dataclass(frozen=True)
class Colours(Segmenter):
    """Red is object 1, blue is object 2."""

    @property
    def name(self) -> str:
        return "colours"

    def segment(self, frames):
        red, blue = (frames[..., channel] > 200 for channel in (0, 2))
        labels = np.where(red, 1, np.where(blue, 2, 0)).astype(np.uint8)
        return Segmentation(labels, (0.75, 0.5), {"small": 3})


@pytest.fixture
def recording(tmp_path):
    frames = shades(range(6))
    frames[:, 4:12, 8:16] = 255, 0, 0
    for moment in range(6):
        frames[moment, 20:28, 4 * moment : 4 * moment + 8] = 0, 0, 255
    actions = np.arange(12.0).reshape(6, 2)
    np.savez(tmp_path / "a.npz", frames=frames, actions=actions, states=actions)
    return NpzRecording(tmp_path / "a.npz", Parts(fps=5.0)), frames


def clip(recording, form, **making):
    settings = Making("auto", None, "crop", "robot", "CC0-1.0", **making)
    item = pickle.loads(pickle.dumps(TrajectoryItem(recording, 0, 1, settings)))
    (sample,) = item.make(form)
    return sample


def test_objects_are_numbered_behind_the_agent(recording):
    form = ClipFormat(4, SIDE, SIDE, 8, 1, "png")
    sample = clip(recording[0], form, masks=Masks(Colours(), ObjectFilter()))
    frames = recording[1][1:5]
    wanted = np.where(frames[..., 0] == 255, 2, np.where(frames[..., 2] == 255, 3, 0))
    assert np.array_equal(sample.labels, wanted)
    assert sample.meta["objects"] == [
        {"id": 1, "kind": "agent"},
        {"id": 2, "origin": "segmenter", "score": 0.75},
        {"id": 3, "origin": "segmenter", "score": 0.5},
    ]
    assert sample.meta["details"]["masks"] == {"method": "colours", "dropped": {"small": 3}}
    # The agent's state stays in the row of object 1, which covers nothing.
    assert sample.states.shape == (4, 1, 2)
    assert not coverage_of(sample.labels, 3, patch=8, tubelet=1)[0].any()
    assert encode_sample(sample, form).objects == 3


def test_objects_are_sought_in_larger_frames(recording):
    form = ClipFormat(4, SIDE // 2, SIDE // 2, 8, 1, "png")
    masks = Masks(Colours(), ObjectFilter(), SIDE)
    labels = clip(recording[0], form, masks=masks).labels
    frames = recording[1][1:5, 1::2, 1::2]
    wanted = np.where(frames[..., 0] == 255, 2, np.where(frames[..., 2] == 255, 3, 0))
    assert np.array_equal(labels, wanted)


def test_without_a_method_nothing_is_labelled(recording):
    sample = clip(recording[0], ClipFormat(4, SIDE, SIDE, 8, 1, "png"))
    assert not sample.labels.any()
    assert sample.meta["objects"] == [{"id": 1, "kind": "agent"}]
    assert sample.meta["details"] == {"group": "a.npz", "masks": {"method": "none"}}


def test_the_agent_needs_an_id_of_its_own():
    with pytest.raises(ValueError, match=r"room for 254 objects, and top=255\. Lower objects\.top"):
        Making("auto", None, "crop", "x", "y", Masks(Colours(), ObjectFilter(top=255)))


def test_the_command_finds_objects(prepare, recording):
    path = recording[0].path
    options = {"layout": "npz", "source_fps": 5.0, "size": SIDE, "patch": 8}
    reader = prepare(path, masks="regions", **options)
    (clip,) = reader
    frames = recording[1][:4]
    red = {*np.unique(clip.labels[frames[..., 0] == 255]).tolist()}
    blue = {*np.unique(clip.labels[frames[..., 2] == 255]).tolist()}
    assert len(red) == len(blue) == 1
    assert red | blue == {2, 3}
    assert clip.meta["objects"][0] == {"id": 1, "kind": "agent", "area": [0.0] * 4}
    assert clip.meta["details"]["masks"]["method"] in reader.manifest.description.settings["masks"]
    # Another method is another data set: nothing that is finished is taken over.
    assert not next(iter(prepare(path, "plain", **options))).labels.any()
