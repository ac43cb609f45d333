from dataclasses import replace

import numpy as np
import pytest

from jepakit.batch import BatchRequest
from jepakit.evals.states.clips.clip_sets import TracedMotion, TracedVideos, traced_clips
from jepakit.evals.states.clips.video_clips import VideoClips
from jepakit.evals.states.run_states import StatesRequest
from jepakit.interp.clip_set import ClipSet, check_clips
from worlds.motion import DIRECTIONS, PERTURBATIONS, MotionClips

REQUEST = BatchRequest(frames=4, size=(16, 16), patch=8, tubelet=2)


def test_motion_clips_can_be_traced():
    clips = traced_clips("scs", REQUEST, per_class=3, seed=5)
    assert isinstance(clips, ClipSet)
    check_clips(clips)
    assert len(clips) == 24 == len(set(clips.keys)) == len(set(clips.groups))
    assert clips.classes == DIRECTIONS
    assert np.bincount(clips.labels).tolist() == [3] * 8
    frames = clips.frames([7, 2])
    assert frames.shape == (2, 4, 16, 16, 3)
    assert np.array_equal(frames[1], clips.clips.clip(2).frames)


def test_keys_tell_apart_what_differs_in_content():
    base = TracedMotion(MotionClips(4, 64, per_class=2))
    others = [
        base,
        TracedMotion(replace(base.clips, seed=1)),
        TracedMotion(replace(base.clips, split="val")),
        TracedMotion(replace(base.clips, scene="complex")),
        TracedMotion(replace(base.clips, order="shuffled")),
        TracedMotion(replace(base.clips, boundary="wrap")),
        *(base.perturbed(one) for one in PERTURBATIONS.values()),
    ]
    keys = [key for one in others for key in one.keys]
    assert len(set(keys)) == len(keys)
    longer = TracedMotion(replace(base.clips, per_class=3))
    assert longer.keys[:16] == base.keys


def test_seed_and_split_do_not_run_together():
    one = TracedMotion(MotionClips(4, 16, split="a1", seed=2, per_class=1))
    other = TracedMotion(MotionClips(4, 16, split="a", seed=12, per_class=1))
    assert not set(one.keys) & set(other.keys)


@pytest.mark.parametrize("name", sorted(PERTURBATIONS))
def test_perturbed_twins_show_the_same_motion(name):
    clips = TracedMotion(MotionClips(4, 64, per_class=1))
    twin = clips.perturbed(PERTURBATIONS[name])
    assert np.array_equal(twin.labels, clips.labels)
    assert not np.array_equal(twin.frames([0]), clips.frames([0]))


def test_kinds_of_clips():
    assert len(traced_clips("csc", REQUEST)) == 200
    assert len(traced_clips("scs", REQUEST)) == 400
    pair = traced_clips("pair", replace(REQUEST, size=(64, 64)), per_class=1)
    assert pair.clips.scene == "pair"


def test_what_cannot_be_had_is_refused():
    with pytest.raises(ValueError, match="--data video needs --videos"):
        traced_clips("video", REQUEST)
    with pytest.raises(ValueError, match="encoder takes 16 x 24"):
        traced_clips("scs", replace(REQUEST, size=(16, 24)))


def test_labels_of_videos_are_numbered_in_order(monkeypatch):
    class Cut:
        video, numbers, label = "v", (0, 4), 0

    labels = np.array([3, 1, 3])
    monkeypatch.setattr(VideoClips, "labels", property(lambda self: labels))
    monkeypatch.setattr(VideoClips, "videos", property(lambda self: ("v", "v", "w")))
    made = object.__new__(VideoClips)
    clips = TracedVideos(made)
    assert clips.labels.tolist() == [1, 0, 1]
    assert clips.classes == ("up", "down")
    assert clips.groups == ("v", "v", "w")


def test_controls_of_the_motion_reach_the_clips():
    request = BatchRequest(frames=4, size=(32, 32), patch=8, tubelet=2)
    plain = traced_clips("scs", request, per_class=1)
    turned = traced_clips("scs", request, per_class=1, order="reversed")
    torus = traced_clips("scs", request, per_class=1, boundary="wrap")
    np.testing.assert_array_equal(turned.frames([2]), plain.frames([2])[:, ::-1])
    np.testing.assert_array_equal(turned.labels, (plain.labels + 4) % 8)
    assert not set(turned.keys) & set(plain.keys)
    assert not set(torus.keys) & set(plain.keys)
    with pytest.raises(ValueError, match="Only drawn clips have another order"):
        traced_clips("video", request, videos="anywhere", order="shuffled")


def test_changed_clips_have_names_of_their_own():
    assert StatesRequest().clips == "scs"
    assert StatesRequest("csc", order="static", boundary="wrap").clips == "csc_static_wrap"
