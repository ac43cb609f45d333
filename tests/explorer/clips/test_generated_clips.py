import numpy as np
import pytest

from explorer.clips import default_clip, generated_clips
from explorer.clips.resizing import centres_of
from worlds.scenes import LAYOUTS


@pytest.fixture(scope="module")
def clip():
    return default_clip()


def test_the_default_clip_is_the_same_on_every_call_and_for_every_size(clip):
    again, small = default_clip(), default_clip(frames=8, size=48)
    np.testing.assert_array_equal(clip.frames, again.frames)
    assert clip.frames.shape == (16, 96, 96, 3)
    assert small.frames.shape == (8, 48, 48, 3)
    share = small.truth.centres / clip.truth.centres[:, :8]
    assert abs(np.nanmedian(share) - 0.5) < 0.02


def test_something_happens_in_the_default_clip(clip):
    centres = clip.truth.centres
    assert len(clip.truth.names) == len(set(clip.truth.names)) == 7
    assert np.isfinite(centres).all()  # nothing leaves the picture
    travelled = np.linalg.norm(np.diff(centres, axis=1), axis=-1).sum(axis=1)
    assert (travelled > 96 / 5).sum() == 4
    assert travelled.min() > 96 / 12
    assert min((clip.truth.labels[0] == i).sum() for i in range(1, 8)) > 64  # a token of 8 x 8


def test_without_an_object_its_pixels_are_background_and_what_it_hit_goes_elsewhere(clip):
    truth = clip.truth
    assert set(truth.without) == set(range(1, 8))
    for label, frames in truth.without.items():
        changed = (frames != clip.frames).any(axis=-1)
        assert changed[0][truth.labels[0] == label].mean() > 0.9
        assert not changed[0][truth.labels[0] != label].any()  # at the start only itself is gone
    touched = [
        ((frames != clip.frames).any(axis=-1) & (truth.labels != label) & (truth.labels > 0))[-1]
        for label, frames in truth.without.items()
    ]
    assert sum(one.any() for one in touched) >= 5  # the others end up elsewhere


def test_other_seeds_give_other_scenes(clip):
    assert (default_clip(seed=1).frames != clip.frames).any()


def test_generated_clips_vary_layout_and_scene():
    clips = list(generated_clips(len(LAYOUTS) + 1, frames=2, size=32))
    names = [clip.name for clip in clips]
    assert len(set(names)) == len(names)
    assert {name.split()[0] for name in names} == set(LAYOUTS)
    assert all(not clip.truth.without for clip in clips)
    other = next(generated_clips(1, frames=2, size=32, seed=1))
    assert (other.frames != clips[0].frames).any()
    with pytest.raises(ValueError, match="seed is from 0 to 999, got -1"):
        next(generated_clips(1, seed=-1))


def test_centres_are_means_over_the_visible_pixels():
    labels = np.zeros((2, 6, 8), np.uint8)
    labels[0, 1:3, 4:8] = 2
    labels[1, 5, 0] = 1
    centres = centres_of(labels, 2)
    np.testing.assert_allclose(centres[1, 0], (1.5, 5.5))
    np.testing.assert_allclose(centres[0, 1], (5, 0))
    assert np.isnan(centres[0, 0]).all()
    assert np.isnan(centres[1, 1]).all()
