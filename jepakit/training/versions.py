"""Which software made a run."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

PACKAGES = ("torch", "lightning", "numpy")
ROOT = Path(__file__).resolve().parents[2]


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Of Python, of this code and of packages; those that are not installed are left out.

    Args:
        packages: by default those that decide what a run computes.
    """
    found = {"python": platform.python_version(), "jepakit": _own_version()}
    for package in packages:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def code_version(root: Path = ROOT) -> str:
    """``0.1.0``, and of a git checkout its commit: ``0.1.0 (0f3a9c51d2e4, changed)``.

    As it is now, which is what a process that starts now will run.

    Args:
        root: folder above the package. ``changed``: files that git tracks differ from the commit;
            what it does not track is not looked at.
    """
    number = _number(root)
    if not (root / ".git").exists():  # installed; a repository around it is somebody else's
        return number
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return f"{number} (commit unknown)"
    return f"{number} ({commit}{', changed' if changes else ''})"


@functools.cache
def _own_version() -> str:
    """As it was when first asked: a process goes on with the code that it began with."""
    return code_version()


def _number(root: Path) -> str:
    project = root / "pyproject.toml"
    if project.exists():
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
    try:
        return metadata.version("jepakit")
    except metadata.PackageNotFoundError:  # a bare copy of the folders
        return "version unknown"


def _git(root: Path, *words: str) -> str | None:
    """What git answers; None where there is no git, or it refuses the folder."""
    # A hook that starts a run speaks of its own repository in such variables.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(root), *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env=clean,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
