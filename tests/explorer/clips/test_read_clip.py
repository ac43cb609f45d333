import numpy as np
import pytest
from gray_videos import numbers_of, write_video
from PIL import Image

from explorer.clips import UnusableVideo, VideoFacts, VideoLimits, read_clip
from jepakit.data.video.pyav_video import PyAVVideo

FACTS = VideoFacts(40, 25.0, 1.6, 64, 48, "h264", "mov")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    options = {"x264-params": "scenecut=0"}
    return write_video(tmp_path_factory.mktemp("v") / "my clip.mp4", 40, gop=12, options=options)


def read(path, **options):
    return read_clip(path, **{"frames": 8, "size": 32, "facts": FACTS} | options)


def test_every_frame_from_the_start(path):
    clip = read_clip(path, frames=8, size=32)  # looks into the file itself
    assert clip.frames.shape == (8, 32, 32, 3)
    assert numbers_of(clip.frames) == list(clip.source_frames) == list(range(8))
    assert clip.fps == pytest.approx(25)
    assert clip.name == "my clip.mp4"
    assert clip.truth is None


def test_other_rates_and_starts(path):
    clip = read(path, fps=5.0, start_s=0.4, frames=5)
    assert numbers_of(clip.frames) == list(clip.source_frames) == [10, 15, 20, 25, 30]
    assert clip.fps == 5.0
    faster = read(path, fps=50.0, frames=6)
    assert numbers_of(faster.frames) == list(faster.source_frames)
    assert max(faster.source_frames) <= 3
    assert read(path, start_s=0.3333).source_frames[0] == 9  # the frame that is shown next


def test_the_last_frame_is_repeated_where_the_video_ends(path):
    clip = read(path, start_s=1.4)
    assert clip.source_frames == (35, 36, 37, 38, 39, 39, 39, 39)
    np.testing.assert_array_equal(clip.frames[4], clip.frames[7])


def test_frames_between_distant_ones_are_not_decoded(path, monkeypatch):
    decoded = []
    original = PyAVVideo._decode

    def count(self, wanted, entry):
        for frame in original(self, wanted, entry):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(PyAVVideo, "_decode", count)
    clip = read(path, fps=1 / 1.48, frames=2)
    assert clip.source_frames == (0, 37)
    assert len(decoded) <= 6


def test_a_clip_that_takes_too_long_is_refused_before_decoding(path):
    limits = VideoLimits(max_decoded_pixels=64 * 48 * 8)
    read(path, limits=limits)
    with pytest.raises(UnusableVideo, match="takes decoding 9 frames of 64 x 48 pixels"):
        read(path, limits=limits, frames=9)


def test_seeking_that_leads_nowhere_is_cut_off(path):
    with (
        PyAVVideo(str(path), budget=5) as video,
        pytest.raises(ValueError, match="too many frames"),
    ):
        list(video.frames([11]))


def test_a_still_image_is_repeated(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    clip = read_clip(tmp_path / "a.png", frames=4, size=40)
    assert clip.source_frames == (0, 0, 0, 0)
    assert clip.fps == 10.0
    for frame in clip.frames:
        np.testing.assert_array_equal(frame, pixels)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frames": 0}, "A clip has 1 to 512 frames, got 0"),
        ({"fps": 0.0}, "fps is from 0.01 to 1000"),
        ({"start_s": 2.0}, r"The video lasts 1.60 s, it cannot start at 2.0 s"),
        ({"start_s": -0.1}, r"it cannot start at -0.1 s"),
        ({"crop": (0, 0, 65)}, "reaches out of a frame of 48 x 64"),
    ],
)
def test_numbers_out_of_range_are_refused(path, options, words):
    with pytest.raises(ValueError, match=words):
        read(path, **options)


def test_frames_that_outgrow_what_was_found_are_refused(path):
    small = VideoFacts(40, 25.0, 1.6, 16, 16, "h264", "mov")
    big = write_video(path.with_name("big.mp4"), 2, size=(512, 512))
    with pytest.raises(UnusableVideo, match="The file cannot be read"):
        read(big, facts=small)
