import numpy as np
import pytest
from PIL import Image

from jepakit.data.schema import BadSample
from jepakit.data.video.decoder import open_video
from jepakit.data.video.still_image import StillImage

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["a.png", "A.PNG", "a.bmp"])
def test_a_picture_is_a_video_of_one_frame(tmp_path, name):
    Image.fromarray(PICTURE).save(tmp_path / name)
    with open_video(str(tmp_path / name)) as video:
        assert video.seconds.tolist() == [0.0]
        (frame,) = video.frames([0])
    np.testing.assert_array_equal(frame, PICTURE)


def test_palettes_transparency_and_gray_become_rgb(tmp_path):
    for mode in ("L", "P", "RGBA"):
        Image.fromarray(PICTURE).convert(mode).save(tmp_path / f"{mode}.png")
        with open_video(str(tmp_path / f"{mode}.png")) as video:
            (frame,) = video.frames([0])
        assert (frame.shape, frame.dtype) == ((20, 30, 3), np.uint8)


def test_the_orientation_of_a_camera_is_respected(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn 90 degrees clockwise to see it upright
    Image.fromarray(PICTURE).save(tmp_path / "a.png", exif=exif)
    with open_video(str(tmp_path / "a.png")) as video:
        (frame,) = video.frames([0])
    np.testing.assert_array_equal(frame, np.rot90(PICTURE, -1))


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_damaged_picture_is_named(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with (
        open_video(str(tmp_path / "a.png")) as video,
        pytest.raises(BadSample, match=r"a\.png: "),
    ):
        list(video.frames([0]))


@pytest.mark.parametrize(("dtype", "name"), [("u2", "a.png"), ("f4", "a.tif"), ("i4", "a.tif")])
def test_levels_of_more_than_8_bits_are_refused_rather_than_clipped(tmp_path, dtype, name):
    Image.fromarray(np.full((20, 30), 300, dtype)).save(tmp_path / name)
    with pytest.raises(BadSample, match=r"mode [IF].*8 bits per colour"):
        list(StillImage(str(tmp_path / name)).frames([0]))


def test_a_truncated_picture(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with open_video(str(tmp_path / "a.png")) as video, pytest.raises(BadSample):
        list(video.frames([0]))
