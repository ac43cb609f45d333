import struct
from pathlib import Path

import av
import numpy as np
import pytest
from gray_videos import cut, gray, numbers_of, write_video
from PIL import Image

from jepakit.data.schema import BadSample
from jepakit.data.video.pyav_video import PyAVVideo

# Codec, container and what makes seeking in it hard.
KINDS = {
    "x264": ("a.mp4", "libx264", {}),
    "x264 in mkv": ("a.mkv", "libx264", {}),
    "open groups": ("a.mp4", "libx264", {"x264-params": "open-gop=1:keyint=12:bframes=3"}),
    "open groups in mkv": ("a.mkv", "libx264", {"x264-params": "open-gop=1:keyint=12:bframes=3"}),
    "one keyframe": ("a.mp4", "libx264", {"x264-params": "keyint=infinite"}),
    "no keyframes, refreshed by columns": ("a.mp4", "libx264", {"x264-params": "intra-refresh=1"}),
    "transport stream without index": ("a.ts", "libx264", {}),
    "vp9 with hidden frames": ("a.webm", "libvpx-vp9", {"auto-alt-ref": "1", "lag-in-frames": "9"}),
    "vp8 with hidden frames": ("a.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "9"}),
    "mpeg4 with late times": ("a.avi", "mpeg4", {"bf": "2", "b": "8M"}),
    "mpeg2 with few stored times": ("a.mpg", "mpeg2video", {"bf": "2"}),
    "hevc": ("a.mp4", "libx265", {"x265-params": "keyint=12:open-gop=1:log-level=none"}),
    "lossless": ("a.mkv", "ffv1", {}),
}


def read(path, *numbers):
    with PyAVVideo(str(path)) as video:
        return list(video.frames(list(numbers)))


@pytest.mark.parametrize("kind", KINDS)
def test_any_frames_are_the_right_ones_and_equal_those_of_decoding_everything(tmp_path, kind):
    name, codec, options = KINDS[kind]
    write_video(tmp_path / name, 40, codec=codec, options=options)
    with av.open(str(tmp_path / name)) as container:
        everything = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(everything) == 40
    random = np.random.default_rng(0)
    subsets = [[n] for n in range(40)] + [
        sorted(random.choice(40, size, replace=False).tolist()) for size in (2, 3, 8, 16, 39, 40)
    ]
    with PyAVVideo(str(tmp_path / name)) as video:
        assert len(video.seconds) == 40
        for wanted in subsets:
            frames = list(video.frames(wanted))
            if codec != "mpeg2video":  # too coarse for neighbouring gray levels
                assert numbers_of(frames) == wanted
            for number, frame in zip(wanted, frames, strict=True):
                np.testing.assert_array_equal(frame, everything[number])


def test_times_that_are_counted_wrongly_after_a_seek(tmp_path):
    """In a program stream of small frames only some have a stored time."""
    pictures = [gray(number) // 2 for number in range(80)]
    options = {"bf": "2"}
    path = write_video(
        tmp_path / "a.mpg", 80, codec="mpeg2video", options=options, pictures=pictures
    )
    with av.open(str(path)) as container:
        everything = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with PyAVVideo(str(path)) as video:
        for number, expected in enumerate(everything):
            np.testing.assert_array_equal(next(video.frames([number])), expected)


def test_only_what_is_needed_is_decoded(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", 40, gop=12, options={"x264-params": "scenecut=0"})
    decoded = []
    original = PyAVVideo._decode

    def count(self, wanted, entry):
        for frame in original(self, wanted, entry):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(PyAVVideo, "_decode", count)
    assert numbers_of(read(path, 38)) == [38]
    tick = decoded[1] - decoded[0] if len(decoded) > 1 else 1
    assert len(decoded) <= 4  # from the keyframe at 36, not the 39 from the start
    assert min(decoded) >= 36 * 512 - tick


def test_times_of_a_varying_rate(tmp_path):
    stamps = np.cumsum([0, 40, 40, 200, 10, 10, 500, 40, 40, 40]).tolist()
    write_video(tmp_path / "a.mkv", 10, rate=1000, stamps=stamps)
    with PyAVVideo(str(tmp_path / "a.mkv")) as video:
        np.testing.assert_allclose(video.seconds * 1000, stamps, atol=0.5)
        assert numbers_of(video.frames([3, 6, 9])) == [3, 6, 9]


def test_of_two_video_streams_the_first_is_read(tmp_path):
    path = write_video(tmp_path / "a.mp4", 10, second=30)
    with PyAVVideo(str(path)) as video:
        assert len(video.seconds) == 10
        assert numbers_of(video.frames([0, 4, 9])) == [0, 4, 9]


def test_a_sound_file_has_no_video(tmp_path):
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(BadSample, match=r"a\.wav: no video stream"):
        PyAVVideo(str(tmp_path / "a.wav"))


def turned(path, matrix):
    """Write a display matrix into the track header of an mp4."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    assert struct.unpack(">9i", data[place : place + 36])[0] == 1 << 16
    data[place : place + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("clockwise", "corner"), [(90, "right"), (180, "low"), (270, "left")])
def test_frames_are_turned_as_the_file_says(tmp_path, clockwise, corner):
    one, all_ = 1 << 16, 1 << 30
    a, b = {90: (0, one), 180: (-one, 0), 270: (0, -one)}[clockwise]
    path = write_video(tmp_path / "a.mp4", 3)
    upright = read(path, 1)[0]
    frame = read(turned(path, (a, b, 0, -b, a, 0, 0, 0, all_)), 1)[0]
    np.testing.assert_array_equal(frame, np.rot90(upright, -clockwise // 90))
    bright = frame.mean(axis=2) > 200  # the corner that was top left
    row, column = (x.mean() for x in np.nonzero(bright))
    place = {
        "right": (row < 32, column > 24),
        "low": (row > 24, column > 32),
        "left": (row > 32, column < 24),
    }
    assert all(place[corner])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(tmp_path, name, share):
    pictures = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    codec = "mpeg4" if name == "a.avi" else "libx264"
    path = cut(write_video(tmp_path / name, 40, codec=codec, pictures=pictures), share)
    with pytest.raises(BadSample, match=name):
        read(path, 0)


def copy(path, target_path, options, *, earlier=0):
    """Put the packets into another file, each so many ticks earlier."""
    with av.open(str(path)) as source, av.open(str(target_path), "w", options=options) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.pts, packet.dts = packet.pts - earlier, packet.dts - earlier
                packet.stream = stream
                target.mux(packet)


def test_frames_that_an_edit_list_hides_do_not_count(tmp_path):
    """As in a film that a telephone has trimmed: 15 of the 40 stored frames are not shown."""
    path = write_video(tmp_path / "a.mp4", 40)
    copy(path, tmp_path / "b.mp4", {"avoid_negative_ts": "disabled"}, earlier=15 * 512)
    with PyAVVideo(str(tmp_path / "b.mp4")) as video:
        assert len(video.seconds) == 25
        assert numbers_of(video.frames(list(range(25)))) == list(range(15, 40))
        for number in range(25):
            assert numbers_of(video.frames([number])) == [number + 15]


def test_a_truncated_mp4_with_its_index_in_front_is_refused(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "a.mp4", 40, pictures=pictures)
    copy(path, tmp_path / "b.mp4", {"movflags": "faststart"})
    assert len(read(tmp_path / "b.mp4", *range(40))) == 40
    data = (tmp_path / "b.mp4").read_bytes()
    with av.open(str(tmp_path / "b.mp4")) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    for length in (len(data) // 2, places[20], len(data) - 3):
        (tmp_path / "b.mp4").write_bytes(data[:length])
        with pytest.raises(BadSample, match="cut short"):
            read(tmp_path / "b.mp4", 0)


@pytest.mark.parametrize("content", [b"", b"not a video\n" * 100, bytes(range(256)) * 50])
def test_a_file_that_is_no_video_is_refused_with_its_name(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(BadSample, match=r"a\.mp4: "):
        read(tmp_path / "a.mp4", 0)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadSample, match=r"gone\.mp4: No such file"):
        read(tmp_path / "gone.mp4", 0)


@pytest.mark.parametrize(
    ("name", "codec", "least"), [("a.mp4", "libx264", 5), ("a.mpg", "mpeg2video", 24)]
)
def test_bytes_that_changed_crash_nothing(tmp_path, name, codec, least):
    """Noise often decodes to noise; what FFmpeg marks as damaged is refused and named."""
    pictures = [noisy(number) for number in range(40)]
    path = write_video(tmp_path / name, 40, codec=codec, pictures=pictures)
    data, random, refused = path.read_bytes(), np.random.default_rng(1), []
    for _ in range(30):
        spoiled = bytearray(data)
        start = int(random.integers(1000, len(data) - 100))
        spoiled[start : start + 64] = random.bytes(64)
        path.write_bytes(spoiled)
        try:
            with PyAVVideo(str(path)) as video:
                frames = list(video.frames(list(range(len(video.seconds)))))
        except BadSample as error:
            refused.append(str(error))
        else:
            assert {frame.shape for frame in frames} == {(48, 64, 3)}
    assert least <= len(refused) < 30
    assert all(reason.startswith(f"{path}: ") for reason in refused)


def noisy(number):
    noise = np.random.default_rng(number).integers(0, 40, (48, 64, 3), dtype=np.uint8)
    return gray(number) // 2 + noise


def test_a_file_is_closed_when_it_is_refused(tmp_path):
    def opened():
        return len(list(Path("/proc/self/fd").iterdir()))

    path = cut(write_video(tmp_path / "a.avi", 40, codec="mpeg4"), 0.5)
    before = opened()
    for _ in range(5):
        with pytest.raises(BadSample):
            PyAVVideo(str(path))
    assert opened() == before


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "webp"])
def test_a_picture_that_is_named_like_a_video_is_refused(tmp_path, kind):
    path = tmp_path / "picture.mp4"
    Image.new("RGB", (64, 48), (9, 90, 200)).save(path, kind)
    with pytest.raises(BadSample, match=r"picture\.mp4: a still image by its content"):
        PyAVVideo(str(path))
