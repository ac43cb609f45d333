from pathlib import Path

import cv2
import numpy as np
import pytest
from gray_videos import cut, write_video
from rich.progress import Progress

from jepakit.data.video.sampling import FrameSampling
from jepakit.evals.states.clips.video_clips import clip_numbers, cut_videos

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "video"
SIGNS = ("eat", "yes", "no")
EACH = FrameSampling(stride=1)


def film(path, steps, *, rate=25):
    """A window over a texture; each step is (right, up) in pixels of a frame of 64."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 400), dtype=np.uint8)
    ground = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    row, column, pictures = 170, 170, []
    for right, up in [(0, 0), *steps]:
        row, column = row + up, column - right
        window = ground[row : row + 64, column : column + 64]
        pictures.append(np.ascontiguousarray(window)[..., None].repeat(3, axis=-1))
    options = {"crf": "10"}
    return write_video(
        path, len(pictures), pictures=pictures, size=(64, 64), rate=rate, options=options
    )


@pytest.fixture
def folder(tmp_path):
    """Three clips of four frames: right and up in one film, left in another."""
    film(tmp_path / "pan" / "a.mp4", [(2, 0)] * 4 + [(0, 2)] * 3)
    film(tmp_path / "back" / "b.mp4", [(-2, 0)] * 3)
    return tmp_path


def test_clips_have_frames_labels_groups_and_actions(folder):
    clips = cut_videos(str(folder), frames=4, size=(32, 48), sampling=EACH)
    assert clips.labels.tolist() == [2, 0, 1]
    assert clips.videos == ("back-b", "pan-a", "pan-a")
    assert clips.actions == ("back", "pan", "pan")
    assert [c.numbers for c in clips.cuts] == [(0, 1, 2, 3), (0, 1, 2, 3), (4, 5, 6, 7)]
    for number in range(len(clips)):
        clip = clips.clip(number)
        assert clip.frames.shape == (4, 32, 48, 3)
        assert clip.label == clips.labels[number]
        assert clip.frames.std() > 10
    counts = clips.counts
    assert (counts.videos, counts.cut, counts.kept) == (2, 3, 3)
    assert counts.classes == {0: 1, 1: 1, 2: 1}
    assert str(counts) == (
        "3 of 3 clips from 2 videos kept (classes 0: 1, 1: 1, 2: 1); dropped: nothing"
    )


def test_labels_do_not_depend_on_the_size_of_the_clips(folder):
    small, large = (cut_videos(str(folder), frames=4, size=(s, s), sampling=EACH) for s in (16, 96))
    assert small.cuts == large.cuts


def test_what_is_dropped_is_counted(folder):
    film(folder / "pan" / "still.mp4", [(0, 0)] * 3)
    film(folder / "pan" / "short.mp4", [(2, 0)])
    cut(film(folder / "pan" / "broken.mp4", [(2, 0)] * 3), 0.5)
    cv2.imwrite(str(folder / "pan" / "picture.png"), np.zeros((8, 8, 3), np.uint8))
    counts = cut_videos(str(folder), frames=4, size=(32, 32), sampling=EACH).counts
    assert (counts.videos, counts.cut, counts.kept) == (5, 4, 3)
    assert counts.dropped_clips == {"too little motion": 1}
    assert counts.dropped_videos == {
        "too short or with too few frames per second": 1,
        "unreadable or damaged": 1,
    }
    assert "dropped: 1 too little motion, 1 videos too short" in str(counts)


def test_progress_is_shown_per_video(folder):
    with Progress(disable=True) as progress:
        cut_videos(str(folder), frames=4, size=(32, 32), sampling=EACH, progress=progress)
        assert progress.tasks[0].completed == progress.tasks[0].total == 2


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("length", [9, 16, 23, 61])
def test_as_many_clips_as_fit_without_overlap(length, stride):
    seconds = np.arange(length) / 25
    clips = clip_numbers(seconds, 4, FrameSampling(stride=stride))
    span = 3 * stride + 1
    assert len(clips) == length // span
    flat = [number for clip in clips for number in clip]
    assert flat == sorted(set(flat))
    assert not flat or flat[-1] < length
    assert all(set(np.diff(clip)) == {stride} for clip in clips)
    assert len(clip_numbers(seconds, 4, FrameSampling(stride=stride), most=1)) == min(1, len(clips))


@pytest.mark.parametrize("fps", [5.0, 8.0, 12.5])
def test_clips_by_time_do_not_overlap_either(fps):
    seconds = np.arange(120) / 25
    clips = clip_numbers(seconds, 4, FrameSampling(fps=fps))
    flat = [number for clip in clips for number in clip]
    assert len(clips) == int(seconds[-1] * fps / 4)
    assert flat == sorted(set(flat))


def test_videos_without_room_give_no_clip():
    seconds = np.arange(8) / 25
    assert clip_numbers(seconds, 4, FrameSampling(stride=3)) == []
    assert clip_numbers(seconds, 4, FrameSampling(fps=100.0)) == []  # frames would repeat
    assert clip_numbers(seconds, 9, EACH) == []


def test_nothing_to_learn_from_is_refused(tmp_path):
    with pytest.raises(ValueError, match="No videos"):
        cut_videos(str(tmp_path), frames=4, size=(32, 32))
    cv2.imwrite(str(tmp_path / "picture.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="1 still images and no video"):
        cut_videos(str(tmp_path), frames=4, size=(32, 32))
    film(tmp_path / "still.mp4", [(0, 0)] * 3)
    with pytest.raises(ValueError, match=r"No clip has a label.*1 too little motion.*lower"):
        cut_videos(str(tmp_path), frames=4, size=(32, 32), sampling=EACH)
    film(tmp_path / "right.mp4", [(2, 0)] * 7)
    with pytest.raises(ValueError, match=r"All labels are of one class.*classes 0: 2"):
        cut_videos(str(tmp_path), frames=4, size=(32, 32), sampling=EACH)
    with pytest.raises(ValueError, match="at least 2 frames"):
        cut_videos(str(tmp_path), frames=1, size=(32, 32))


@pytest.mark.slow
def test_real_videos_give_clips_of_every_direction():
    if not REAL.is_dir():
        pytest.skip("needs ../shared/data/video")
    clips = cut_videos(str(REAL), frames=16, size=(64, 64))
    assert (clips.counts.videos, clips.counts.cut) == (12, 65)
    assert clips.counts.kept >= 30
    assert set(clips.counts.classes) == {0, 1, 2, 3}
    assert len(set(clips.videos)) >= 8
    assert clips.clip(len(clips) - 1).frames.shape == (16, 64, 64, 3)


def test_real_videos_of_signs_give_clips(tmp_path):
    if not REAL.is_dir():
        pytest.skip("needs ../shared/data/video")
    signs = tmp_path / "signs.txt"
    signs.write_text("".join(f"{REAL / 'asl_gestures' / name}.mkv\n" for name in SIGNS))
    clips = cut_videos(str(signs), frames=4, size=(32, 32), most=1)
    assert clips.counts.videos == clips.counts.cut == 3
    assert len(clips) + sum(clips.counts.dropped_clips.values()) == 3
    assert clips.clip(0).frames.std() > 20
