from __future__ import annotations

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from traced_clips import clips, encoder

from jepakit.interp import activation_store, array_files
from jepakit.interp.activation_store import ActivationStore, RowFormat
from jepakit.interp.provenance import Provenance

FORMATS = {("embed", "mean"): RowFormat(3), ("norm", "tokens"): RowFormat(4, "float16")}
SOURCE = Provenance("m" * 64, "ViT", "none", "d" * 64)


def opened(folder: Path, **changes: str) -> ActivationStore:
    return ActivationStore.open(folder, clips(), replace(SOURCE, **changes))


def values(rows: list[int]) -> dict:
    column = np.asarray(rows, dtype=np.float32)[:, None]
    return {
        ("embed", "mean"): column + np.arange(3, dtype=np.float32) / 8,
        ("norm", "tokens"): (column * np.ones(4, dtype=np.float32)),
    }


def filled(folder: Path) -> ActivationStore:
    store = opened(folder)
    with store.writing(FORMATS):
        store.write(range(10), values([*range(10)]))
    return store


def test_rows_come_back_with_who_they_are(tmp_path: Path) -> None:
    filled(tmp_path / "s")
    store = ActivationStore(tmp_path / "s")
    assert store.readings == (("embed", "mean"), ("norm", "tokens"))
    mean, tokens = store.read("embed"), store.read("norm", "tokens")
    assert (mean.dtype, tokens.dtype) == (np.float32, np.float16)
    np.testing.assert_array_equal(mean, values([*range(10)])["embed", "mean"])
    assert not mean.flags.writeable
    assert (store.keys, store.groups) == (clips().keys, clips().groups)
    np.testing.assert_array_equal(store.labels, clips().labels)
    index = json.loads((tmp_path / "s" / "index.json").read_text())
    assert index["provenance"]["model"] == SOURCE.model
    assert index["dtype"] == {"means": "float32", "tokens": "float16"}


def test_an_unfinished_reading_is_not_given_out(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with store.writing(FORMATS):
        store.write([0, 1, 2], values([0, 1, 2]))
        assert store.remaining().tolist() == [*range(10)]  # not flushed yet
        store.flush()
        assert store.remaining().tolist() == [*range(3, 10)]
    with pytest.raises(ValueError, match="embed/mean is there for 3 of 10 clips: run the trace"):
        store.read("embed")
    with pytest.raises(ValueError, match="has no embed/time_mean; it has embed/mean, norm/tokens"):
        store.read("embed", "time_mean")


def test_rows_that_are_there_are_never_written_again(tmp_path: Path) -> None:
    store = filled(tmp_path)
    more = FORMATS | {("norm", "mean"): RowFormat(2)}
    with store.writing(more):
        assert store.remaining().tolist() == [*range(10)]
        other = {key: value + 1 for key, value in values([*range(10)]).items()}
        store.write(range(10), other | {("norm", "mean"): np.ones((10, 2), dtype=np.float32)})
    np.testing.assert_array_equal(store.read("embed"), values([*range(10)])["embed", "mean"])
    np.testing.assert_array_equal(store.read("norm"), 1)


@pytest.mark.parametrize("name", ["model", "encoder", "transform", "data"])
def test_other_activations_are_refused_and_the_difference_is_said(
    tmp_path: Path, name: str
) -> None:
    opened(tmp_path)
    with pytest.raises(ValueError, match=f"holds other activations: {name} there is") as caught:
        opened(tmp_path, **{name: "f" * 64})
    assert str(caught.value).count("there is") == 1
    relabelled = replace(clips(), labels=np.zeros(10, dtype=np.int64))
    with pytest.raises(ValueError, match="other labels for the same clips"):
        ActivationStore.open(tmp_path, relabelled, SOURCE)


def test_values_that_are_not_finite_are_refused_by_name(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for key, value in ((("embed", "mean"), np.nan), (("norm", "tokens"), 1e5)):
        bad = values([3, 4])
        bad[key][1, 2] = value
        match = f"{'/'.join(key)} is not finite in float.* for .'clip-4'. .1 clips"
        with pytest.raises(ValueError, match=match), store.writing(FORMATS):
            store.write([3, 4], bad)
    assert store.done("embed") == 0


def test_too_little_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=10 * (12 + 8 + 2) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    store = opened(tmp_path)
    assert store.missing_bytes(FORMATS) == 220
    with pytest.raises(ValueError, match=r"10 clips take 0.22 kB.*0.22 kB free: ask for fewer"):
        store.writing(FORMATS).__enter__()
    assert store.readings == ()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=220))
    assert filled(tmp_path).missing_bytes(FORMATS) == 0


