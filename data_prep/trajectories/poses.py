"""Actions of an arm that are told by its poses: what leads from each pose to the next."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

POSE = ("x", "y", "z", "roll", "pitch", "yaw", "gripper")


def pose_differences(poses: Float[ndarray, "t 7"]) -> Float[ndarray, "rows 7"]:
    """``[p' - p, euler_xyz(R' R^T), g' - g]`` for consecutive poses: the actions of V-JEPA 2-AC.

    Source: V-JEPA 2, section 3.1. Poses are metres, extrinsic xyz Euler angles in rad, and the
    gripper's closing; so are the differences, computed in float64.

    Raises:
        ValueError: poses of another width.
    """
    if poses.ndim != 2 or poses.shape[1] != len(POSE):
        raise ValueError(
            f"Pose differences need states of {len(POSE)} numbers {POSE}, came {poses.shape[1:]}."
        )
    import torch  # here, so that --help need not wait for it

    from jepakit.rotations import matrix_of_euler, to_euler

    rotations = matrix_of_euler(torch.from_numpy(poses[:, 3:6].astype(np.float64)))
    turned = to_euler(rotations[1:] @ rotations[:-1].transpose(-1, -2)).numpy()
    steps = np.diff(poses.astype(np.float64), axis=0)
    return np.concatenate([steps[:, :3], turned, steps[:, 6:]], axis=1)
