import dataclasses
import hashlib

import numpy as np
import pytest

from worlds.motion import DIRECTIONS, PERTURBATIONS, MotionClips

SMALL = MotionClips(frames=8, size=64, per_class=3)


def variant(**changes):
    return dataclasses.replace(SMALL, **changes)


def disc_places(frames):
    """Centre of what is bright, x from the left and y from the bottom, per frame."""
    gray = frames[..., 0].astype(np.float64)
    size = gray.shape[1]
    at, total = np.arange(size) + 0.5, gray.sum(axis=(1, 2))
    x, y = (gray.sum(axis=1) * at).sum(-1), (gray.sum(axis=2) * (size - at)).sum(-1)
    return np.stack([x, y], axis=1) / total[:, None]


def test_sizes_and_counts_are_those_of_the_paper():
    assert (len(MotionClips()), len(MotionClips(scene="complex"))) == (400, 200)
    clip = MotionClips().clip(0)
    assert (clip.frames.shape, clip.frames.dtype) == ((16, 256, 256, 3), np.uint8)
    assert (clip.frames.min(), clip.frames.max()) == (0, 255)
    assert SMALL.labels.tolist() == [*range(8)] * 3
    assert [SMALL.clip(n).label for n in range(24)] == SMALL.labels.tolist()


def test_pixels_move_as_the_label_and_the_state_say():
    for number in range(16):
        clip = MotionClips(frames=16, size=128).clip(number)
        places = disc_places(clip.frames)
        way = places[-1] - places[0]
        assert round(np.arctan2(way[1], way[0]) / (np.pi / 4)) % 8 == clip.label
        state = clip.state
        np.testing.assert_allclose(places.mean(axis=0), (state.x, state.y), atol=0.05)
        np.testing.assert_allclose(np.hypot(*np.diff(places, axis=0).T), state.speed, atol=0.1)
        area = clip.frames[..., 0].sum(axis=(1, 2)) / 255
        np.testing.assert_allclose(area, np.pi * state.radius**2, rtol=0.03)


@pytest.mark.parametrize("scene", ["simple", "complex", "pair"])
def test_a_set_is_the_same_byte_for_byte_and_no_two_clips_are(scene):
    clips = variant(scene=scene)
    again = dataclasses.replace(clips)
    digests = [hashlib.sha256(clips.clip(n).frames.tobytes()).digest() for n in range(24)]
    backwards = [again.clip(n).frames.tobytes() for n in reversed(range(24))]
    assert [hashlib.sha256(data).digest() for data in reversed(backwards)] == digests
    assert len(set(digests)) == 24
    assert [clips.state(n) for n in range(24)] == [clips.clip(n).state for n in range(24)]


def test_these_draws_are_for_ever():
    """Pinned: a clip of a published table can be drawn again."""
    state = MotionClips().state(1)
    np.testing.assert_allclose(
        (state.x, state.y, state.speed, state.radius),
        (102.458311, 143.993216, 6.057012, 15.849594),
        atol=1e-5,
    )


def test_splits_seeds_and_indices_share_no_clip():
    sets = [variant(split=split, seed=seed) for split in ("train", "test") for seed in (0, 1)]
    drawn = [clips.clip(n).frames.tobytes() for clips in sets for n in range(8)]
    assert len(set(drawn)) == len(drawn)


def test_a_longer_set_begins_with_the_shorter_one_and_sizes_show_the_same_motion():
    np.testing.assert_array_equal(variant(per_class=9).clip(7).frames, SMALL.clip(7).frames)
    small, large = SMALL.clip(5).state, variant(size=128, frames=15).clip(5).state
    assert (small.x * 2, small.y * 2, small.radius * 2) == (large.x, large.y, large.radius)
    assert small.speed * 7 * 2 == pytest.approx(large.speed * 14)


