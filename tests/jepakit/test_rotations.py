"""Euler angles and matrices, both ways, and poses as another pose sees them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from jepakit.rotations import in_frame, matrix_of_euler, to_euler

FIXTURE = Path(__file__).resolve().parents[3] / "shared/fixtures/vjepa2/official_planning_tiny.pt"


def angles(count: int = 200) -> Tensor:
    """The second within a quarter turn, the others anywhere."""
    drawn = torch.rand(count, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (2 * drawn - 1) * torch.tensor([math.pi, math.pi / 2 - 0.01, math.pi])


def test_matrices_are_those_of_scipy() -> None:
    expected = torch.from_numpy(Rotation.from_euler("xyz", angles().numpy()).as_matrix())
    assert torch.allclose(matrix_of_euler(angles()), expected, atol=1e-12)


def test_there_and_back() -> None:
    assert torch.allclose(to_euler(matrix_of_euler(angles())), angles(), atol=1e-9)


@pytest.mark.parametrize("second", [math.pi / 2, -math.pi / 2])
def test_at_a_quarter_turn_the_rotation_survives(second: float) -> None:
    """The angles are not unique there, yet the matrix is kept."""
    matrix = matrix_of_euler(torch.tensor([0.4, second, -0.9], dtype=torch.float64))
    found = to_euler(matrix)
    assert found.isfinite().all()
    assert found[1].item() == pytest.approx(second, abs=1e-6)


def test_poses_in_a_frame() -> None:
    """Undone by composing with the frame; a frame sees itself at 0."""
    generator = torch.Generator().manual_seed(1)
    positions = torch.randn(2, 200, 3, generator=generator, dtype=torch.float64)
    poses, frames = (torch.cat([p, angles()], dim=-1) for p in positions)
    frames = frames.roll(1, dims=0)
    seen = in_frame(poses, frames)
    turn = matrix_of_euler(frames[:, 3:])
    back = (turn @ seen[:, :3].unsqueeze(-1)).squeeze(-1) + frames[:, :3]
    assert torch.allclose(back, poses[:, :3], atol=1e-9)
    both = turn @ matrix_of_euler(seen[:, 3:])
    assert torch.allclose(both, matrix_of_euler(poses[:, 3:]), atol=1e-9)
    assert in_frame(poses, poses).abs().max() < 1e-9


def test_recorded_camera_frame() -> None:
    if not FIXTURE.is_file():
        pytest.skip(f"no recorded outputs: {FIXTURE.name} is not beside the repository")
    record = torch.load(FIXTURE, weights_only=True)
    found = in_frame(record["poses"][:, :6], record["extrinsics"])
    assert torch.allclose(found, record["poses_in_camera_frame"][:, :6], atol=1e-12, rtol=0)
