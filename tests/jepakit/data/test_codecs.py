import io
import pickle
import zlib

import numpy as np
import pytest

from jepakit.data.codecs import (
    decode_array,
    decode_coverage,
    decode_labels,
    encode_array,
    encode_labels,
)
from jepakit.data.schema import CONTACTS


def test_labels_round_trip():
    labels = np.random.default_rng(0).integers(0, 255, (3, 8, 5), dtype=np.uint8)
    np.testing.assert_array_equal(decode_labels(encode_labels(labels), (3, 8, 5)), labels)


@pytest.mark.parametrize("size", [0, 59, 61, 1 << 20])
def test_labels_of_another_size(size):
    with pytest.raises(ValueError, match="60 bytes"):
        decode_labels(zlib.compress(bytes(size)), (3, 4, 5))


def test_damaged_labels():
    data = zlib.compress(bytes(60))
    with pytest.raises(ValueError, match="Damaged label map"):
        decode_labels(b"x" + data, (3, 4, 5))
    for broken in (data[:-1], data + b"x"):
        with pytest.raises(ValueError, match="expected"):
            decode_labels(broken, (3, 4, 5))


def test_coverage_of_zero_and_255_objects():
    assert decode_coverage(b"", 0, (2, 4, 4)).shape == (0, 2, 4, 4)
    assert decode_coverage(bytes(255 * 32), 255, (2, 4, 4)).shape == (255, 2, 4, 4)
    with pytest.raises(ValueError, match=r"3 objects on a .* has 96 bytes, came 64"):
        decode_coverage(bytes(64), 3, (2, 4, 4))


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("states", np.zeros((2, 3, 4), "<f4")),
        ("states", np.zeros((2, 0, 4), "<f8")),
        ("actions", np.arange(6, dtype="<f4").reshape(2, 3)),
        ("contacts", np.array([(1, 2, 3, 0.5)], CONTACTS)),
        ("contacts", np.zeros(0, CONTACTS)),
    ],
)
def test_arrays_round_trip_and_are_plain_npy(name, array):
    data = encode_array(name, array)
    for read in (decode_array(name, data), np.load(io.BytesIO(data), allow_pickle=False)):
        np.testing.assert_array_equal(read, array)
        assert read.dtype == array.dtype


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("states", np.zeros((2, 3), "<f4")),
        ("states", np.zeros((2, 3, 4), "<i4")),
        ("states", np.zeros((2, 3, 4), ">f4")),
        ("actions", np.zeros(2, "<f4")),
        ("contacts", np.zeros(2, "<f4")),
    ],
)
def test_other_arrays_are_refused_both_ways(name, array):
    with pytest.raises(ValueError, match=f"'{name}' must have"):
        encode_array(name, array)
    stream = io.BytesIO()
    np.save(stream, array)
    with pytest.raises(ValueError, match=f"'{name}' must have"):
        decode_array(name, stream.getvalue())


class Attack:
    fired = False

    def __reduce__(self):
        return setattr, (Attack, "fired", True)


def hostile_arrays():
    stream = io.BytesIO()
    np.save(stream, np.array([Attack()], dtype=object), allow_pickle=True)
    yield stream.getvalue()
    yield pickle.dumps(Attack())
    stream = io.BytesIO()
    np.savez(stream, states=np.zeros((1, 1, 1), "<f4"))
    yield stream.getvalue()
    good = encode_array("states", np.zeros((2, 3, 4), "<f4"))
    yield from (good[:-1], good + b"x", good[:9], b"", good.replace(b"False", b"True "))
    yield good.replace(b"(2, 3, 4)", b"(9**9, 1)")
    yield good.replace(b"(2, 3, 4)", b"(2, 3, 5)")
    yield good[:6] + b"\x02\x00" + good[8:]
    yield good[:8] + b"\xff\xff" + good[10:]
    header = b"{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (1, 1, 1), }\n"
    yield b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(4)


@pytest.mark.parametrize("data", list(hostile_arrays()))
def test_hostile_arrays_are_refused_and_execute_nothing(data):
    with pytest.raises(ValueError, match="'states'"):
        decode_array("states", data)
    assert not Attack.fired
