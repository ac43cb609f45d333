import errno
import struct
import zlib

import pytest

from data_prep.item import is_damage, make_clips
from jepakit.data.members import EncodedSample, encode_sample
from jepakit.data.shard_writer import Reject


def made(item, description):
    return list(make_clips(item, description.form))


def test_clips_are_those_of_the_item_in_order(noise, description):
    item = noise(3, clips=3)
    assert made(item, description) == [
        encode_sample(sample, description.form) for sample in item.make(description.form)
    ]


def test_clips_are_made_one_by_one(noise, description):
    clips = make_clips(noise(3, "die", clips=3, sound=1), description.form)
    assert isinstance(next(clips), EncodedSample)  # the next one would end this process


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("assert", "AssertionError: polygon is not convex"),
        ("labels", "ValueError: Sample 'noise-3-2': Frame 0 of the label map names object 5"),
    ],
)
def test_clips_before_a_fault_are_kept_and_those_after_it_are_not_made(
    noise, description, trouble, reason
):
    *clips, reject = made(noise(3, trouble, clips=5, sound=2), description)
    assert [clip.key for clip in clips] == ["noise-3-0", "noise-3-1"]
    assert reject.item == "noise-3"
    assert reject.reason.startswith(reason)
    assert reject.reason.endswith(" (after 2 clips)")
    assert made(noise(3, trouble), description)[0].reason.endswith(")") is False


def test_an_item_without_clips_is_a_reject(noise, description):
    assert made(noise(3, clips=0), description) == [Reject("noise-3", "no clips")]


def test_an_item_may_fail_before_its_first_clip_is_asked_for(description):
    class Plain:
        name = "plain"

        def make(self, form):
            raise KeyError("frames")

    assert made(Plain(), description) == [Reject("plain", "KeyError: 'frames'")]


@pytest.mark.parametrize("trouble", ["disk full", "no library"])
def test_what_is_not_the_fault_of_the_input_stops_the_job(noise, description, trouble):
    with pytest.raises((OSError, ImportError), match=r"No space|no such library"):
        made(noise(3, trouble), description)


class OutOfMemoryError(RuntimeError):
    """Named as that of torch."""


def test_damage_and_other_errors():
    damage = [
        ValueError(),
        UnicodeDecodeError("utf-8", b"", 0, 1, "x"),
        EOFError(),
        SyntaxError("broken PNG file"),
        TypeError(),
        AttributeError(),
        MemoryError(),
        RecursionError(),
        struct.error(),
        zlib.error(),
        OSError("image file is truncated"),
        FileNotFoundError(errno.ENOENT, "gone"),
        PermissionError(errno.EACCES, "closed"),
        BrokenPipeError(errno.EPIPE, "the decoder ended"),
    ]
    assert all(map(is_damage, damage))
    others = [
        OSError(errno.ENOSPC, "full"),
        OSError(errno.EMFILE, "too many files"),
        OSError(errno.ESTALE, "stale handle"),
        OSError(errno.ECONNREFUSED, "refused"),
        OSError(errno.ENETUNREACH, "no route"),
        TimeoutError(),
        ModuleNotFoundError(),
        NameError(),
        NotImplementedError(),
        OutOfMemoryError(),
    ]
    assert not any(map(is_damage, others))


@pytest.mark.parametrize("module", ["av", "PIL", "tarfile", "zipfile", "json"])
def test_errors_of_decoders_are_damage(module):
    import importlib

    found = importlib.import_module(module)
    if module == "PIL":
        found = importlib.import_module("PIL.Image")
    errors = {
        "av": lambda: found.error.InvalidDataError(1, "Invalid data"),
        "PIL": lambda: found.DecompressionBombError(),
        "tarfile": lambda: found.ReadError(),
        "zipfile": lambda: found.BadZipFile(),
        "json": lambda: found.JSONDecodeError("x", "", 0),
    }
    assert is_damage(errors[module]())
