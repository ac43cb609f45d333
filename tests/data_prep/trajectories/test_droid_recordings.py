import json

import numpy as np
import pytest
from robot_files import shown, write_droid, write_video

from data_prep.trajectories.poses import pose_differences


@pytest.mark.parametrize("camera", ["111", "ext1"])
def test_rows_frames_and_actions_belong_together(prepare, tmp_path, camera):
    states = write_droid(tmp_path / "src/lab/one", 13, fps=12)
    reader = prepare(tmp_path / "src", layout="droid", camera=camera, frames=3)
    clips = list(reader)
    assert [shown(clip.frames) for clip in clips] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    joined = np.concatenate([clip.states[:, 0] for clip in clips])
    assert np.allclose(joined, states[:12], atol=1e-6)
    actions = np.concatenate([clip.actions for clip in clips])
    assert np.allclose(actions, pose_differences(states)[:12], atol=1e-6)
    space = reader.manifest.description.actions
    assert space.state_names == ("x", "y", "z", "roll", "pitch", "yaw", "gripper")
    assert np.allclose(space.low, pose_differences(states).min(axis=0))
    assert len(space.changes) == 3


def test_every_so_many_frames_are_kept(prepare, tmp_path):
    states = write_droid(tmp_path / "src/one", 13, fps=12)
    options = {"layout": "droid", "camera": "ext1", "frames": 4}
    (clip,) = prepare(tmp_path / "src", fps=5.0, **options)  # ceil(12 / 5) = 3
    assert shown(clip.frames) == [0, 3, 6, 9]
    assert np.allclose(clip.actions, pose_differences(states[::3]), atol=1e-6)
    assert clip.meta["fps"] == pytest.approx(4.0)
    (clip,) = prepare(tmp_path / "src", "other", fps=4.0, **options)  # 12 / 4 is 3 and not 4
    assert shown(clip.frames) == [0, 3, 6, 9]


def test_which_cameras_there_are_is_said(prepare, tmp_path):
    write_droid(tmp_path / "src/one", 6)
    for camera in (None, "left"):
        with pytest.raises(
            ValueError, match=r"there are \['111', '222'\], named \['ext1', 'wrist'"
        ):
            prepare(tmp_path / "src", layout="droid", camera=camera)


def test_damaged_episodes_are_listed_and_not_fatal(prepare, tmp_path):
    source = tmp_path / "src"
    for number in range(5):
        write_droid(source / f"e{number}", 6, seed=number)
    write_video(source / "e1/recordings/MP4/111.mp4", range(20), fps=12)
    video = source / "e2/recordings/MP4/111.mp4"
    video.write_bytes(video.read_bytes()[:200])
    trajectory = source / "e3/trajectory.h5"
    trajectory.write_bytes(trajectory.read_bytes()[:500])
    reader = prepare(source, layout="droid", camera="111")
    assert [clip.meta["details"]["group"] for clip in reader] == ["e0", "e4"]
    rejects = json.loads((tmp_path / "out/rejects.json").read_bytes())
    assert [reject["item"] for reject in rejects] == ["e1", "e2", "e3"]
    assert "111.mp4 has 20 frames, trajectory.h5 has 6 rows" in rejects[0]["reason"]
