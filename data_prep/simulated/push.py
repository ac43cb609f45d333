"""``python -m data_prep push``: episodes of the push world, with actions, for planning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from data_prep.job import JOB, Job, run_job, split_counts
from data_prep.simulated.scenes import SPLIT_SEEDS
from data_prep.summary import show_summary
from jepakit.actions import PUSH
from jepakit.data.manifest import Description, LabelKind
from jepakit.data.metadata import build_meta
from jepakit.data.schema import ClipFormat, Sample
from worlds.push import (
    MAX_SPEED,
    STEP_SECONDS,
    ExpertPolicy,
    PushPolicy,
    PushWorld,
    RandomPolicy,
    draw,
    random_state,
)
from worlds.push.policies import Policy

GENERATOR = "data_prep.push/1"
POLICIES: dict[str, Callable[[np.random.Generator], Policy]] = {
    "random": RandomPolicy,
    "expert": lambda rng: ExpertPolicy(None, rng),
    "push": PushPolicy,
}
PROPRIO = (0, (0, 1))  # the pusher's x and y in the member ``states``
LABEL_KINDS: dict[str, LabelKind] = {
    "block_moved": "binary",
    "block_shift": "regression",
    "end_x": "regression",
    "end_y": "regression",
}


@dataclass(frozen=True)
class PushItem:
    """One episode."""

    key: str
    episode_seed: int
    shares: tuple[float, ...]

    @property
    def name(self) -> str:
        """Key, seed and what the policy is drawn from."""
        return f"{self.key}/{self.episode_seed}/{self.shares}"

    def make(self, form: ClipFormat) -> Iterator[Sample]:
        """Play the episode and draw it."""
        rng = np.random.default_rng(self.episode_seed)
        policy_name = str(rng.choice(list(POLICIES), p=self.shares))
        policy = POLICIES[policy_name](rng)
        # Played as they are stored, in single precision, so that a replay is exact.
        states, actions = PushWorld().follow(
            lambda state: np.float32(policy(state)), random_state(rng), steps=form.frames
        )
        states = states[:-1]
        frames, labels = draw(states, size=form.height)
        yield Sample(
            key=self.key,
            frames=frames,
            labels=labels,
            meta=self._meta(form, states, policy_name),
            states=object_states(states),
            actions=actions.astype("<f4"),
        )

    def _meta(self, form: ClipFormat, states: ndarray, policy: str) -> dict[str, Any]:
        shift = float(np.hypot(*(states[-1] - states[0])[2:4]))
        end_x, end_y = states[-1, 2:4].tolist()  # m, on a table of 1 m
        return build_meta(
            self.key,
            form,
            source=f"push world {self.episode_seed}",
            licence="Apache-2.0",
            fps=1 / STEP_SECONDS,
            objects=[{"id": 1, "kind": "pusher"}, {"id": 2, "kind": "block"}],
            labels={
                "block_moved": float((states[:, 2:] != states[0, 2:]).any()),
                "block_shift": shift,
                "end_x": end_x,
                "end_y": end_y,
            },
            details={
                "group": f"push-{self.episode_seed}",
                "policy": policy,
                "seed": self.episode_seed,
                "start": states[0].tolist(),
                "states": "x m, y m, angle rad, vx m/s, vy m/s, omega rad/s; y up; velocities are "
                "means over the step that led to the frame",
                "actions": f"velocity vx, vy of the pusher, times {MAX_SPEED} m/s, held for "
                f"{STEP_SECONDS} s; row i leads from frame i to frame i + 1",
            },
        )


def object_states(states: Float[ndarray, "t 5"]) -> Float32[ndarray, "t 2 6"]:
    """Pose and velocity of pusher and block: x, y, angle, vx, vy, omega.

    Velocities are means over the step that led to a frame; there is none before the first.
    """
    table = np.zeros((len(states), 2, 6))
    table[:, 0, :2] = states[:, :2]
    table[:, 1, :3] = states[:, 2:]
    table[1:, :, 3:] = np.diff(table[:, :, :3], axis=0) / STEP_SECONDS
    return table.astype("<f4")


def push(
    out: str,
    *,
    episodes: int = 2000,
    val_episodes: int = 200,
    test_episodes: int = 0,
    frames: int = 32,
    size: int = 64,
    patch: int = 8,
    tubelet: int = 2,
    image: Literal["png", "jpg"] = "png",
    random_share: float = 0.2,
    expert_share: float = 0.3,
    push_share: float = 0.5,
    seed: int = 0,
    job: Job = JOB,
    note: str = "",
) -> None:
    """Record episodes in which a pusher moves a T-shaped block, 5 frames per second.

    Args:
        out: folder of the data set; a run that was stopped continues there.
        episodes: training episodes.
        val_episodes: validation episodes.
        test_episodes: test episodes.
        frames: frames per episode, each with an action.
        size: height and width in pixels.
        patch: patch size in pixels for which coverage is stored.
        tubelet: frames per token for which coverage is stored.
        image: lossless png, or jpg of quality 90 that decodes twice as fast and takes three times
            the bytes.
        random_share: share of episodes whose pusher wanders.
        expert_share: share of those that bring the block to one random pose after the other.
        push_share: share of those that push the block from random sides.
        seed: of the episodes.
        job: how the work is divided.
        note: kept in the manifest, for reports.
    """
    form = ClipFormat(frames, size, size, patch, tubelet, image, quality=90, subsampling="444")
    shares = _shares(random=random_share, expert=expert_share, push=push_share)
    items = {
        split: [_item(split, number, seed, shares) for number in range(count)]
        for split, count in split_counts(episodes, val_episodes, test_episodes).items()
    }
    description = Description(
        source="push world",
        generator=GENERATOR,
        licences=("Apache-2.0",),
        form=form,
        label_kinds=LABEL_KINDS,
        mirrored=("end_x",),
        settings={"shares": dict(zip(POLICIES, shares, strict=True)), "seed": seed, "note": note},
        actions=PUSH,
        proprio=PROPRIO,
    )
    manifest = run_job(out, description, items, job)
    if manifest is not None:
        show_summary(out, manifest)


def _shares(**shares: float) -> tuple[float, ...]:
    values = [shares[name] for name in POLICIES]
    if min(values) < 0 or abs(sum(values) - 1) > 1e-6:
        raise ValueError(f"Shares of the policies must be 0 or more and sum to 1; got {shares}.")
    return tuple(value / sum(values) for value in values)


def _item(split: str, number: int, seed: int, shares: tuple[float, ...]) -> PushItem:
    episode_seed = SPLIT_SEEDS[split] + (seed << 28) + number
    return PushItem(f"{split}-{number:06d}-push", episode_seed, shares)
