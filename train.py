"""Train a model: ``python train.py --config FILE [--config OVERRIDE] [--key value]``.

Writes ``runs/NAME``. ``--resume true`` continues a run (with ``--name`` alone its own configuration
is taken), ``--dry-run`` builds everything and takes one step without writing, ``--print_config``
shows every option with its value.
"""

import os

# Threads that spin while they wait steal the time of data workers and of other programs: with busy
# neighbours a step was measured 5 times slower. Has to be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from jepakit.training.cli import TrainCLI


def main() -> None:
    """Parse, build, train."""
    TrainCLI().fit()


if __name__ == "__main__":
    main()
