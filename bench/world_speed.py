"""How fast worlds are made on one core: PHYRE simulations, and frames with label maps.

``python -m bench.world_speed``. CPU seconds, medians over rounds of the same work.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bench.harness import emit, interleave, show
from worlds import phyre, scenes
from worlds.phyre import Simulation, Task
from worlds.phyre.trial import Action

GOALS = {"PHYRE status only": 40.0, "PHYRE frames and labels, 128 px": 2000.0}


def valid_actions(tasks: dict[str, Task], count: int, seed: int = 0) -> list[tuple[Task, Action]]:
    """One valid random action for each of ``count`` tasks spread over the benchmark's tiers."""
    pool = [task for task in tasks.values() if task.tier in ("BALL", "TWO_BALLS")]
    chosen = [pool[i * len(pool) // count] for i in range(count)]
    return [
        (task, next(a for a in phyre.random_actions(task, seed) if phyre.place(task, a)))
        for task in chosen
    ]


def fresh(played: list[Simulation]) -> list[Simulation]:
    """The same simulations, nothing drawn yet."""
    return [
        Simulation(s.task, s.balls, s.status, s.identities, s.trajectory, s.solved_at)
        for s in played
    ]


def draw(played: list[Simulation], size: int) -> None:
    """RGB frames and label maps of all simulations."""
    for simulation in fresh(played):
        simulation.frames(size)
        simulation.label_maps(size)


def play_scenes(clips: int, size: int) -> None:
    """Simulate designed scenes of every layout and draw them."""
    names = list(scenes.LAYOUTS)
    for seed in range(clips):
        clip = scenes.simulate(scenes.sample(names[seed % len(names)], seed), size=size)
        assert clip.frames.shape[:3] == clip.labels.shape


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", help="path of tasks.bin.lzma")
    parser.add_argument("--simulations", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    path = phyre.find_tasks(arguments.tasks)
    if path is None:
        raise SystemExit("No PHYRE task file; get it with: python -m worlds.phyre.fetch")
    jobs = valid_actions(phyre.load_tasks(path), arguments.simulations)
    played = [phyre.simulate(*job) for job in jobs]
    frames = sum(len(simulation.states) for simulation in played)
    clips = 24
    work: dict[str, tuple[int, str, Callable[[], object]]] = {
        "PHYRE status only": (
            len(jobs),
            "simulations/s",
            lambda: [phyre.attempt(*j) for j in jobs],
        ),
        "PHYRE states and contact log": (
            len(jobs),
            "simulations/s",
            lambda: [phyre.simulate(*j).contacts for j in jobs],
        ),
        "PHYRE frames and labels, 128 px": (frames, "frames/s", lambda: draw(played, 128)),
        "PHYRE frames and labels, 224 px": (frames, "frames/s", lambda: draw(played, 224)),
        "designed scenes, physics to pixels, 128 px": (
            16 * clips,
            "frames/s",
            lambda: play_scenes(clips, 128),
        ),
    }
    timings = interleave({name: run for name, (_, _, run) in work.items()}, rounds=arguments.rounds)
    rates = {name: count / timings[name].cpu for name, (count, _, _) in work.items()}
    show(
        "Worlds on one core, per CPU second (medians)",
        ("work", "rate", "unit", "goal"),
        [(n, rates[n], work[n][1], GOALS.get(n, "")) for n in work],
    )
    emit("world_speed", {"per_cpu_second": {name: round(rate, 1) for name, rate in rates.items()}})


if __name__ == "__main__":
    main()
