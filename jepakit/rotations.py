"""Rotations in space: Euler angles (extrinsic xyz, rad) and matrices, both ways."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def matrix_of_euler(angles: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """``Rz(c) Ry(b) Rx(a)``: about the fixed axes x, y, z, in this order."""
    (ca, cb, cc), (sa, sb, sc) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    rows = [
        [cc * cb, cc * sb * sa - sc * ca, cc * sb * ca + sc * sa],
        [sc * cb, sc * sb * sa + cc * ca, sc * sb * ca - cc * sa],
        [-sb, cb * sa, cb * ca],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def to_euler(matrix: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3"]:
    """The inverse of :func:`matrix_of_euler`, with the second angle within +-pi/2."""
    first = torch.atan2(matrix[..., 2, 1], matrix[..., 2, 2])
    second = torch.atan2(-matrix[..., 2, 0], matrix[..., 2, 1].hypot(matrix[..., 2, 2]))
    third = torch.atan2(matrix[..., 1, 0], matrix[..., 0, 0])
    return torch.stack([first, second, third], dim=-1)


def in_frame(poses: Float[Tensor, "*b 6"], frames: Float[Tensor, "*b 6"]) -> Float[Tensor, "*b 6"]:
    """Poses as seen from the axes of other poses, such as an arm's from its camera.

    With position ``p`` and rotation ``R`` of a frame, ``x`` becomes ``R^T (x - p)`` and a rotation
    ``Q`` becomes ``R^T Q``.

    Args:
        poses: position, then Euler angles.
        frames: the pose of the other axes, in the axes of ``poses``.
    """
    back = matrix_of_euler(frames[..., 3:]).mT
    position = (back @ (poses[..., :3] - frames[..., :3]).unsqueeze(-1)).squeeze(-1)
    rotation = to_euler(back @ matrix_of_euler(poses[..., 3:]))
    return torch.cat([position, rotation], dim=-1)
