"""How closely the PHYRE world follows the official simulator's own records.

``python -m bench.phyre_fidelity``. The records (``phyre_*_reference.npz``: statuses of 20 actions
on 50 tasks a tier, images and objects of the first two) lie in ``../shared/data/phyre``
beside the repository; without them only the random agent is scored.

Pixels are compared twice: the official states drawn by the own rasteriser, and the own simulation
end to end. The latter differs where rounding inside the engine's continuous collision (PHYRE was
built with a newer Box2D) grows in scenes with many collisions.
"""

from __future__ import annotations

import argparse
import json
import lzma
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.harness import emit, show
from worlds import phyre
from worlds.phyre import Simulation, Status, Task
from worlds.phyre.features import poses_of
from worlds.phyre.task import COLOURS, SIZE
from worlds.phyre.task_file import PLACES
from worlds.raster import rasterise

TIERS = ("ball", "two_balls")
SETUPS = ("ball_cross_template", "ball_within_template")
Recorded = tuple[Simulation, NDArray[np.uint8], NDArray[np.float32]]


def same_statuses(tasks: Mapping[str, Task], record: Mapping[str, Any]) -> tuple[int, int]:
    """How many statuses equal the official ones, and of how many."""
    found = [
        [phyre.attempt(tasks[str(identity)], action) for action in actions]
        for identity, actions in zip(record["task_ids"], record["actions"], strict=True)
    ]
    return int((np.array(found) == record["status"]).sum()), record["status"].size


def recorded(tasks: Mapping[str, Task], record: Mapping[str, Any]) -> Iterator[Recorded]:
    """Own simulation, official images and official objects of every recorded action."""
    for name in record:
        if name.startswith("images"):
            task, action = map(int, name.split("_")[1:])
            own = phyre.simulate(
                tasks[str(record["task_ids"][task])],
                record["actions"][task, action],
                log_contacts=False,
            )
            yield own, record[name], record[name.replace("images", "objects")]


def compare(runs: Iterator[Recorded]) -> dict[str, Any]:
    """Pixels and objects, summed over the recorded runs."""
    pixels = drawn = played = lengths = 0
    shifts, features = [], []
    for own, images, objects in runs:
        lengths += len(own.images) != len(images)
        pixels += images.size
        drawn += int((official_poses_drawn(own, objects) != images).sum())
        played += int((own.images[: len(images)] != images[: len(own.images)]).sum())
        gap = np.abs(own.objects[: len(objects)] - objects[: len(own.objects)])
        gap[..., 2] = np.minimum(gap[..., 2], 1.0 - gap[..., 2])
        features.append(gap)
        shifts.append(float(gap[..., :2].max()) * SIZE)
    return {
        "runs": len(shifts),
        "lengths_differ": lengths,
        "pixels": pixels,
        "pixels_wrong_from_official_poses": drawn,
        "pixels_wrong_end_to_end": played,
        "largest_shift_px_median_run": float(np.median(shifts)),
        "runs_within_1_px": sum(shift < 1.0 for shift in shifts),
        "first_frame_largest_difference": float(max(gap[0].max() for gap in features)),
    }


def official_poses_drawn(own: Simulation, objects: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The official simulator's states drawn by the own rasteriser."""
    tops = rasterise(
        [body.shapes for body in own.bodies],
        poses_of(own.bodies, objects),
        size=(SIZE, SIZE),
        scale=1.0,
        top_first=False,
    )
    return np.array([0, *(COLOURS.index(body.colour) for body in own.bodies)], np.uint8)[tops]


def random_agent(tasks: Mapping[str, Task], setup: str, *, per_fold: int, seed: int) -> list[float]:
    """AUCCESS of guessing on folds 0 to 9 of a setup, on evenly spread test tasks."""
    known: dict[str, list[Status]] = {}
    scores = []
    for number in range(10):
        test = phyre.fold(setup, number, tasks).test
        chosen = [test[i * len(test) // per_fold] for i in range(per_fold)]
        for identity in chosen:
            if identity not in known:
                known[identity] = phyre.guess(tasks[identity], seed)
        scores.append(phyre.auccess({identity: known[identity] for identity in chosen}))
    return scores


def folds_equal(tasks: Mapping[str, Task], path: Path) -> int:
    """How many of the official folds come out equal."""
    with lzma.open(path) as stream:
        official = json.load(stream)
    return sum(
        [list(ids) for ids in phyre.fold(setup, int(seed), tasks)] == expected
        for setup, seeds in official.items()
        for seed, expected in seeds.items()
    )


def main() -> None:
    """Print tables and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", help="path of tasks.bin.lzma")
    parser.add_argument("--records", type=Path, default=PLACES[1].parent)
    parser.add_argument("--per-fold", type=int, default=50, help="test tasks per fold; 0: none")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    path = phyre.find_tasks(arguments.tasks)
    if path is None:
        raise SystemExit("No PHYRE task file; get it with: python -m worlds.phyre.fetch")
    tasks = phyre.load_tasks(path)
    figures: dict[str, Any] = {}
    for tier in TIERS:
        file = arguments.records / f"phyre_{tier}_reference.npz"
        if file.is_file():
            figures[tier] = report(tier, tasks, dict(np.load(file)))
    if (arguments.records / "folds.json.xz").is_file():
        figures["folds_equal_of_40"] = folds_equal(tasks, arguments.records / "folds.json.xz")
    if arguments.per_fold:
        scores = {
            setup: random_agent(tasks, setup, per_fold=arguments.per_fold, seed=arguments.seed)
            for setup in SETUPS
        }
        means = {setup: float(np.mean(folds)) for setup, folds in scores.items()}
        figures["random_auccess"] = {s: {"mean": means[s], "folds": scores[s]} for s in SETUPS}
        show(
            f"AUCCESS of the random agent, {arguments.per_fold} test tasks per fold",
            ("fold", *SETUPS),
            [
                *([fold, *row] for fold, row in enumerate(zip(*scores.values(), strict=True))),
                ["mean", *means.values()],
            ],
        )
    emit("phyre_fidelity", figures)


def report(tier: str, tasks: Mapping[str, Task], record: Mapping[str, Any]) -> dict[str, Any]:
    """Compare one tier and print its table."""
    equal, statuses = same_statuses(tasks, record)
    figures = compare(recorded(tasks, record))
    share = {
        name: 1.0 - figures[f"pixels_wrong_{name}"] / figures["pixels"]
        for name in ("from_official_poses", "end_to_end")
    }
    rows = [("statuses equal", f"{equal} of {statuses}")]
    rows += [(f"pixels equal, {name.replace('_', ' ')}", f"{v:.4%}") for name, v in share.items()]
    rows += [(name.replace("_", " "), value) for name, value in figures.items()]
    show(f"PHYRE {tier} against the official simulator", ("figure", "value"), rows)
    return {"statuses_equal": equal, "statuses": statuses, **figures, "pixels_equal": share}


if __name__ == "__main__":
    main()
