"""Views of files against views cut by hand: which frames, which crops, what belongs together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from lossless_video import write_video
from PIL import Image

from jepakit.batch import BatchRequest
from jepakit.data.video import Augmentation, FrameSampling
from jepakit.evals.classification.multi_view import cut_views
from jepakit.evals.classification.video_views import VideoViews, crop_windows

REQUEST = BatchRequest(frames=2, size=(32, 32), patch=8, tubelet=2)


@pytest.fixture
def videos(tmp_path: Path) -> dict[str, torch.Tensor]:
    """Two lossless videos of two classes, one wide and one tall."""
    return {
        "a/w.mkv": write_video(tmp_path / "a/w.mkv"),
        "b/tall.mkv": write_video(tmp_path / "b/tall.mkv", size=(44, 32)),
    }


def views(folder: Path, *, clips: int = 1, batch_size: int = 16, **options: int) -> VideoViews:
    sampling = FrameSampling(stride=1, clips=clips)
    return VideoViews(str(folder), REQUEST, sampling, batch_size, **options)


def by_view(batches: VideoViews) -> dict[tuple[str, int], torch.Tensor]:
    found = {}
    for batch in batches:
        for video, view, frames in zip(batch.videos, batch.views, batch.frames, strict=True):
            place = "/".join(Path(video).parts[-2:])
            assert (place, view) not in found
            found[place, view] = frames.clone()
    return found


def test_three_crops_are_the_left_the_centre_and_the_right(
    videos: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    found = by_view(views(tmp_path, crops=3))
    assert len(found) == 6
    for name, video in videos.items():
        middle = video[9:11]  # 2 frames in the middle of 20
        slow = cut_views(video, frames=2, size=32, crops=3)
        for crop in range(3):
            start = (max(video.shape[1:3]) - 32) * crop // 2
            rows = slice(start, start + 32) if name == "b/tall.mkv" else slice(0, 32)
            columns = slice(0, 32) if name == "b/tall.mkv" else slice(start, start + 32)
            assert torch.equal(found[name, crop], middle[:, rows, columns])
            assert torch.equal(found[name, crop], slow[crop])


def test_segments_of_a_view_lie_behind_one_another(
    videos: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    apart = by_view(views(tmp_path, clips=2, crops=3))
    joined = by_view(views(tmp_path, segments=2, crops=3))
    for name, video in videos.items():
        for crop in range(3):
            parts = [apart[name, crop], apart[name, 3 + crop]]
            assert torch.equal(joined[name, crop], torch.cat(parts))
        numbers = [
            int((video[:, :32, :32] == frame).flatten(1).all(dim=1).nonzero())
            for frame in joined[name, 0]
        ]
        assert numbers == [4, 5, 14, 15]  # in the middle of each half of 19 possible starts


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_views_and_segments_together_in_any_batches(
    videos: dict[str, torch.Tensor], tmp_path: Path, batch_size: int
) -> None:
    """Four clips of a video: the first and third are one view, the second and fourth the other."""
    apart = by_view(views(tmp_path, clips=4))
    joined = by_view(views(tmp_path, clips=2, segments=2, batch_size=batch_size))
    assert joined.keys() == {(name, view) for name in videos for view in (0, 1)}
    for (name, view), frames in joined.items():
        assert torch.equal(frames, torch.cat([apart[name, view], apart[name, view + 2]]))


def test_one_segment_and_one_crop_change_nothing(tmp_path: Path) -> None:
    for kind in ("x", "y"):
        (tmp_path / kind).mkdir()
        pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / kind / "p.png")
    (batch,) = views(tmp_path, clips=3)
    assert batch.views == (0, 1, 2) * 2
    assert batch.labels.tolist() == [0] * 3 + [1] * 3
    files = [str((tmp_path / kind / "p.png").resolve()) for kind in "xxxyyy"]
    assert batch.videos == batch.groups == tuple(files)
    window = Augmentation(centre=0.875).middle((40, 50), (32, 32))
    assert (window.top, window.left, window.height, window.width) == (2, 7, 35, 35)
    assert torch.equal(batch.frames[0, 0], window.resized(pixels, (32, 32)))


def test_windows_of_crops() -> None:
    assert crop_windows(1) == [Augmentation(centre=0.875)]
    assert [window.place for window in crop_windows(3)] == [0.0, 0.5, 1.0]
    assert {window.centre for window in crop_windows(5)} == {1.0}


@pytest.mark.parametrize("name", ["batch_size", "segments", "crops"])
def test_refuses_counts_below_one(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        views(tmp_path, **{name: 0})
