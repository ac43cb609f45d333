import cv2
import numpy as np
import pytest

from jepakit.evals.states.clips.flow_labels import FlowRule, flow_direction, optical_flow
from worlds.motion import MotionClips

EIGHT = FlowRule(directions=8)
STEPS = [(4, 0), (3, 3), (0, 4), (-3, 3), (-4, 0), (-3, -3), (0, -4), (3, -3)]  # right, up


def texture(seed=0, side=320):
    noise = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)


def colour(pictures):
    return np.stack(pictures)[..., None].repeat(3, axis=-1)


def moved(right, up, *, frames=3, side=256):
    """A window over a texture that moves so many pixels per frame."""
    picture = texture()
    start = (320 - side) // 2
    rows = [start + up * t for t in range(frames)]
    columns = [start - right * t for t in range(frames)]
    return colour([picture[r : r + side, c : c + side] for r, c in zip(rows, columns, strict=True)])


def patch(picture, *, ground=0, side=96):
    """A moving square of texture, here at (right, down) of the middle, on a still ground."""
    clip = []
    for right, down in picture:
        frame = np.full((256, 256), ground, np.uint8)
        top, left = 80 + down, 80 + right
        frame[top : top + side, left : left + side] = texture(1)[:side, :side]
        clip.append(frame)
    return colour(clip)


@pytest.mark.parametrize(("label", "step"), list(enumerate(STEPS)))
def test_translated_texture_has_its_direction_and_speed(label, step):
    found = flow_direction(moved(*step), EIGHT)
    assert found.label == label
    assert found.speed == pytest.approx(np.hypot(*step), rel=0.05)
    off = np.exp(1j * found.angle) - np.exp(1j * np.arctan2(step[1], step[0]))
    assert abs(off) < 0.05
    assert found.coherence > 0.95


@pytest.mark.parametrize(("step", "label"), [((4, 1), 0), ((1, 4), 1), ((-4, 1), 2), ((-1, -4), 3)])
def test_four_directions_take_the_nearest(step, label):
    assert flow_direction(moved(*step)).label == label


def test_frames_of_another_size_are_measured_at_256():
    small = np.stack([cv2.resize(f, (128, 128), interpolation=cv2.INTER_AREA) for f in moved(6, 0)])
    assert flow_direction(small).speed == pytest.approx(6, rel=0.1)
    wide = optical_flow(np.zeros((2, 64, 128, 3), np.uint8))
    assert wide.shape == (1, 256, 512, 2)


def test_slow_motion_is_dropped_and_the_threshold_decides():
    slow = moved(1, 0)
    found = flow_direction(slow)
    assert (found.label, found.dropped) == (None, "too little motion")
    assert flow_direction(slow, FlowRule(threshold=0.5)).label == 0
    still = flow_direction(moved(0, 0))
    assert (still.label, still.moving) == (None, 0)


def test_few_moving_pixels_are_dropped():
    clip = patch([(0, 0), (4, 0)], side=32)
    moving = flow_direction(clip).moving
    assert 50 < moving < 20_000
    assert flow_direction(clip, FlowRule(least_moving=moving)).label == 0
    assert flow_direction(clip, FlowRule(least_moving=moving + 1)).dropped == "too little motion"


def test_motion_that_cancels_is_dropped():
    left = moved(-4, 0)[:, :128]
    right = moved(4, 0)[:, 128:]
    found = flow_direction(np.concatenate([left, right], axis=1))
    assert (found.label, found.dropped) == (None, "motion in all directions")
    assert found.coherence < 0.3
    assert (
        flow_direction(np.concatenate([left, right], axis=1), FlowRule(least_coherence=0.0)).label
        is not None
    )


def test_the_camera_can_be_subtracted():
    """Behind a square that moves up the ground pans to the right: without the pan it is up."""
    clip = moved(4, 0, frames=3)
    for t, frame in enumerate(clip):
        frame[120 - 5 * t : 200 - 5 * t, 60:140] = texture(1)[:80, :80, None]
    assert flow_direction(clip).label == 0
    found = flow_direction(clip, FlowRule(directions=8, subtract_camera="median"))
    assert found.label in (2, 3)  # up, and to the left of the ground
    assert flow_direction(moved(4, 0), FlowRule(subtract_camera="median")).label is None


def test_simple_clips_get_their_true_labels():
    for clips in (MotionClips(), MotionClips(size=64, frames=8)):
        for number in range(8):
            clip = clips.clip(number)
            assert flow_direction(clip.frames[4:6], EIGHT).label == clip.label


@pytest.mark.slow
@pytest.mark.parametrize(("scene", "least"), [("simple", 1.0), ("complex", 0.95)])
def test_hundred_whole_clips_get_their_true_labels(scene, least):
    clips = MotionClips(scene=scene)
    right = [flow_direction(c.frames, EIGHT).label == c.label for c in map(clips.clip, range(100))]
    assert np.mean(right) >= least


def test_complex_clips_get_their_true_labels():
    clips = MotionClips(scene="complex")
    for number in range(8):
        clip = clips.clip(number)
        assert flow_direction(clip.frames[4:7], EIGHT).label == clip.label


def test_reversed_clips_get_the_opposite_label():
    clip = MotionClips(order="reversed").clip(1)
    assert flow_direction(clip.frames[:4], EIGHT).label == clip.label == 5


def test_bad_rules_and_single_frames_are_refused():
    with pytest.raises(ValueError, match="at least 2 frames"):
        flow_direction(np.zeros((1, 64, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="directions"):
        FlowRule(directions=1)
    with pytest.raises(ValueError, match="least_coherence"):
        FlowRule(least_coherence=1.5)