@pytest.mark.parametrize("scene", ["simple", "complex"])
def test_orders_rearrange_the_same_frames(scene):
    forward = variant(scene=scene).clip(9)
    clips = {order: variant(scene=scene, order=order).clip(9) for order in ("reversed", "shuffled")}
    np.testing.assert_array_equal(clips["reversed"].frames, forward.frames[::-1])
    assert clips["reversed"].label == (forward.label + 4) % 8
    shuffled = clips["shuffled"].frames
    assert sorted(f.tobytes() for f in shuffled) == sorted(f.tobytes() for f in forward.frames)
    assert not np.array_equal(shuffled, forward.frames)
    assert clips["shuffled"].label == forward.label
    still = variant(scene=scene, order="static").clip(9)
    assert (still.frames == still.frames[:1]).all()
    np.testing.assert_allclose(still.frames[0], forward.frames.mean(axis=0), atol=0.51)


def test_shuffles_differ_from_clip_to_clip():
    def order(number):
        forward = [f.tobytes() for f in variant().clip(number).frames]
        return tuple(
            forward.index(f.tobytes()) for f in variant(order="shuffled").clip(number).frames
        )

    assert len({order(number) for number in range(12)}) > 8


def test_reversed_sets_tell_their_labels_without_drawing():
    clips = variant(order="reversed")
    assert clips.labels.tolist() == [clips.clip(n).label for n in range(24)]


def test_a_torus_loses_no_part_of_the_disc():
    areas = []
    for number in range(24):
        clip = variant(boundary="wrap").clip(number)
        areas.append(np.ptp(clip.frames[..., 0].sum(axis=(1, 2))) / clip.frames[0, ..., 0].sum())
        assert 0 <= clip.state.x < 64
    assert max(areas) < 0.1
    edge = [variant(boundary="wrap").clip(n).frames[:, :, 0].any() for n in range(24)]
    assert any(edge)  # some cross the border


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_perturbed_sets_show_the_same_motion_otherwise(name):
    plain, other = SMALL.clip(3), variant(perturbation=PERTURBATIONS[name]).clip(3)
    assert not np.array_equal(plain.frames, other.frames)
    assert other.label == plain.label
    assert (other.state.x, other.state.y) == (plain.state.x, plain.state.y)
    factor = {name: 0.6}
    assert other.state.speed == pytest.approx(plain.state.speed * factor.get("speed", 1))
    assert other.state.radius == pytest.approx(plain.state.radius * factor.get("radius", 1))
    if name in ("blur", "resolution"):  # neither moves the disc; the bytes round
        np.testing.assert_allclose(disc_places(other.frames), disc_places(plain.frames), atol=0.1)
    if name == "brightness":
        assert other.frames.max() == 153


@pytest.mark.parametrize("name", PERTURBATIONS)
@pytest.mark.parametrize("scene", ["complex", "pair"])
def test_every_scene_can_be_perturbed(scene, name):
    clip = variant(scene=scene, perturbation=PERTURBATIONS[name]).clip(0)
    assert clip.frames.std() > 5


def test_half_of_the_pairs_touch():
    clips = variant(scene="pair", per_class=50)
    contact = np.array([clips.state(n).contact for n in range(len(clips))])
    assert 0.42 < contact.mean() < 0.58
    by_class = contact.reshape(-1, 8).mean(axis=0)
    assert by_class.min() > 0.25
    assert by_class.max() < 0.75
    gray = clips.clip(0).frames[..., 0]
    assert {128, 255} <= set(np.unique(gray).tolist())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 1}, "at least 2 frames"),
        ({"size": 8}, "16 pixels"),
        ({"per_class": 0}, "at least 1"),
        ({"seed": -1}, "seed must be"),
        ({"scene": "pair", "boundary": "wrap"}, "inside the frame"),
        ({"scene": "pair", "order": "reversed"}, "another first direction"),
    ],
)
def test_bad_sets_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        variant(**changes)


def test_clips_that_do_not_exist_are_refused():
    with pytest.raises(IndexError, match="has 24"):
        SMALL.clip(24)
    with pytest.raises(IndexError, match="No clip -1"):
        SMALL.state(-1)
    assert len(DIRECTIONS) == 8
