import sys
from types import ModuleType

import numpy as np
import pytest
from gray_videos import cut, numbers_of, write_video

from jepakit.data.schema import BadSample
from jepakit.data.video.decoder import check_decoder, open_video
from jepakit.data.video.torchcodec_video import TorchcodecVideo, load_torchcodec


def available():
    try:
        load_torchcodec()
    except ValueError as error:
        return str(error)
    return ""


needs_torchcodec = pytest.mark.skipif(bool(available()), reason=available() or "it is there")


def test_refused_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    with pytest.raises(ValueError, match=r"'torchcodec' cannot run here .*'pyav' needs neither"):
        check_decoder("torchcodec")


def test_refused_where_it_finds_no_ffmpeg(monkeypatch):
    fake, decoders = ModuleType("torchcodec"), ModuleType("torchcodec.decoders")
    fake.ffmpeg_major_version, fake.decoders, decoders.VideoDecoder = None, decoders, object
    monkeypatch.setitem(sys.modules, "torchcodec", fake)
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", decoders)
    with pytest.raises(ValueError, match="finds no FFmpeg"):
        check_decoder("torchcodec")


@needs_torchcodec
@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")]
)
def test_both_decoders_agree(tmp_path, name, codec):
    path = str(write_video(tmp_path / name, 40, codec=codec, second=3))
    wanted = [0, 3, 4, 17, 39]
    with TorchcodecVideo(path) as fast, open_video(path) as plain:
        np.testing.assert_array_equal(fast.seconds, plain.seconds)
        frames = list(fast.frames(wanted))
        assert numbers_of(frames) == wanted
        for a, b in zip(frames, plain.frames(wanted), strict=True):
            assert np.abs(a.astype(int) - b).max() <= 3  # two releases of swscale


@needs_torchcodec
def test_varying_rate(tmp_path):
    stamps = np.cumsum([0, 40, 40, 200, 10, 10, 500, 40, 40, 40]).tolist()
    path = write_video(tmp_path / "a.mkv", 10, rate=1000, stamps=stamps)
    with TorchcodecVideo(str(path)) as video:
        assert numbers_of(video.frames([3, 6, 9])) == [3, 6, 9]


@needs_torchcodec
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_damaged_files_are_named(tmp_path, share):
    path = cut(write_video(tmp_path / "a.mp4", 40), share)
    with pytest.raises(BadSample, match=r"a\.mp4"):
        TorchcodecVideo(str(path))
