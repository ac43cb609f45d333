"""``python -m data_prep phyre``: clips of actions tried in the official PHYRE tasks.

A clip shows the first frames of an attempt's 1,000 steps, also after it succeeded, so that its
length does not give the answer away. Training, validation and test clips come from the train, dev
and test tasks of an official fold: tasks (with a cross-template setup, templates) of one split are
unseen in the others. Half of the actions are uniform in the official action space, half put the
ball within about 20 pixels left or right of a moving body: these solve 3 times as many tasks (4.9 %
against 1.6 % of attempts) and touch more. Both kinds are searched alike for solved clips.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Literal

import numpy as np

from data_prep.job import JOB, Job, run_job, split_counts
from data_prep.simulated.phyre_labels import LABEL_KINDS, MIRRORED, phyre_labels
from data_prep.summary import show_summary
from jepakit.data.manifest import Description
from jepakit.data.metadata import build_meta
from jepakit.data.schema import CONTACTS, ClipFormat, Counterfactual, Sample
from worlds.phyre import SETUPS, Status, Task, attempt, find_tasks, fold, load_tasks, simulate
from worlds.phyre.action import dimensions
from worlds.phyre.simulation import Simulation
from worlds.phyre.task import SIZE, WALLS

GENERATOR = "data_prep.phyre/1"
STEP_HZ = 60.0
MAX_PLACEMENTS = 2000  # draws of an action before a task counts as having no room for a ball
AIM = 20.0  # pixels, standard deviation
HORIZON = 1000  # steps of an attempt

Setup = Literal[
    "ball_within_template",
    "ball_cross_template",
    "two_balls_within_template",
    "two_balls_cross_template",
]
Removal = Literal["none", "one", "all"]


@dataclass(frozen=True)
class Draws:
    """How actions are drawn and recorded; see the arguments of :func:`phyre`."""

    seed: int
    stride: int
    solved_share: float
    attempts: int
    aimed: float
    counterfactuals: Removal

    def __post_init__(self) -> None:
        """Refuse shares beyond 1 and counts below 1."""
        shares = 0 <= self.solved_share <= 1 and 0 <= self.aimed <= 1
        if not shares or min(self.attempts, self.stride) < 1:
            raise ValueError(
                "Need solved_share and aimed in [0, 1], attempts and stride of 1 or more; got "
                f"{self}."
            )


@dataclass(frozen=True)
class PhyreItem:
    """One action in one task; every draw follows from ``draws.seed`` and ``key``."""

    key: str
    task: Task
    draws: Draws

    @property
    def name(self) -> str:
        """Key, which holds split, number and task."""
        return self.key

    def make(self, form: ClipFormat) -> Iterator[Sample]:
        """Simulate to the end of the attempt, whether or not it succeeds on the way.

        Raises:
            ValueError: the task has no room for the user's balls.
        """
        random = Random(f"{self.draws.seed}/{self.key}")
        action = self._action(random)
        steps = 1 + (form.frames - 1) * self.draws.stride
        whole = simulate(
            self.task, action, self.draws.stride, steps=max(HORIZON, steps), stop_when_solved=False
        )
        frames, labels = _pictures(whole, form)
        contacts = whole.contacts[whole.contacts["step"] <= steps].astype(CONTACTS)
        yield Sample(
            key=self.key,
            frames=frames,
            labels=labels,
            meta=self._meta(whole, action, form),
            counterfactuals={
                identity: self._without(identity, action, steps, form)
                for identity in self._removed(whole.identities, random)
            },
            states=whole.states[: form.frames].astype("<f4"),
            contacts=contacts,
        )

    def _action(self, random: Random) -> list[float]:
        """A valid action; for some clips the first that solves the task, if any.

        Raises:
            ValueError: no valid action was found.
        """
        wanted = Status.SOLVED if random.random() < self.draws.solved_share else Status.NOT_SOLVED
        tried, last = 0, None
        for _ in range(MAX_PLACEMENTS):
            action = self._draw(random)
            status = attempt(self.task, action)
            if status is Status.INVALID:
                continue
            tried, last = tried + 1, action
            if status is wanted or tried == self.draws.attempts:
                break
        if last is None:
            raise ValueError(
                f"No valid action among {MAX_PLACEMENTS} in task {self.task.identity}."
            )
        return last

    def _draw(self, random: Random) -> list[float]:
        """Uniform, or with the balls roughly above or below a body that moves."""
        action = [random.random() for _ in range(dimensions(self.task))]
        moving = [body for body in self.task.bodies[WALLS:] if body.dynamic]
        if moving and random.random() < self.draws.aimed:
            for ball in range(0, len(action), 3):
                x = random.choice(moving).position[0] + random.gauss(0.0, AIM)
                action[ball] = x / (SIZE - 1)
        return action

    def _removed(self, identities: tuple[int, ...], random: Random) -> list[int]:
        if self.draws.counterfactuals == "none":
            return []
        return (
            list(identities) if self.draws.counterfactuals == "all" else [random.choice(identities)]
        )

    def _without(
        self, identity: int, action: Sequence[float], steps: int, form: ClipFormat
    ) -> Counterfactual:
        other = simulate(
            self.task,
            action,
            self.draws.stride,
            steps=steps,
            without=identity,
            stop_when_solved=False,
            log_contacts=False,
        )
        return Counterfactual(*_pictures(other, form))

    def _meta(self, whole: Simulation, action: list[float], form: ClipFormat) -> dict[str, Any]:
        task = self.task
        roles = {task.subject: "subject", task.object: "object"}
        table = []
        for identity, body in zip(whole.identities, whole.bodies[WALLS:], strict=True):
            index = identity + WALLS - 1
            role = "user" if index >= len(task.bodies) else roles.get(index, "")
            entry = {"id": identity, "kind": body.kind, "colour": body.colour}
            table.append(entry | {"dynamic": body.dynamic, "role": role})
        return build_meta(
            self.key,
            form,
            source=f"PHYRE task {task.identity}",
            licence="Apache-2.0",
            fps=STEP_HZ / self.draws.stride,
            start=1.0 / STEP_HZ,
            objects=table,
            labels=phyre_labels(whole),
            details={
                "group": task.identity,
                "template": task.template,
                "tier": task.tier,
                "action": action,
                "solved_at": whole.solved_at,
                "seed": self.draws.seed,
                "states": "x m, y m, angle rad, vx m/s, vy m/s, omega rad/s; y up, 42.67 m a side",
                "contacts": "step 1/60 s, ids (0 for the outer walls), impulse N s",
            },
        )


def phyre(
    out: str,
    *,
    tasks: str = "auto",
    setup: Setup = "ball_within_template",
    fold_seed: int = 0,
    clips: int = 1000,
    val_clips: int | None = None,
    test_clips: int = 0,
    frames: int = 8,
    stride: int = 60,
    size: int = 64,
    patch: int = 8,
    tubelet: int = 2,
    image: Literal["png", "jpg", "mp4"] = "png",
    solved_share: float = 0.3,
    attempts: int = 100,
    aimed: float = 0.5,
    counterfactuals: Removal = "none",
    seed: int = 0,
    job: Job = JOB,
) -> None:
    """Write clips of actions tried in the official PHYRE tasks.

    Args:
        out: folder of the data set; a run that was stopped continues there.
        tasks: tasks.bin.lzma; auto looks where `python -m worlds.phyre.fetch` puts it.
        setup: tier of the tasks, and how the official fold splits them.
        fold_seed: number of the official fold, 0 to 9.
        clips: clips of the fold's train tasks, over all of them in turn.
        val_clips: clips of its dev tasks; by default a fifth of the training clips.
        test_clips: clips of its test tasks.
        frames: frames per clip.
        stride: simulation steps (1/60 s) between frames.
        size: height and width in pixels.
        patch: patch size in pixels for which coverage is stored.
        tubelet: frames per token for which coverage is stored.
        image: lossless png, or of quality 90 jpg for large frames and mp4 for long clips.
        solved_share: share of clips for which an action that solves the task is searched.
        attempts: valid actions tried in that search before an unsolved one is taken.
        aimed: share of actions with the ball roughly above or below a moving body.
        counterfactuals: simulate again without one object drawn at random, or without each.
        seed: of every draw.
        job: how the work is divided.
    """
    form = ClipFormat(frames, size, size, patch, tubelet, image=image, quality=90)
    draws = Draws(seed, stride, solved_share, attempts, aimed, counterfactuals)
    counts = split_counts(clips, val_clips, test_clips)
    chosen = split_tasks(tasks, setup, fold_seed)
    items = {split: _items(chosen[split], split, counts[split], draws) for split in counts}
    description = _description(form, draws, setup, fold_seed)
    manifest = run_job(out, description, items, job)
    if manifest is not None:
        show_summary(out, manifest)


def split_tasks(path: str, setup: str, fold_seed: int) -> dict[str, list[Task]]:
    """Tasks of the official fold by split.

    Raises:
        ValueError: there is no task file.
    """
    found = find_tasks(None if path == "auto" else path)
    if found is None:
        raise ValueError(
            "No PHYRE task file. Run `python -m worlds.phyre.fetch`, or give --tasks PATH of "
            "tasks.bin.lzma; `python -m data_prep scenes` needs none."
        )
    every = load_tasks(found)
    parts = fold(setup, fold_seed, every)
    named = {"train": parts.train, "val": parts.dev, "test": parts.test}
    return {split: [every[identity] for identity in ids] for split, ids in named.items()}


def _items(tasks: list[Task], split: str, count: int, draws: Draws) -> list[PhyreItem]:
    """Clips of all tasks in turn, in an order that mixes templates."""
    order = list(tasks)
    Random(f"tasks/{split}").shuffle(order)
    turns = [order[number % len(order)] for number in range(count)]
    return [
        PhyreItem(f"{split}-{number:06d}-{task.identity.replace(':', '-')}", task, draws)
        for number, task in enumerate(turns)
    ]


def _description(form: ClipFormat, draws: Draws, setup: str, fold_seed: int) -> Description:
    return Description(
        source=f"PHYRE, {SETUPS[setup]} tasks",
        generator=GENERATOR,
        licences=("Apache-2.0",),
        form=form,
        label_kinds=LABEL_KINDS,
        mirrored=MIRRORED,
        settings={"setup": setup, "fold_seed": fold_seed, **asdict(draws)},
    )


def _pictures(simulation: Simulation, form: ClipFormat) -> tuple[np.ndarray, np.ndarray]:
    """Frames and label maps of the first frames."""
    frames = simulation.frames(form.height)[: form.frames]
    return frames, simulation.label_maps(form.height)[: form.frames]
