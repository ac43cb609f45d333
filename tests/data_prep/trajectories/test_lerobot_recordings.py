import json

import numpy as np
import pytest
from robot_files import shown, write_lerobot, write_video


@pytest.mark.parametrize(
    ("version", "pictures"), [("v2.1", "video"), ("v2.0", "image"), ("v3.0", "video")]
)
def test_tables_and_pictures_belong_together(prepare, tmp_path, version, pictures):
    write_lerobot(tmp_path / "src", [5, 4, 9], version=version, pictures=pictures)
    reader = prepare(tmp_path / "src", layout="lerobot")
    clips = list(reader)
    firsts = [(0, 0), (1, 0), (2, 0), (2, 4)]
    assert len(clips) == 4
    for clip, (episode, first) in zip(clips, firsts, strict=True):
        steps = np.arange(first, first + 4)
        assert shown(clip.frames) == steps.tolist()
        assert np.array_equal(clip.actions, np.stack([100.0 * episode + steps, -steps], axis=1))
        assert np.array_equal(clip.states[:, 0, 0], 100.0 * episode + steps)
        assert clip.meta["fps"] == 10.0
    space = reader.manifest.description.actions
    assert (space.names, space.state_names) == (("left", "right"), ("a", "b", "c"))
    assert (space.low, space.high) == ((0.0, -8.0), (208.0, 0.0))


def test_what_never_changes_has_bounds_that_can_be_normalised(prepare, tmp_path):
    write_lerobot(tmp_path / "src", [4], version="v2.1", pictures="image")
    options = {"layout": "lerobot", "action_name": "observation.state"}
    space = prepare(tmp_path / "src", **options).manifest.description.actions
    assert (space.low, space.high) == ((0.0, 0.0, 1.0), (3.0, 2.0, 3.0))


def test_given_bounds(prepare, tmp_path):
    write_lerobot(tmp_path / "src", [4], version="v2.1", pictures="image")
    reader = prepare(tmp_path / "src", layout="lerobot", bounds=[1.0, 2.0])
    assert reader.manifest.description.actions.low == (-1.0, -2.0)
    for bounds, words in (([1.0], "One bound for each"), ("franka", "pose differences alone")):
        with pytest.raises(ValueError, match=words):
            prepare(tmp_path / "src", "other", layout="lerobot", bounds=bounds)


def test_a_wrong_camera_and_a_wrong_folder_are_named(prepare, tmp_path):
    with pytest.raises(ValueError, match=r"has no meta/info\.json"):
        prepare(tmp_path, layout="lerobot")
    write_lerobot(tmp_path / "src", [4], version="v2.1", pictures="image")
    with pytest.raises(ValueError, match=r"No camera 'wrist'; .* \['observation.images.top'\]"):
        prepare(tmp_path / "src", layout="lerobot", camera="wrist")


def test_paths_that_lead_out_are_refused(prepare, tmp_path):
    write_lerobot(tmp_path / "src", [4], version="v2.1", pictures="image")
    path = tmp_path / "src/meta/info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "data_path": "../x.parquet"}))
    with pytest.raises(ValueError, match="leads out of the data set"):
        prepare(tmp_path / "src", layout="lerobot")


def test_frames_that_do_not_lie_at_their_timestamps_are_rejected(prepare, tmp_path):
    write_lerobot(tmp_path / "src", [4, 4], version="v3.0", pictures="video")
    path = tmp_path / "src/meta/info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "fps": 40}))
    video = next((tmp_path / "src").rglob("*.mp4"))
    write_video(video, range(3), fps=10)
    with pytest.raises(ValueError, match=r"No input gave a clip.*do not lie at the table's"):
        prepare(tmp_path / "src", layout="lerobot")