def test_a_disk_that_fills_while_arrays_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *rest: object) -> None:
        if "norm" in path.parts:
            raise OSError(errno.ENOSPC, "No space left on device")
        array_files.create_zeros(path, *rest)

    monkeypatch.setattr(activation_store, "create_zeros", full)
    with pytest.raises(OSError, match=r"disk is full, norm/tokens .* make room and run"):
        filled(tmp_path)
    monkeypatch.undo()
    filled(tmp_path)
    filled(tmp_path / "other")
    assert content(tmp_path / "acts") == content(tmp_path / "other" / "acts")


def test_a_disk_that_fills_while_rows_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)

    def full(_: np.memmap) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill() -> None:
        with store.writing(FORMATS):
            store.write([0, 1], values([0, 1]))
            store.flush()
            store.write([2, 3], values([2, 3]))
            monkeypatch.setattr(np.memmap, "flush", full)

    with pytest.raises(OSError, match="disk is full, embed/mean was not finished"):
        fill()
    monkeypatch.undo()
    assert store.done("embed") == 2
    with store.writing(FORMATS):
        assert store.remaining().tolist() == [*range(2, 10)]


def test_half_made_files_are_cleared(tmp_path: Path) -> None:
    store = filled(tmp_path)
    path = tmp_path / "acts" / "embed" / "mean.npy"
    path.rename(path.with_name(".mean.npy.0a1b2c3d.tmp"))
    with store.writing(FORMATS):
        assert store.remaining().tolist() == [*range(10)]  # the mask of a lost array is not trusted
        store.write(range(10), values([*range(10)]))
    assert sorted(p.name for p in path.parent.iterdir()) == ["mean.done.npy", "mean.npy"]


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    with first.writing(FORMATS), pytest.raises(ValueError, match="Another process is writing"):
        second.writing(FORMATS).__enter__()
    with second.writing(FORMATS):
        pass


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no store of activations"):
        ActivationStore(tmp_path)
    (tmp_path / "index.json").write_text('{"format": 9}')
    with pytest.raises(ValueError, match="format 9, not 1"):
        opened(tmp_path)
    store = filled(tmp_path / "s")
    np.save(tmp_path / "s" / "acts" / "embed" / "mean.npy", np.zeros((4, 3), dtype=np.float32))
    with pytest.raises(ValueError, match=r"should be .*10, 3.* is .*4, 3.* delete it"):
        store.writing(FORMATS).__enter__()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": ("a",) * 10}, "Keys must be unique; given more than once: .'a'"),
        ({"groups": ("a",)}, "lengths are .*'groups': 1"),
    ],
)
def test_clips_that_cannot_be_told_apart_are_refused(
    tmp_path: Path, change: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ActivationStore.open(tmp_path, replace(clips(), **change), SOURCE)
    with pytest.raises(ValueError, match="No clips to trace"):
        ActivationStore.open(tmp_path, clips(0), SOURCE)


def test_clips_are_gathered_from_batches() -> None:
    whole, cls = clips(), type(clips())
    batches = [
        (
            whole.keys[i : i + 4],
            whole.labels[i : i + 4],
            whole.groups[i : i + 4],
            whole.pixels[i : i + 4],
        )
        for i in (0, 4, 8)
    ]
    again = cls.gather(batches)
    assert (again.keys, again.groups, len(again)) == (whole.keys, whole.groups, 10)
    np.testing.assert_array_equal(again.frames([9, 0]), whole.pixels[[9, 0]])
    with pytest.raises(ValueError, match="No clips"):
        cls.gather([])


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_encoder_of_these_tests_is_the_same_in_every_process() -> None:
    assert Provenance.of(encoder(), clips()) == Provenance.of(encoder(), clips())
