"""Errors that end a run with one line, because their message says what to do."""

from __future__ import annotations

import traceback
from pathlib import Path

from lightning.fabric.utilities.exceptions import MisconfigurationException

from jepakit.training.checkpoint_io import CorruptCheckpointError
from jepakit.training.finite_guard import NonFiniteStepError

REFUSALS = (
    ValueError,
    OSError,
    MisconfigurationException,
    CorruptCheckpointError,
    NonFiniteStepError,
)


def last_words(error: Exception, failures: Path, *, rank: int) -> str:
    """What to print of ``error`` before the program ends.

    Most messages stand alone. Should one not, its traceback is in ``failures``, if the run got as
    far as having a folder.
    """
    file = failures / f"traceback-rank-{rank}.txt"
    if not failures.parent.exists():
        return f"error: {error}"
    try:
        failures.mkdir(exist_ok=True)
        file.write_text("".join(traceback.format_exception(error)))
    except OSError:  # a full disk may be what ended the run
        return f"error: {error}"
    return f"error: {error}\n(The traceback is in {file}.)"
