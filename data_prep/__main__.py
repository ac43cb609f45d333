"""``python -m data_prep phyre|scenes|demo|verify``; each answers ``--help``."""

from __future__ import annotations

import sys

from jsonargparse import auto_cli
from rich.console import Console

from data_prep.demo import demo
from data_prep.phyre import phyre
from data_prep.scenes import scenes
from data_prep.verify import verify


def main() -> None:
    """Run a sub-command; what is wrong with arguments or input is one line and exit code 1."""
    try:
        auto_cli([phyre, scenes, demo, verify], prog="python -m data_prep", as_positional=False)
    except ValueError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"Error: {error}", markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
