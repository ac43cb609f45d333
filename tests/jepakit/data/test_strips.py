import dataclasses
import io
import struct
import zlib

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from jepakit.data.schema import ClipFormat
from jepakit.data.strips import decode_strip, encode_strip

JPEG = ClipFormat(4, 32, 48, patch=8, tubelet=2)
PNG = dataclasses.replace(JPEG, image="png")


def colours(form=JPEG):
    return np.random.default_rng(0).integers(0, 256, (*form.shape, 3), dtype=np.uint8)


@pytest.mark.parametrize("subsampling", ["422", "444"])
def test_a_jpeg_strip_equals_its_frames_encoded_one_by_one(subsampling):
    form = dataclasses.replace(JPEG, subsampling=subsampling)
    frames = colours()
    strip = decode_strip(encode_strip(frames, form), form)
    for frame, stored in zip(frames, strip, strict=True):
        alone = simplejpeg.encode_jpeg(frame, quality=85, colorsubsampling=subsampling)
        np.testing.assert_array_equal(simplejpeg.decode_jpeg(alone), stored)


def test_why_420_is_refused():
    frames = np.zeros((2, 16, 16, 3), np.uint8)
    frames[0, ..., 0], frames[1, ..., 2] = 255, 255
    strip = frames.reshape(32, 16, 3)
    leaky = simplejpeg.decode_jpeg(
        simplejpeg.encode_jpeg(strip, quality=85, colorsubsampling="420")
    ).astype(int)
    alone = simplejpeg.decode_jpeg(
        simplejpeg.encode_jpeg(frames[1], quality=85, colorsubsampling="420")
    ).astype(int)
    assert abs(leaky[16] - alone[0]).max() > 20  # colour of the other frame


@pytest.mark.parametrize("subsampling", ["420", "440", "411", "Gray"])
def test_other_colours_are_refused_when_read(subsampling):
    space = "GRAY" if subsampling == "Gray" else "RGB"
    strip = colours().reshape(-1, 48, 3)
    strip = np.ascontiguousarray(strip[..., :1]) if space == "GRAY" else strip
    data = simplejpeg.encode_jpeg(strip, colorspace=space, colorsubsampling=subsampling)
    with pytest.raises(ValueError, match="only 422 and 444"):
        decode_strip(data, JPEG)


def test_png_is_lossless_and_decodes_in_place():
    frames, out = colours(), np.empty((*PNG.shape, 3), np.uint8)
    assert decode_strip(encode_strip(frames, PNG), PNG, out) is out
    np.testing.assert_array_equal(out, frames)


@pytest.mark.parametrize("form", [JPEG, PNG])
def test_wrong_size_is_refused(form):
    data = encode_strip(colours()[:2], form)
    with pytest.raises(ValueError, match="128x48 pixels expected, came 64x48"):
        decode_strip(data, form)


def test_a_bomb_is_refused_from_its_header():
    side = 20_000
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = (
        struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    with pytest.raises(ValueError, match="came 20000x20000"):
        decode_strip(b"\x89PNG\r\n\x1a\n" + chunk, PNG)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_other_png_kinds_are_refused(mode):
    stream = io.BytesIO()
    Image.fromarray(colours().reshape(-1, 48, 3)).convert(mode).save(stream, "PNG")
    with pytest.raises(ValueError, match="plain 8-bit RGB"):
        decode_strip(stream.getvalue(), PNG)


def test_not_a_picture():
    for form in (JPEG, PNG):
        with pytest.raises(ValueError, match=r"PNG|JPEG|JFIF|header"):
            decode_strip(b"not a picture at all, only text that is long enough", form)


@pytest.mark.parametrize("form", [JPEG, PNG])
def test_damage_is_a_value_error_or_decodes_to_the_right_shape(form):
    data = encode_strip(colours(), form)
    random = np.random.default_rng(1)
    refused = 0
    for _ in range(200):
        broken = bytearray(data)
        broken[random.integers(len(data))] ^= 1 << random.integers(8)
        if random.random() < 0.5:
            broken = broken[: random.integers(len(data))]
        try:
            assert decode_strip(bytes(broken), form).shape == (*form.shape, 3)
        except ValueError:
            refused += 1
    assert refused > 80  # crc32 in the index catches the others
