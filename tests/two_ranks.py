"""Runs a program as two processes that talk through gloo."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path


def run_two_ranks(program: str, folder: Path, *arguments: str) -> None:
    """Run ``program`` in ``folder`` with these arguments; it may import what this process may.

    Args:
        program: source of a Python program, which finds its rank in the environment.
        folder: where it is written, and where it runs.
        arguments: of the program.

    Raises:
        AssertionError: it failed; the message is the end of what it wrote.
    """
    path = folder / "ranks.py"
    path.write_text('import warnings\nwarnings.simplefilter("ignore")\n' + program)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += [f"--master-port={port}", str(path), *arguments]
    threads = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    paths = {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | threads | paths,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-4000:]
