"""``python -m data_prep phyre|scenes|push|trajectories|demo|verify``; each answers ``--help``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from jsonargparse import auto_cli
from rich.console import Console

from data_prep.demo import demo
from data_prep.phyre import phyre
from data_prep.push import push
from data_prep.scenes import scenes
from data_prep.trajectories.command import trajectories
from data_prep.verify import verify

COMMANDS: list[Callable[..., Any]] = [phyre, scenes, push, trajectories, demo, verify]


def main() -> None:
    """Run a sub-command; what is wrong with arguments or input is one line and exit code 1."""
    try:
        auto_cli(COMMANDS, prog="python -m data_prep", as_positional=False)
    except ValueError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"Error: {error}", markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
