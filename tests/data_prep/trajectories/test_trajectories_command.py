import json
import sys
from pathlib import Path

import numpy as np
import pytest
from robot_files import shades

from data_prep.trajectories.recording import load_module
from jepakit.data.shard_reader import ShardReader


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "src").mkdir()
    for number in range(10):
        arrays = {"frames": shades(range(8)), "actions": np.full((8, 1), float(number))}
        np.savez(tmp_path / f"src/e{number}.npz", **arrays)
    return tmp_path / "src"


def groups(path, split):
    return [clip.meta["details"]["group"] for clip in ShardReader(path, split=split)]


def test_whole_recordings_are_held_out_by_their_names(prepare, folder, tmp_path):
    options = {"layout": "npz", "source_fps": 5.0, "val_share": 0.3}
    prepare(folder, **options)
    train, val = (groups(str(tmp_path / "out"), split) for split in ("train", "val"))
    assert (len(train), len(val)) == (14, 6)
    assert not set(train) & set(val)
    # One recording fewer in training changes all numbers behind it, and nothing of validation.
    (folder / min(train)).unlink()
    prepare(folder, "fewer", **options)
    assert groups(str(tmp_path / "fewer"), "val") == val


def test_short_and_damaged_recordings_are_listed(prepare, folder, tmp_path):
    np.savez(folder / "e3.npz", frames=shades(range(3)), actions=np.zeros((3, 1)))
    np.savez(folder / "e4.npz", frames=shades(range(8)), actions=np.full((8, 1), np.nan))
    np.savez(folder / "e5.npz", frames=shades(range(8)), actions=np.zeros((8, 2)))
    (folder / "e6.npz").write_bytes(b"PK damaged")
    reader = prepare(folder, layout="npz", source_fps=5.0)
    assert len(reader) == 12
    rejects = json.loads((tmp_path / "out/rejects.json").read_bytes())
    reasons = {reject["item"]: reject["reason"] for reject in rejects}
    assert set(reasons) == {"e3.npz@0", "e4.npz", "e5.npz", "e6.npz"}
    assert "3 moments at 5 Hz; a clip needs 4" in reasons["e3.npz@0"]
    assert "actions are not finite at moments [0, 1, 2" in reasons["e4.npz"]
    assert "as in the first recording expected" in reasons["e5.npz"]


def test_several_processes_write_the_same(prepare, folder, tmp_path):
    options = {"layout": "npz", "source_fps": 5.0, "shard_items": 7}
    one = prepare(folder, **options).manifest.fingerprint
    assert prepare(folder, "two", **options, workers=2).manifest.fingerprint == one


def test_nothing_found(prepare, tmp_path):
    with pytest.raises(ValueError, match="No such file or folder"):
        prepare(tmp_path / "none", layout="npz")
    with pytest.raises(ValueError, match=r"No sound recording\. No files were found"):
        prepare(tmp_path, layout="droid")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ValueError, match=r"needs pyarrow; pip install 'jepakit\[trajectories\]'"):
        load_module("pyarrow.parquet")


def test_prepared_clips_feed_the_data_module(prepare, folder, tmp_path):
    from jepakit.batch import BatchRequest
    from jepakit.data.order import Order, Position
    from jepakit.data.transitions.dataset import TransitionBatches
    from jepakit.data.transitions.windows import Windows

    reader = prepare(folder, layout="npz", source_fps=5.0, frames=8)
    batches = TransitionBatches(
        reader,
        order=Order(reader.sizes, shuffle=False),
        request=BatchRequest(3, (16, 16), 8, 1),
        windows=Windows(8, 3),
    )
    batch, _ = batches[[Position(0, number) for number in range(10)]]
    assert batch.actions[:, :, 0].T.tolist() == [[float(n) for n in range(10)]] * 2
    assert Path(reader.path).name == "out"
