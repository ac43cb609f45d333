import errno

import av
import numpy as np
import pytest
from gray_videos import cut, write_video
from PIL import Image

from explorer.clips import UnusableVideo, VideoFacts, VideoLimits, inspection, probe_video
from explorer.clips.inspection import inspect


def test_facts_of_a_video(tmp_path):
    path = write_video(tmp_path / "a.mp4", 40)
    assert probe_video(path) == VideoFacts(40, 25.0, 1.6, 64, 48, "h264", "mov")


def test_facts_of_other_containers_and_of_a_picture(tmp_path):
    """In this process, as the other one is slow to start."""
    webm = write_video(tmp_path / "a.webm", 10, codec="libvpx-vp9")
    avi = write_video(tmp_path / "a.avi", 10, codec="mpeg4")
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(tmp_path / "a.png")
    limits = VideoLimits()
    assert inspect(str(webm), "matroska", limits).codec == "vp9"
    found = inspect(str(avi), "avi", limits)
    assert (found.frames, found.codec, found.container) == (10, "mpeg4", "avi")
    assert found.seconds == pytest.approx(0.4)
    still = inspect(str(tmp_path / "a.png"), "PNG", limits)
    assert still == VideoFacts(1, 0.0, 0.0, 64, 48, "png", "image")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_pixels": 64 * 48 - 1}, "Frames have 64 x 48 pixels, 3,072 in all; at most 3,071"),
        ({"max_frames": 39}, "The video has 40 frames; at most 39"),
        ({"max_seconds": 1.5}, "The video lasts 0.0 minutes; at most 0.025"),
        ({"codecs": frozenset({"vp9"})}, "The video is coded as h264; save it as H.264"),
    ],
)
def test_what_is_beyond_the_limits_is_refused(tmp_path, limits, words):
    path = write_video(tmp_path / "a.mp4", 40)
    with pytest.raises(UnusableVideo, match=words):
        inspect(str(path), "mov", VideoLimits(**limits))
    inspect(str(path), "mov", VideoLimits(max_pixels=64 * 48, max_frames=40, max_seconds=1.6))


def test_large_files_are_refused_unopened(tmp_path):
    path = write_video(tmp_path / "a.mp4", 4)
    with pytest.raises(UnusableVideo, match=r"The file has 0 MB; at most 0 MB"):
        probe_video(path, VideoLimits(max_bytes=path.stat().st_size - 1))
    with pytest.raises(UnusableVideo, match=r"By its content this is .*Expected a video"):
        probe_video(path, VideoLimits(containers=frozenset({"avi"})))


@pytest.mark.parametrize("limit", [{"probe_seconds": 0}, {"probe_bytes": 20_000_000}])
def test_looking_into_a_file_is_stopped_when_it_takes_too_much(tmp_path, limit):
    path = write_video(tmp_path / "a.mp4", 4)
    with pytest.raises(UnusableVideo, match=r"took too much time or memory|more memory than"):
        probe_video(path, VideoLimits(**limit))


def test_a_frame_that_decodes_larger_than_allowed_takes_no_memory(tmp_path):
    """The header of the container may lie, the decoder is bounded all the same."""
    path = write_video(tmp_path / "a.mkv", 2, size=(1024, 1024))
    with pytest.raises(UnusableVideo, match="Frames have 1024 x 1024 pixels"):
        inspect(str(path), "matroska", VideoLimits(max_pixels=256 * 256))


def test_damage_is_told_without_a_path(tmp_path):
    path = cut(write_video(tmp_path / "a.mp4", 40), 0.5)
    with pytest.raises(UnusableVideo) as caught:
        inspect(str(path), "mov", VideoLimits())
    assert "it is damaged, cut short or no video at all. If it plays" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_memory_that_ffmpeg_does_not_get_is_told_as_such(tmp_path, monkeypatch):
    """Where the bound strikes is chance: the interpreter may meet it, or FFmpeg inside."""

    def out_of_memory(*_, **__):
        raise av.error.MemoryError(errno.ENOMEM, "Cannot allocate memory")

    path = write_video(tmp_path / "a.mp4", 4)
    monkeypatch.setattr(inspection, "open_bounded", out_of_memory)
    with pytest.raises(UnusableVideo, match="more memory than is allowed; it is not read"):
        inspect(str(path), "mov", VideoLimits())


def test_links_are_refused(tmp_path):
    path = write_video(tmp_path / "a.mp4", 4)
    (tmp_path / "b.mp4").symlink_to(path)
    with pytest.raises(UnusableVideo, match="a link, a folder or a device"):
        probe_video(tmp_path / "b.mp4")


def test_sound_is_no_video(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(UnusableVideo, match="there is no video in it"):
        inspect(str(tmp_path / "a.mkv"), "matroska", VideoLimits())
