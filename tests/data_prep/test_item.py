import errno
import io
import struct
import tempfile
import zlib
from pathlib import Path

import pytest
from PIL import Image, UnidentifiedImageError

from data_prep.item import is_damage, make_clips
from jepakit.data.members import EncodedSample, encode_sample
from jepakit.data.schema import BadSample
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


def failing(error):
    class Failing:
        name = "failing"

        def make(self, form):
            raise error

    return Failing()


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


def test_the_stated_cause_tells_too():
    """Readers name the file in an error of their own, which must not hide the full disk."""
    for cause, damaged in [
        (OSError(errno.EMFILE, "too many files"), False),
        (ImportError("h5py"), False),
        (OSError("not an HDF5 file"), True),
    ]:
        error = BadSample("a.mp4: cannot be opened")
        error.__cause__ = cause
        assert is_damage(error) is damaged


@pytest.mark.parametrize(
    ("root", "text"),
    [
        ("{}/one", "{}/one/sub/a.mp4: broken"),
        ("{}/one/", "{}/one/sub/a.mp4: broken"),
        ("one", "one/sub/a.mp4: broken"),
        (".", "sub/a.mp4: broken"),
        ("{}/one/list.txt", "{}/one/sub/a.mp4: broken"),
        ("s3://bucket/one/", "s3://bucket/one/sub/a.mp4: broken"),
    ],
)
def test_reasons_do_not_say_where_the_inputs_lie(description, tmp_path, monkeypatch, root, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "list.txt").touch()
    root, error = root.format(tmp_path), ValueError(text.format(tmp_path))
    (reject,) = make_clips(failing(error), description.form, root=root)
    assert reject.reason == "ValueError: sub/a.mp4: broken"


def test_inputs_that_went_away_are_not_damage(description, tmp_path):
    """A disk that was unmounted, or a machine of the cluster that never had it."""
    gone = failing(FileNotFoundError(errno.ENOENT, "No such file"))
    with pytest.raises(FileNotFoundError, match="cannot be seen from this machine"):
        list(make_clips(gone, description.form, root=str(tmp_path / "mounted")))
    (reject,) = make_clips(gone, description.form, root=str(tmp_path))
    assert "No such file" in reject.reason


def test_reasons_are_the_same_in_every_run(description):
    def reason():
        try:
            with tempfile.TemporaryDirectory() as folder:
                Image.open(Path(folder) / "clip.png")
        except FileNotFoundError as missing:
            name = missing.filename
        try:
            Image.open(io.BytesIO(b"no picture"))
        except UnidentifiedImageError as error:
            unknown = ValueError(f"{error}; {name}")
        (reject,) = make_clips(failing(unknown), description.form)
        return reject.reason

    expected = "ValueError: cannot identify image file <_io.BytesIO object>; clip.png"
    assert reason() == reason() == expected


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
