"""Evaluate a trained run: ``python evaluate.py probe runs/NAME --data DIR``."""

from __future__ import annotations

import os
from collections.abc import Sequence

# Idle OpenMP threads must not spin; has to be set before torch is imported, which waits until the
# arguments are known to be right.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from jepakit.command_line import Command, run_command
from jepakit.evals.commands.cophy import CophyOptions, cophy
from jepakit.evals.commands.craft import CraftOptions, craft
from jepakit.evals.commands.fidelity import fidelity
from jepakit.evals.commands.images import ImageOptions, images
from jepakit.evals.commands.interventions import interventions
from jepakit.evals.commands.phyre import PhyreOptions, phyre
from jepakit.evals.commands.predict import predict
from jepakit.evals.commands.probe import probe
from jepakit.evals.commands.repair import RepairOptions, repair
from jepakit.evals.commands.report import report
from jepakit.evals.commands.states import StatesOptions, states
from jepakit.evals.commands.table import table
from vjepa2.classify import Classify

RUN = ("run",)
COMMANDS = {
    "probe": Command(probe, RUN),
    "classify": Command(Classify, RUN),
    "predict": Command(predict, RUN),
    "phyre": Command(phyre, RUN, flat={"options": PhyreOptions}),
    "craft": Command(craft, RUN, flat={"options": CraftOptions}),
    "cophy": Command(cophy, RUN, flat={"options": CophyOptions}),
    "fidelity": Command(fidelity, RUN),
    "interventions": Command(interventions, RUN),
    "images": Command(images, RUN, flat={"options": ImageOptions}),
    "states": Command(states, RUN, flat={"options": StatesOptions}),
    "repair": Command(repair, ("models",), flat={"options": RepairOptions}),
    "report": Command(report, RUN),
    "table": Command(table, ("name",)),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command and its options, and run it."""
    run_command(COMMANDS, arguments, prog="evaluate.py", description="Evaluate a trained run.")


if __name__ == "__main__":
    main()
