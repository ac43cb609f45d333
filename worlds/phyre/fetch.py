"""Gets the official task files: ``python -m worlds.phyre.fetch DEST``.

They lie in the wheel ``phyre`` 0.2.2 of the Python package index (Apache-2.0). Its simulator only
runs on old versions of Python, but pip downloads the wheel as data for any.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from worlds.phyre.task_file import PLACES

FOLDER = "phyre/data/generated_tasks/"
MEMBERS = {
    "tasks.bin.lzma": "7033e91beef05cc114ad0eb82d2d88a43318bc55f53bbee387489fe70b63c544",
    "tasks01.bin.lzma": "3f769ad3aaa4e5d75e6e72fccde55765a1340031f786d87d60656af0ee8b0ce4",
}
"""SHA-256 of the two files: PHYRE's own tasks, and the tier VIRTUAL_TOOLS."""

WHEEL = (
    *("download", "phyre==0.2.2", "--no-deps", "--only-binary=:all:", "--quiet"),
    *("--python-version", "3.9", "--platform", "manylinux1_x86_64"),
)


def fetch(destination: str | Path) -> Path:
    """Download the wheel with pip (16 MB) and put its two task files into a folder.

    Returns:
        Path of ``tasks.bin.lzma``.

    Raises:
        ValueError: pip failed, or the files are not the expected ones.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", *WHEEL, "--dest", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError(f"pip could not download the wheel phyre 0.2.2: {done.stderr.strip()}")
        (wheel,) = Path(folder).glob("*.whl")
        return extract(wheel, destination)


def extract(wheel: str | Path, destination: str | Path) -> Path:
    """Take the task files out of a wheel that is already there; see `fetch`."""
    contents = {}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for name, expected in MEMBERS.items():
            if FOLDER + name not in names:
                raise ValueError(f"{wheel} has no member {FOLDER}{name}; is it phyre 0.2.2?")
            contents[name] = archive.read(FOLDER + name)
            found = hashlib.sha256(contents[name]).hexdigest()
            if found != expected:
                raise ValueError(f"{name} in {wheel}: expected SHA-256 {expected}, got {found}.")
    Path(destination).mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (Path(destination) / name).write_bytes(content)
    return Path(destination) / "tasks.bin.lzma"


def main() -> None:
    """Entry of ``python -m worlds.phyre.fetch``."""
    parser = argparse.ArgumentParser(description="Download the official PHYRE task files.")
    parser.add_argument("dest", nargs="?", default=PLACES[0].parent, help="folder for the files")
    sys.stdout.write(f"{fetch(parser.parse_args().dest)}\n")


if __name__ == "__main__":
    main()
