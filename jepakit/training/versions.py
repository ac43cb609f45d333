"""Which software made a run."""

from __future__ import annotations

import platform
from importlib import metadata

PACKAGES = ("jepakit", "torch", "lightning", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide what a run computes."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"  # a checkout that runs in place has no metadata
    return found
