"""Fixtures shared by the tests of preparation."""

from __future__ import annotations

import pytest
from noise_items import DESCRIPTION, NoiseItem

from jepakit.data.manifest import Description


@pytest.fixture
def noise() -> type[NoiseItem]:
    return NoiseItem


@pytest.fixture
def description() -> Description:
    return DESCRIPTION
