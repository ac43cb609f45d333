import random
import struct
import zlib

import numpy as np
import pytest
from mask_files import mask, photograph, write_palette, write_photograph
from PIL import Image

from data_prep.sources.picture_file import picture_size, read_ids, read_rgb


def test_colours_of_every_mode(tmp_path):
    path = tmp_path / "a.png"
    picture = np.arange(12 * 16 * 3, dtype=np.uint8).reshape(12, 16, 3)
    Image.fromarray(picture).save(path)
    assert np.array_equal(read_rgb(path), picture)
    assert picture_size(path) == (12, 16)
    Image.fromarray(np.dstack([picture, picture[..., :1]])).save(path)  # RGBA
    assert np.array_equal(read_rgb(path), picture)
    Image.fromarray(picture[..., 0]).save(path)
    assert np.array_equal(read_rgb(path), np.repeat(picture[..., :1], 3, axis=2))
    Image.fromarray(picture[..., 0].astype(np.uint16)).save(path)
    with pytest.raises(ValueError, match=r"a.png: mode I;16; a picture of 8 bits per colour"):
        read_rgb(path)


def test_a_photograph_is_not_turned_away_from_its_mask(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6  # a viewer turns it by 90 degrees
    Image.fromarray(photograph(1)).save(tmp_path / "a.jpg", exif=turned)
    assert read_rgb(tmp_path / "a.jpg").shape == (12, 16, 3)
    assert picture_size(tmp_path / "a.jpg") == (12, 16)


@pytest.mark.parametrize("mode", ["P", "L", "I;16"])
def test_ids_are_indices_whatever_their_colours(tmp_path, mode):
    write_palette(tmp_path / "a.png", mask(3), mode)
    ids = read_ids(tmp_path / "a.png")
    assert np.array_equal(ids, mask(3))
    assert ids.dtype == np.int32


def test_as_many_ids_as_an_object_table_holds(tmp_path):
    every = np.arange(256).reshape(16, 16)
    write_palette(tmp_path / "a.png", every, "L")
    assert np.array_equal(read_ids(tmp_path / "a.png"), every)
    write_palette(tmp_path / "a.png", np.arange(272).reshape(16, 17), "I;16")
    with pytest.raises(ValueError, match=r"a\.png: 271 different ids; an object table holds 255"):
        read_ids(tmp_path / "a.png")


def test_sizes_are_refused_before_anything_is_decoded(tmp_path):
    for size in ((7, 40), (16_385, 8)):
        Image.new("L", size).save(tmp_path / "a.png")
        for reading in (picture_size, read_rgb, read_ids):
            with pytest.raises(ValueError, match=f"a.png: {size[0]}x{size[1]} pixels; sides of 8"):
                reading(tmp_path / "a.png")


@pytest.mark.parametrize("side", [9_600, 14_000])  # above the limit of Pillow, and above twice that
def test_the_bomb_limit_of_pillow_stays_on(tmp_path, side):
    write_palette(tmp_path / "a.png", mask(1))
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.png: Image size .* exceeds limit"):
        picture_size(tmp_path / "a.png")


def test_any_damage_is_a_message_that_names_the_file(tmp_path):
    """Cut anywhere or with any byte changed, a file is read or refused."""
    write_photograph(tmp_path / "a.jpg", 1)
    write_palette(tmp_path / "a.png", mask(1))
    draws = random.Random(0)
    said = []
    for name, reading in (("a.jpg", read_rgb), ("a.png", read_ids)):
        sound = (tmp_path / name).read_bytes()
        for cut in (True, False) * 25:
            data = bytearray(sound)
            place = draws.randrange(len(data))
            if cut:
                del data[place:]
            else:
                data[place] ^= draws.randrange(1, 256)
            (tmp_path / name).write_bytes(data)
            try:
                reading(tmp_path / name)
            except ValueError as error:
                said.append(str(error))
    assert all("a.jpg: " in words or "a.png: " in words for words in said)
    assert len(said) > 50
