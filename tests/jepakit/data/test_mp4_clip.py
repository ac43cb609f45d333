import dataclasses
import io

import av
import numpy as np
import pytest

from jepakit.batch import BatchRequest
from jepakit.data import BadSample, ShardReader
from jepakit.data.dataset import BatchDataset
from jepakit.data.mp4_clip import GROUP, decode_mp4, encode_mp4
from jepakit.data.order import Order, Position
from jepakit.data.schema import ClipFormat
from jepakit.data.strips import decode_strip, encode_strip
from jepakit.data.views import Views

FORM = ClipFormat(20, 48, 64, patch=8, tubelet=2, image="mp4")
SMALL = dataclasses.replace(FORM, frames=4)


def scene(form: ClipFormat = FORM) -> np.ndarray:
    """A smooth picture that drifts, and a coloured square that jumps: its place tells the frame."""
    frames, height, width = form.shape
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / 9 + f / 5)[..., None] + np.cos(columns / 7 + f / 3)[..., None] + 2
             for f in range(frames)]  # fmt: skip
    clip = (np.stack(waves) * np.array([60.0, 50.0, 40.0])).astype(np.uint8)
    for frame, picture in enumerate(clip):
        left = 8 * (frame % (width // 8 - 1))
        picture[8:24, left : left + 16] = (255, 30 + 10 * (frame % 20), 0)
    return clip


def error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.parametrize(
    ("subsampling", "quality", "least"), [("420", 85, 30), ("422", 85, 33), ("444", 85, 40)]
)
def test_what_it_loses(subsampling, quality, least):
    form = dataclasses.replace(FORM, subsampling=subsampling, quality=quality)
    clip = scene(form)
    decoded = decode_mp4(encode_mp4(clip, form, fps=8.0), form)
    for frame, (made, seen) in enumerate(zip(clip, decoded, strict=True)):
        psnr = 10 * np.log10(255**2 / ((made.astype(float) - seen) ** 2).mean())
        assert psnr > least, frame


def test_it_takes_fewer_bytes_than_a_jpeg_strip_of_the_same_quality_and_loses_about_as_much():
    jpeg, clip = dataclasses.replace(FORM, image="jpg"), scene()
    strip, data = encode_strip(clip, jpeg), encode_mp4(clip, FORM, fps=4.0)
    assert len(data) < 0.7 * len(strip)
    lost = error(decode_strip(strip, jpeg), clip)
    assert error(decode_mp4(data, FORM), clip) < 1.15 * lost


def test_grays_keep_their_level_and_quality_100_keeps_them_exactly():
    form = dataclasses.replace(SMALL, subsampling="444", quality=100)
    levels = np.linspace(0, 255, 48 * 64).astype(np.uint8).reshape(1, 48, 64, 1)
    clip = np.broadcast_to(levels, (4, 48, 64, 3)).copy()
    decoded = decode_mp4(encode_mp4(clip, form, fps=8.0), form)
    assert np.abs(decoded.astype(int) - clip).max() <= 1


def test_bytes_depend_on_frames_alone():
    clip = scene()
    first, again = (encode_mp4(clip, FORM, fps=29.97) for _ in range(2))
    assert first == again
    assert first != encode_mp4(255 - clip, FORM, fps=29.97)


@pytest.mark.parametrize(
    "needed",
    [slice(0, 1), slice(7, 9), slice(8, 9), slice(11, 20, 3), slice(19, 20), slice(None, None, 2)],
)
def test_a_window_equals_the_frames_of_the_whole_clip(needed):
    data = encode_mp4(scene(), FORM, fps=8.0)
    whole = decode_mp4(data, FORM)
    out = np.full((*FORM.shape, 3), 77, np.uint8)
    assert decode_mp4(data, FORM, out, needed) is out
    np.testing.assert_array_equal(out[needed], whole[needed])
    rest = np.delete(out, range(FORM.frames)[needed], axis=0)
    assert (rest == 77).all()


def test_only_the_group_of_a_window_is_decoded(monkeypatch):
    data, decoded = encode_mp4(scene(), FORM, fps=8.0), []
    key_frames = [n for n, packet in enumerate(packets_of(data)) if packet.is_keyframe]
    assert key_frames == [0, GROUP, 2 * GROUP]
    from jepakit.data import mp4_clip

    real = mp4_clip._decoded

    def count(*arguments):
        for number, frame in real(*arguments):
            decoded.append(number)
            yield number, frame

    monkeypatch.setattr(mp4_clip, "_decoded", count)
    decode_mp4(data, FORM, None, slice(10, 13))
    assert decoded == [8, 9, 10, 11, 12]


def packets_of(data: bytes) -> list[av.Packet]:
    with av.open(io.BytesIO(data)) as container:
        return [packet for packet in container.demux(video=0) if packet.size]


def test_other_players_see_the_same_colours_and_times():
    data = encode_mp4(scene(), FORM, fps=8.0)
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(video=0))
    np.testing.assert_allclose([f.time for f in frames], np.arange(20) / 8, atol=1e-6)
    np.testing.assert_array_equal(
        np.stack([frame.to_ndarray(format="rgb24") for frame in frames]), decode_mp4(data, FORM)
    )


def test_wrong_sizes_and_numbers_are_refused():
    data = encode_mp4(scene(), FORM, fps=8.0)
    for change, words in (
        ({"frames": 18}, "18 frames expected, came 20"),
        ({"frames": 22}, "22 frames expected, came 20"),
        ({"height": 64}, "64x64 pixels expected, came 48x64"),
    ):
        with pytest.raises(ValueError, match=words):
            decode_mp4(data, dataclasses.replace(FORM, **change))


def video(codec: str, streams: int = 1, **options: str) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        for _ in range(streams):
            video = container.add_stream(codec, rate=8, options=options)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for video in container.streams.video:
            for picture in scene(SMALL):
                container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(video.encode())
    return stream.getvalue()


def test_other_videos_are_refused():
    with pytest.raises(ValueError, match=r"H\.264 expected, came mpeg4"):
        decode_mp4(video("mpeg4"), SMALL)
    with pytest.raises(ValueError, match="one video stream and nothing else"):
        decode_mp4(video("libx264", streams=2, bf="0"), SMALL)
    with pytest.raises(ValueError, match="order of time"):
        decode_mp4(video("libx264", **{"bf": "2", "x264-params": "b-adapt=0"}), SMALL)
    with pytest.raises(ValueError, match="Damaged mp4"):
        decode_mp4(b"not a video at all, only text that is long enough", SMALL)


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_no_player_understands(fps):
    with pytest.raises(ValueError, match=r"0\.01 to 1000 frames per second"):
        encode_mp4(scene(SMALL), SMALL, fps=fps)


def test_damage_is_a_value_error_or_decodes_to_the_right_shape():
    data = encode_mp4(scene(), FORM, fps=8.0)
    random, refused = np.random.default_rng(1), 0
    for _ in range(100):
        broken = bytearray(data)
        broken[random.integers(len(data))] ^= 1 << random.integers(8)
        if random.random() < 0.5:
            broken = broken[: random.integers(len(data))]
        try:
            assert decode_mp4(bytes(broken), FORM).shape == (*FORM.shape, 3)
        except ValueError:
            refused += 1
    assert refused > 50  # crc32 in the index catches the others


def test_shards_with_counterfactuals_round_trip(make_set, make_sample, tmp_path):
    form = dataclasses.replace(SMALL, height=64, quality=100, subsampling="444")
    make_set(tmp_path, {"train": [2]}, form, counterfactuals=1)
    reader = ShardReader(str(tmp_path))
    for sample in reader:
        made = make_sample(sample.key, form, counterfactuals=1)
        assert error(sample.frames, made.frames) < 1
        other, without = sample.counterfactuals[1], made.counterfactuals[1]
        assert error(other.frames, without.frames) < 1
        np.testing.assert_array_equal(other.labels, without.labels)


def test_damage_in_a_shard_is_a_bad_sample(make_set, tmp_path):
    make_set(tmp_path, {"train": [1]}, SMALL)
    tar = tmp_path / "train-000000.tar"
    data = bytearray(tar.read_bytes())
    data[data.index(b"moov")] ^= 1
    tar.write_bytes(data)
    with (
        ShardReader(str(tmp_path)).open(0) as stored,
        pytest.raises(BadSample, match=r"train-000000.tar, sample '.*', mp4: damaged, its crc32"),
    ):
        stored.frames()


def test_batches_of_windows_equal_cuts_of_the_whole_clip(make_set, tmp_path):
    form = dataclasses.replace(FORM, height=64, frames=20)
    make_set(tmp_path, {"train": [4]}, form, objects=1)
    reader = ShardReader(str(tmp_path))
    request = BatchRequest(frames=4, size=(32, 32), patch=8, tubelet=2)
    views = Views(form, request, flip=True, stride=2, crop=True)
    dataset = BatchDataset(reader, order=Order((4,), shuffle=False), views=views)
    for _ in range(2):  # the second time into memory that holds other frames
        batch, faults = dataset[[Position(0, number) for number in range(4)]]
        assert not faults
        for number, sample in enumerate(reader):
            cut = views.choose(0, sample.key).cut(sample.frames)
            np.testing.assert_array_equal(batch.frames[number].numpy(), cut)
