"""Where views are cut, against counting by hand; averages against a loop."""

import numpy as np
import pytest
import torch

from jepakit.evals.classification.multi_view import average_views, cut_views, segment_starts


def video(frames=20, height=8, width=12):
    """Red is the frame, green the row, blue the column."""
    pixels = torch.zeros(frames, height, width, 3, dtype=torch.uint8)
    pixels[..., 0] = torch.arange(frames)[:, None, None]
    pixels[..., 1] = torch.arange(height)[:, None]
    pixels[..., 2] = torch.arange(width)
    return pixels


@pytest.mark.parametrize(
    ("total", "stride", "segments", "starts"),
    [
        (20, 1, 1, [8]),  # 4 frames in the middle of 20
        (20, 1, 2, [3, 13]),  # in the middle of each half
        (20, 2, 2, [1, 11]),  # 7 frames long
        (8, 1, 4, [0, 1, 3, 4]),  # longer than their parts: they overlap and stay inside
        (4, 1, 3, [0, 0, 0]),
        (3, 1, 2, [0, 0]),  # too short
    ],
)
def test_segments_lie_in_the_middle_of_equal_parts(total, stride, segments, starts):
    assert segment_starts(total, frames=4, stride=stride, segments=segments) == starts


def test_frames_and_crops_are_the_ones_asked_for():
    views = cut_views(video(), frames=4, size=8, stride=2, segments=2, crops=3)
    assert views.shape == (6, 4, 8, 8, 3)
    assert views[:, :, 0, 0, 0].tolist() == [[1, 3, 5, 7]] * 3 + [[11, 13, 15, 17]] * 3
    assert views[:, 0, 0, 0, 2].tolist() == [0, 2, 4, 0, 2, 4]
    assert (views[..., 1] == torch.arange(8, dtype=torch.uint8)[:, None]).all()


def test_crops_of_a_tall_video_lie_over_its_height():
    views = cut_views(video(height=12, width=8), frames=1, size=8, crops=2)
    assert views[:, 0, 0, 0, 1].tolist() == [0, 4]
    assert (views[:, 0, :, 0, 2] == 0).all()


def test_one_crop_is_the_middle():
    assert cut_views(video(), frames=1, size=8)[0, 0, 0, 0, 2] == 2


def test_joined_segments_follow_one_another():
    apart = cut_views(video(), frames=4, size=8, segments=2, crops=3)
    joined = cut_views(video(), frames=4, size=8, segments=2, crops=3, join=True)
    assert joined.shape == (3, 8, 8, 8, 3)
    assert torch.equal(joined, torch.cat([apart[:3], apart[3:]], dim=1))


def test_a_short_video_shows_its_last_frame_again():
    views = cut_views(video(frames=3), frames=4, size=8, stride=2)
    assert views[0, :, 0, 0, 0].tolist() == [0, 2, 2, 2]


def test_the_short_side_is_resized():
    flat = torch.full((2, 16, 24, 3), 77, dtype=torch.uint8)
    views = cut_views(flat, frames=2, size=8, crops=3)
    assert views.shape == (3, 2, 8, 8, 3)
    assert (views == 77).all()
    ramp = video(frames=1, height=16, width=24)
    means = ramp[0, 4:12, 8:16].float().unfold(0, 2, 2).unfold(1, 2, 2).mean(dim=(-1, -2))
    inner = cut_views(ramp, frames=1, size=8)[0, 0, 2:6, 2:6].float()
    assert (inner - means).abs().max() <= 0.5


@pytest.mark.parametrize("name", ["frames", "size", "stride", "segments", "crops"])
def test_refuses_counts_below_one(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        cut_views(video(), **({"frames": 2, "size": 8} | {name: 0}))


def test_refuses_an_empty_video():
    with pytest.raises(ValueError, match="frames of the video must be at least 1, got 0"):
        cut_views(video(frames=0), frames=2, size=8)


def test_average_of_views_is_a_loop_over_videos():
    rng = np.random.default_rng(0)
    score, names = rng.random((7, 3)), ["b", "a", "b", "c", "a", "b", "c"]
    found = average_views(score, names)
    for row, name in enumerate("abc"):
        own = [score[i] for i in range(7) if names[i] == name]
        np.testing.assert_allclose(found[row], sum(own) / len(own))
