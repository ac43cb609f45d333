"""Encoded videos come back with their number, size and colours of frames."""

import base64
import io
import re

import av
import numpy as np
import pytest

from explorer.pictures import encode_video
from explorer.pictures import video as module

CODECS = [("h264", "video/mp4", "h264"), ("vp8", "video/webm", "vp8")]


def flat_video(frames=6, rows=4, columns=6):
    """Patches of 8 pixels in colours that change, as latents look."""
    rng = np.random.default_rng(0)
    colours = rng.integers(20, 236, (frames, rows, columns, 3), np.uint8)
    return colours.repeat(8, axis=1).repeat(8, axis=2)


def decoded(data):
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        return np.stack(frames), stream.codec_context, float(stream.average_rate)


@pytest.fixture(autouse=True)
def _encoders():
    missing = {name for name in module.ENCODERS.values() if name not in av.codecs_available}
    if missing:
        pytest.skip(f"this PyAV has no {missing}")


@pytest.mark.parametrize(("codec", "mime", "name"), CODECS)
def test_frames_come_back(codec, mime, name):
    frames = flat_video()
    video = encode_video(frames, 7.5, codec=codec, least=64)
    back, context, rate = decoded(video.data)
    assert (video.mime, video.suffix) == (mime, "." + mime[6:])
    assert context.name == name
    assert context.pix_fmt in ("yuv420p", "yuvj420p")
    assert rate == pytest.approx(7.5, rel=0.01)
    assert back.shape == (6, 64, 96, 3)
    # In the middle of a patch: chroma of half resolution smears its borders.
    middle = back.reshape(6, 4, 16, 6, 16, 3)[:, :, 5:11, :, 5:11].mean(axis=(2, 4))
    assert np.abs(middle - frames[:, ::8, ::8]).max() < 8


@pytest.mark.parametrize(("codec", "mime", "name"), CODECS)
def test_odd_sides_are_made_even(codec, mime, name):
    frames = flat_video(frames=1)[:, :27, :31]
    back, _, _ = decoded(encode_video(frames, 5.0, codec=codec, least=0).data)
    assert back.shape == (1, 28, 32, 3)
    assert np.abs(back[:, 27].astype(int) - back[:, 26]).mean() < 6


def test_small_frames_are_enlarged_by_a_whole_number():
    back, _, _ = decoded(encode_video(flat_video(frames=2), 5.0).data)
    assert back.shape == (2, 384, 576, 3)


def test_without_x264_it_is_vp8(monkeypatch):
    assert module.available_codec() == "h264"
    monkeypatch.setattr(av, "codecs_available", {"libvpx"})
    assert encode_video(flat_video(), 5.0, least=0).mime == "video/webm"
    monkeypatch.setattr(av, "codecs_available", set())
    with pytest.raises(ValueError, match="none of libx264, libvpx"):
        encode_video(flat_video(), 5.0)
    with pytest.raises(ValueError, match="no libvpx"):
        encode_video(flat_video(), 5.0, codec="vp8")


def test_the_address_holds_the_file():
    video = encode_video(flat_video(), 5.0, least=0)
    head, _, body = video.uri.partition(",")
    assert head == "data:video/mp4;base64"
    assert base64.b64decode(body) == video.data
    assert encode_video(flat_video(), 5.0, least=0).data == video.data


@pytest.mark.parametrize(("frames", "fps"), [(0, 5.0), (2, 0.0), (2, float("nan")), (2, 5000.0)])
def test_videos_without_frames_or_rate_are_refused(frames, fps):
    with pytest.raises(ValueError, match=re.escape(f"got {frames}, {fps}")):
        encode_video(flat_video()[:frames], fps)
