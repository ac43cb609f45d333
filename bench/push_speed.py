"""How fast the push world is on one core: steps of control, and frames with label maps.

``python -m bench.push_speed``. CPU seconds, medians over rounds of the same work.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from bench.harness import emit, interleave, show
from worlds.push import PushEnv, PushPolicy, PushTask, PushWorld, draw, random_state, sample_task

GOALS = {
    "steps of control, in contact": 13_000.0,
    "frames and labels, 64 px, 32 at a time": 5_400.0,
}

Work = tuple[int, str, Callable[[], object]]


def contact_plans(samples: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """A state before a push, and plans in which the block moves in every step."""
    state = np.array([0.5, 0.12, 0.5, 0.4, 0.0])
    rng = np.random.default_rng(0)
    actions = rng.uniform((-0.2, 0.6), (0.2, 1.0), (samples, horizon, 2))
    moved = np.diff(PushWorld().play(state, actions)[:, :, 3], axis=1) > 0
    assert moved.all()
    return state, actions


def play_env(env: PushEnv, tasks: list[PushTask]) -> None:
    """Episodes with an observation in every step and one at the start."""
    for task in tasks:
        env.reset(options={"state": task.start, "goal": task.goal})
        for action in task.actions:
            env.step(action)


def work(samples: int) -> dict[str, Work]:
    """What is timed: how many, of what, and how."""
    world = PushWorld()
    state, plans = contact_plans(samples, 6)
    rng = np.random.default_rng(1)
    starts = [random_state(rng) for _ in range(samples // 10)]
    pushes = [world.follow(PushPolicy(rng), start, steps=31) for start in starts]
    clip = pushes[0][0]
    tasks = [sample_task(np.random.default_rng(seed), world=world) for seed in range(10)]
    env = PushEnv()
    return {
        "steps of control, in contact": (
            plans.shape[0] * plans.shape[1],
            "steps/s",
            lambda: world.play(state, plans),
        ),
        "steps of control, episodes of pushes": (
            31 * len(pushes),
            "steps/s",
            lambda: [world.play(states[0], actions[None]) for states, actions in pushes],
        ),
        "frames and labels, 64 px, 32 at a time": (
            32 * len(pushes),
            "frames/s",
            lambda: [draw(states) for states, _ in pushes],
        ),
        "frames and labels, 64 px, one at a time": (
            len(clip),
            "frames/s",
            lambda: [draw(one[None]) for one in clip],
        ),
        "environment steps, resets included": (
            10 * len(tasks),
            "steps/s",
            lambda: play_env(env, tasks),
        ),
    }


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    jobs = work(arguments.samples)
    timings = interleave({name: run for name, (_, _, run) in jobs.items()}, rounds=arguments.rounds)
    rates = {name: count / timings[name].cpu for name, (count, _, _) in jobs.items()}
    show(
        "Push world on one core, per CPU second (medians)",
        ("work", "rate", "unit", "goal"),
        [(n, f"{rates[n]:.0f}", jobs[n][1], f"{GOALS[n]:.0f}" if n in GOALS else "") for n in jobs],
    )
    emit("push_speed", {"per_cpu_second": {name: round(rate, 1) for name, rate in rates.items()}})


if __name__ == "__main__":
    main()
