from pathlib import Path

import numpy as np
import pytest
from robot_files import poses, shades, shown

from data_prep.trajectories.poses import pose_differences

FRANKA_FILE = Path(__file__).parents[4] / "shared/data/robot/franka_example_traj.npz"


def test_stored_actions_stay_with_their_frames(prepare, tmp_path):
    folder = tmp_path / "src"
    folder.mkdir()
    actions = np.arange(18.0).reshape(9, 2) / 7
    np.savez(folder / "a.npz", frames=shades(range(9)), actions=actions, proprio=actions[:, :1])
    reader = prepare(folder, layout="npz", source_fps=5.0)
    clips = list(reader)
    assert [shown(clip.frames) for clip in clips] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert np.array_equal(np.concatenate([c.actions for c in clips]), actions[:8].astype("<f4"))
    assert np.array_equal(clips[1].states[:, 0], actions[4:8, :1].astype("<f4"))
    assert clips[1].meta["times"] == pytest.approx([0.8, 1.0, 1.2, 1.4])
    description = reader.manifest.description
    assert description.actions.names == ("action_0", "action_1")
    assert description.actions.low == tuple(actions.min(axis=0))
    assert description.actions.high == tuple(actions.max(axis=0))
    assert description.actions.state_names == ("state_0",)
    assert description.proprio == (0, (0,))
    assert description.settings["bounds"] == "minimum and maximum over 1 recordings"


def test_one_action_fewer_than_frames_and_a_leading_axis(prepare, tmp_path):
    actions = np.arange(6.0).reshape(3, 2)
    np.savez(tmp_path / "a.npz", observations=shades(range(4))[None], actions=actions[None])
    (clip,) = prepare(tmp_path / "a.npz", layout="npz", source_fps=5.0)
    assert np.array_equal(clip.actions[:3], actions)
    assert np.isnan(clip.actions[3]).all()
    assert clip.states is None


def test_without_actions_they_are_pose_differences_at_any_rate(prepare, tmp_path):
    states = poses(9)
    np.savez(tmp_path / "a.npz", frames=shades(range(9)), states=states)
    reader = prepare(tmp_path / "a.npz", layout="npz", source_fps=10.0, fps=6.0, bounds="franka")
    (clip,) = reader
    assert shown(clip.frames) == [0, 2, 4, 6]
    assert clip.meta["fps"] == 5.0
    assert np.allclose(clip.actions, pose_differences(states[::2]), atol=1e-7)
    assert reader.manifest.description.actions.low[0] == -0.075


@pytest.mark.skipif(not FRANKA_FILE.exists(), reason=f"{FRANKA_FILE} is not here")
def test_the_real_example_of_an_arm(prepare):
    options = {"frames": 2, "size": 256, "source_fps": 4.0}
    (clip,) = prepare(FRANKA_FILE, layout="npz", **options)
    with np.load(FRANKA_FILE) as file:
        frames, states = file["observations"][0], file["states"][0]
    assert np.array_equal(clip.frames, frames)
    assert np.array_equal(clip.states[:, 0], states)
    assert np.allclose(clip.actions[0], pose_differences(states)[0], atol=1e-7)
    assert np.isnan(clip.actions[1]).all()


@pytest.mark.parametrize(
    ("arrays", "options", "words"),
    [
        ({"pictures": shades(range(4))}, {}, r"no pictures; it has \['pictures'\]. Set --camera"),
        ({"frames": shades(range(4))}, {}, "need states of 7 numbers"),
        ({"frames": shades(range(4))}, {"actions": "stored"}, "No stored actions; take --actions"),
        ({"frames": shades(range(4)), "actions": np.zeros((4, 2))}, {"fps": 2.0}, "leave --fps"),
        ({"frames": shades(range(4)), "actions": np.zeros((2, 2))}, {}, "2 actions for 4 moments"),
        ({"frames": np.stack([shades(range(4))] * 2)}, {}, r"axis of length 1\) expected, came"),
        ({"frames": shades(range(1)), "actions": np.zeros((0, 2))}, {}, "no action between them"),
        ({"frames": shades(range(4))}, {"source_fps": None}, "give --source_fps"),
    ],
)
def test_what_is_missing_is_named(prepare, tmp_path, arrays, options, words):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=words):
        prepare(tmp_path / "a.npz", **{"layout": "npz", "source_fps": 5.0, **options})
