import numpy as np
import pytest
from task_bytes import WALLS, ball, bar, box

from worlds.phyre.features import centroid_height, featurise, poses_of
from worlds.phyre.task import TaskBody
from worlds.scene import Polygon

LOW, HIGH = Polygon(((0, 0), (4, 0), (4, 2), (0, 2))), Polygon(((0, 2), (2, 2), (2, 10), (0, 10)))
JAR = TaskBody((50.0, 60.0), (LOW, HIGH), True, "gray", "jar", 0.0, 30.0)
BODIES = (*WALLS, ball(60.0, 80.0), JAR, bar(200.0, 30.0, 64.0, 0.4))


def random_poses(frames=6):
    poses = np.random.default_rng(0).uniform([0, 0, -20], [256, 256, 20], (frames, len(BODIES), 3))
    for index, body in enumerate(WALLS):
        poses[:, index] = (*body.position, body.angle)
    return poses.astype(np.float32)


def test_layout_of_the_features():
    poses = random_poses()
    features = featurise(BODIES, poses)
    assert features.shape == (6, 3, 14)
    np.testing.assert_array_equal(features[:, [0, 2], :2], poses[:, [4, 6], :2] / 256)
    assert (features[..., 2] >= 0).all()
    assert (features[..., 2] <= 1).all()
    turned = features[..., 2].astype(float) * 2 * np.pi - poses[:, 4:, 2]
    np.testing.assert_allclose(np.cos(turned), 1.0, atol=1e-6)
    np.testing.assert_array_equal(features[0, :, 3] * 256, [20.0, 30.0, 64.0])
    np.testing.assert_array_equal(features[0, :, 4:8], np.eye(4)[[0, 2, 1]])
    np.testing.assert_array_equal(features[0, :, 8:], np.eye(6)[[1, 4, 3]])


def test_jars_are_placed_by_their_centre_of_mass():
    # Two parts of areas 8 and 16 with centroids at heights 1 and 6.
    assert centroid_height(JAR) == pytest.approx((8 * 1 + 16 * 6) / 24)
    assert centroid_height(bar(0.0, 0.0, 9.0)) == pytest.approx(0.0)
    upright = np.zeros((1, len(BODIES), 3), np.float32)
    assert featurise(BODIES, upright)[0, 1, 1] * 256 == pytest.approx(104 / 24)
    assert box(2.0, 2.0).vertices[0] == (1.0, 1.0)


def test_poses_come_back():
    poses = random_poses()
    back = poses_of(BODIES, featurise(BODIES, poses))
    np.testing.assert_allclose(back[..., :2], poses[..., :2], atol=1e-4)
    np.testing.assert_allclose(np.cos(back[..., 2] - poses[..., 2]), 1.0, atol=1e-6)
