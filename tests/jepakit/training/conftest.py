"""Lightning 2.6 calls things that torch 2.15 and jsonargparse 4.49 deprecate."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
IGNORED = (
    "ignore:.*treespec, LeafSpec.*:FutureWarning",
    r"ignore:\s*By default only one JsonargparseDeprecationWarning:DeprecationWarning",
    r"ignore:\s*``instantiate_classes`` was deprecated:DeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            for ignored in IGNORED:
                item.add_marker(pytest.mark.filterwarnings(ignored))
