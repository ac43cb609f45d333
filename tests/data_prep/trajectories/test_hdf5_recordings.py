import json

import h5py
import numpy as np
import pytest
from robot_files import shades, shown


def robomimic(path, lengths):
    with h5py.File(path, "w") as file:
        for number, length in enumerate(lengths):
            group = file.create_group(f"data/demo_{number}")
            group["obs/agentview_image"] = shades(range(length))
            group["obs/eef_pos"] = 100.0 * number + np.arange(3.0 * length).reshape(length, 3)
            group["obs/gripper"] = np.full(length, 0.5)
            group["actions"] = 100.0 * number + np.arange(2.0 * length).reshape(length, 2)


def test_a_group_for_each_episode(prepare, tmp_path):
    robomimic(tmp_path / "a.hdf5", [4] * 10 + [5])
    options = {"source_fps": 20.0, "states": ["obs/eef_pos", "obs/gripper"]}
    clips = list(prepare(tmp_path / "a.hdf5", layout="hdf5", **options))
    assert [clip.meta["details"]["group"] for clip in clips[:3]] == [
        f"a.hdf5/data/demo_{number}"
        for number in range(3)  # and not 0, 1, 10
    ]
    for number, clip in enumerate(clips):
        assert shown(clip.frames) == [0, 1, 2, 3]
        assert np.array_equal(clip.actions, 100.0 * number + np.arange(8.0).reshape(4, 2))
        assert np.array_equal(clip.states[2, 0], [*(100.0 * number + np.arange(6.0, 9.0)), 0.5])
    assert len(clips) == 11


@pytest.mark.parametrize(("name", "values"), [("ep_len", [5, 4, 8]), ("episode_ends", [5, 9, 17])])
def test_episodes_in_one_row(prepare, tmp_path, name, values):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["pixels"] = shades(range(17))
        file["action"] = np.arange(34.0).reshape(17, 2)
        file["proprio"] = np.arange(17.0)
        file[name] = np.asarray(values)
    clips = list(prepare(tmp_path / "a.h5", layout="hdf5", source_fps=10.0))
    assert [shown(clip.frames)[0] for clip in clips] == [0, 5, 9, 13]
    assert [clip.actions[0, 0] for clip in clips] == [0.0, 10.0, 18.0, 26.0]
    assert [clip.states[0, 0, 0] for clip in clips] == [0.0, 5.0, 9.0, 13.0]


def test_a_file_that_is_one_episode_and_a_damaged_one(prepare, tmp_path):
    folder = tmp_path / "src"
    folder.mkdir()
    with h5py.File(folder / "a.h5", "w") as file:
        file["frames"], file["actions"] = shades(range(4)), np.arange(8.0).reshape(4, 2)
    (clip,) = prepare(folder, layout="hdf5", source_fps=10.0)
    assert shown(clip.frames) == [0, 1, 2, 3]
    (folder / "b.h5").write_bytes((folder / "a.h5").read_bytes()[:100])
    (clip,) = prepare(folder, "second", layout="hdf5", source_fps=10.0)
    (reject,) = json.loads((tmp_path / "second" / "rejects.json").read_bytes())
    assert reject["item"] == "b.h5"
