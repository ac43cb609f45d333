"""A folder of tiny videos."""

from __future__ import annotations

from pathlib import Path

import pytest
from gray_videos import write_video


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven videos of 20 to 38 frames in two classes."""
    folder = tmp_path_factory.mktemp("videos")
    for number in range(7):
        write_video(folder / "ab"[number % 2] / f"v{number}.mp4", 20 + 3 * number)
    return folder
