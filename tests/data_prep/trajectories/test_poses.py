from pathlib import Path

import numpy as np
import pytest
import torch
from robot_files import poses

from data_prep.trajectories.poses import pose_differences
from jepakit.actions import FRANKA

FIXTURE = Path(__file__).parents[4] / "shared/fixtures/vjepa2/official_planning_tiny.pt"


@pytest.mark.skipif(not FIXTURE.exists(), reason=f"{FIXTURE} is not here")
def test_pose_differences_equal_the_official_ones():
    fixture = torch.load(FIXTURE, weights_only=True)
    came = pose_differences(fixture["poses"].numpy())
    assert np.abs(came - fixture["diffs"].numpy()).max() < 1e-6


def test_an_arm_that_does_what_it_did_arrives_where_it_was():
    path = poses(20)
    path[:, 6] = np.linspace(0.1, 0.9, 20)
    states, actions = torch.from_numpy(path), torch.from_numpy(pose_differences(path))
    moved = FRANKA.moved(states[:-1], actions)
    assert (moved - states[1:]).abs().max() < 1e-12


def test_a_turn_about_one_axis_is_the_difference_of_angles():
    path = np.zeros((3, 7))
    path[:, 5] = [3.0, 3.2, -3.0]  # across the jump at pi
    expected = [0.2, 2 * np.pi - 6.2]
    assert np.allclose(pose_differences(path)[:, 5], expected, atol=1e-12)


def test_states_of_another_width_are_no_poses():
    with pytest.raises(ValueError, match=r"need states of 7 numbers .*, came \(6,\)"):
        pose_differences(np.zeros((3, 6)))
