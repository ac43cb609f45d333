import dataclasses

import numpy as np
import pytest

from jepakit.batch import BatchRequest
from jepakit.data import ShardReader
from jepakit.data.coverage import coverage_of
from jepakit.data.schema import ClipFormat
from jepakit.data.views import Views

FORM = ClipFormat(frames=8, height=32, width=32, patch=8, tubelet=2, image="png")
FULL = BatchRequest(frames=8, size=(32, 32), patch=8, tubelet=2)


@pytest.fixture
def stored(make_set, tmp_path):
    make_set(tmp_path, {"train": [1]}, FORM, objects=3)
    with ShardReader(str(tmp_path)).open(0) as opened:
        yield opened


VARIANTS = [
    ({}, {"flip": True}, True),
    ({"frames": 4}, {}, True),
    ({"frames": 4}, {"flip": True}, True),
    ({"frames": 4}, {"stride": 2}, False),
    ({"patch": 4}, {}, False),
    ({"tubelet": 4}, {"flip": True}, False),
    ({"size": (16, 16)}, {"crop": True, "flip": True}, False),
    ({"size": (24, 16), "frames": 2}, {"crop": True, "stride": 3}, False),
    ({}, {"coverage": "labels"}, False),
]


@pytest.mark.parametrize(("change", "options", "from_store"), VARIANTS)
def test_coverage_is_the_one_of_the_labels_that_are_seen(stored, change, options, from_store):
    request = dataclasses.replace(FULL, **change)
    views = Views(FORM, request, **options)
    assert views.stored is from_store
    for epoch in range(12):
        view = views.choose(epoch, stored.key)
        labels = np.ascontiguousarray(view.cut(stored.labels()))
        assert labels.shape == (request.frames, *request.size)
        expected = coverage_of(labels, 3, patch=request.patch, tubelet=request.tubelet)
        np.testing.assert_array_equal(views.coverage(stored, view), expected)


def test_stride_is_exact_on_coverage_stored_by_frame(make_set, tmp_path):
    form = dataclasses.replace(FORM, tubelet=1)
    make_set(tmp_path, {"train": [1]}, form)
    views = Views(form, BatchRequest(frames=3, size=(32, 32), patch=8, tubelet=1), stride=2)
    assert views.stored
    with ShardReader(str(tmp_path)).open(0) as stored:
        for epoch in range(6):
            view = views.choose(epoch, stored.key)
            expected = coverage_of(
                np.ascontiguousarray(view.cut(stored.labels())), 2, patch=8, tubelet=1
            )
            np.testing.assert_array_equal(views.coverage(stored, view), expected)


def test_draws_repeat_by_epoch_and_key_and_vary():
    views = Views(FORM, dataclasses.replace(FULL, size=(8, 8)), crop=True, flip=True)
    seen = [views.choose(epoch, key) for epoch in range(8) for key in ("a", "b")]
    assert seen == [views.choose(epoch, key) for epoch in range(8) for key in ("a", "b")]
    assert len({(v.rows.start, v.columns.start, v.flip) for v in seen}) > 10
    other = Views(FORM, dataclasses.replace(FULL, size=(8, 8)), crop=True, flip=True, seed=1)
    assert other.choose(0, "a") != views.choose(0, "a")


def test_starts_cover_the_clip():
    views = Views(FORM, dataclasses.replace(FULL, frames=4, patch=4))
    starts = {views.choose(epoch, "a").frames.start for epoch in range(80)}
    assert starts == {0, 1, 2, 3, 4}
    aligned = Views(FORM, dataclasses.replace(FULL, frames=4))
    assert {aligned.choose(e, "a").frames.start for e in range(80)} == {0, 2, 4}


def test_evaluation_sees_the_first_frames_and_the_centre():
    request = dataclasses.replace(FULL, frames=2, size=(16, 8))
    views = Views(FORM, request, random=False, crop=True, flip=True)
    for epoch in range(5):
        view = views.choose(epoch, "a")
        assert (view.frames.start, view.rows.start, view.columns.start) == (0, 8, 12)
        assert not view.flip


def test_whole():
    assert Views(FORM, FULL).whole(Views(FORM, FULL).choose(0, "a"))
    flips = Views(FORM, FULL, flip=True)
    assert {flips.whole(flips.choose(e, "a")) for e in range(20)} == {True, False}
    short = Views(FORM, dataclasses.replace(FULL, frames=4))
    assert not short.whole(short.choose(0, "a"))


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"size": (16, 16)}, {"crop": True}, "crop=True moves the patch grid"),
        ({"patch": 16}, {}, "stored for patch 8 and tubelet 2, the model has 16 and 2"),
        ({"frames": 4}, {"stride": 2}, "stride 2 takes tubelets apart"),
    ],
)
def test_stored_coverage_is_refused_where_it_would_be_wrong(change, options, words):
    with pytest.raises(ValueError, match=words):
        Views(FORM, dataclasses.replace(FULL, **change), coverage="stored", **options)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"frames": 16}, {}, "16 frames at stride 1, .* have 8. It needs clips of 16"),
        ({"frames": 4}, {"stride": 3}, "takes 4 frames at stride 3.* clips of 10 frames"),
        ({"frames": 3}, {}, "3 frames .* do not divide"),
        ({}, {"stride": 0}, "stride 0"),
        ({"size": (16, 16)}, {}, "16x16 pixels, the clips are 32x32.*crop=True"),
        ({"size": (64, 64)}, {}, r"64x64 pixels, the clips are 32x32\. Prepare .* size\.$"),
        ({"size": (64, 16)}, {"crop": True}, "Cannot cut 64x16 pixels from 32x32"),
    ],
)
def test_what_the_clips_cannot_give(change, options, words):
    with pytest.raises(ValueError, match=words):
        Views(FORM, dataclasses.replace(FULL, **change), **options)
