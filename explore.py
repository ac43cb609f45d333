"""Look inside a video model: ``python explore.py``, or ``explore.py export`` with no browser."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

# Idle OpenMP threads must not spin; has to be set before torch is imported, which waits until the
# arguments are known to be right.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from explorer.app.serve import serve
from explorer.export import export
from jepakit.command_line import Command, run_command

COMMANDS = {"serve": Command(serve), "export": Command(export)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command and its options, and run it; without a command the app is served."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or (words[0] not in COMMANDS and words[0] not in ("-h", "--help")):
        words = ["serve", *words]
    description = "Look inside a video model. Without a command the app is served."
    run_command(COMMANDS, words, prog="explore.py", description=description)


if __name__ == "__main__":
    main()
