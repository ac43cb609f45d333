"""``python -m data_prep demo``: the clips of ``make demo``, in the size of its recipe."""

from __future__ import annotations

from rich.console import Console

from data_prep.job import Job
from data_prep.simulated.phyre import phyre
from data_prep.simulated.scenes import scenes
from worlds.phyre import find_tasks
from worlds.phyre.fetch import fetch
from worlds.phyre.task_file import PLACES


def demo(out: str = "datasets/demo", *, clips: int = 2560, seed: int = 0, workers: int = 2) -> None:
    """Write the demo's clips: official PHYRE tasks, or designed scenes where these cannot be had.

    The task file is taken from this machine, or else out of the PyPI wheel of phyre 0.2.2.

    Args:
        out: folder of the data set; a run that was stopped continues there.
        clips: training clips; half as many are held out, for narrow intervals.
        seed: of every draw.
        workers: processes.
    """
    reason = missing_tasks()
    if reason is None:
        phyre(
            out,
            clips=clips,
            val_clips=clips // 2,
            tubelet=4,
            solved_share=0.2,
            attempts=15,
            counterfactuals="one",
            seed=seed,
            job=Job(workers=workers),
        )
        return
    note = f"The official PHYRE tasks could not be had, designed scenes take their place: {reason}"
    Console(soft_wrap=True).print(note, markup=False)
    scenes(
        out,
        clips=clips,
        val_clips=clips // 2,
        rate=2.0,
        tubelet=4,
        counterfactuals="one",
        seed=seed,
        job=Job(workers=workers),
        note=note,
    )


def missing_tasks() -> str | None:
    """Why there is no PHYRE task file, after trying to download it; None where there is one."""
    if find_tasks() is not None:
        return None
    try:
        fetch(PLACES[0].parent)
    except ValueError as error:
        return str(error)
    return None
