"""``python -m data_prep COMMAND``: writes data sets, and looks after finished ones."""

from __future__ import annotations

from data_prep.cutting import Cutting
from data_prep.finished.inspection import inspect
from data_prep.finished.merging import merge
from data_prep.finished.splitting import split
from data_prep.finished.verify import verify
from data_prep.job import Job
from data_prep.masks.methods import Finding
from data_prep.prepare import prepare
from data_prep.simulated.cophy_like import cophy_like
from data_prep.simulated.craft_like import craft_like
from data_prep.simulated.demo import demo
from data_prep.simulated.phyre import phyre
from data_prep.simulated.push import push
from data_prep.simulated.scenes import scenes
from data_prep.sources.register import SOURCES
from data_prep.trajectories.command import ClipShape, trajectories
from jepakit.command_line import Command, run_command

# Data sets that are simulated here.
WORLDS = {
    "phyre": Command(phyre, flat={"job": Job}),
    "scenes": Command(scenes, flat={"job": Job}),
    "craft_like": Command(craft_like, flat={"job": Job}),
    "cophy_like": Command(cophy_like, flat={"job": Job}),
    "push": Command(push, flat={"job": Job}),
    "demo": Command(demo),
}
# Data of others.
GROUPS = {"cutting": Cutting, "finding": Finding, "job": Job}
FOREIGN = {
    name: Command(prepare, ("path",), {"source": name}, source.summary, flat=GROUPS)
    for name, source in SOURCES.items()
} | {
    "trajectories": Command(
        trajectories, ("src",), flat={"shape": ClipShape, "finding": Finding, "job": Job}
    )
}
# Finished data sets.
FINISHED = {
    "verify": Command(verify, ("data",)),
    "inspect": Command(inspect, ("data",)),
    "merge": Command(merge, ("out", "inputs")),
    "split": Command(split, ("data",)),
}


def main(arguments: list[str] | None = None) -> None:
    """Run a sub-command; what is wrong with its input is one line and exit code 1."""
    run_command(
        WORLDS | FOREIGN | FINISHED,
        arguments,
        prog="python -m data_prep",
        description="Write data sets of clips with objects, and look after finished ones.",
    )


if __name__ == "__main__":
    main()
