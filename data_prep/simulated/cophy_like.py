"""``python -m data_prep cophy_like``: pairs of clips of one scene, before and after a change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from data_prep.job import JOB, Job, run_job, split_counts
from data_prep.simulated.cophy_layout import write_layout
from data_prep.summary import show_summary
from jepakit.data.manifest import Description, LabelKind
from jepakit.data.metadata import build_meta
from jepakit.data.schema import CONTACTS, ClipFormat, Sample
from worlds.cophy import TASKS, CophyPair, half_clip, row_states, sample
from worlds.cophy.pair import STEP_HZ, Half
from worlds.scenes import SceneClip
from worlds.trajectory import by_identity

GENERATOR = "data_prep.cophy_like/1"
SPLIT_SEEDS = {"train": 0, "val": 1 << 40, "test": 2 << 40}  # far apart: no scene in two splits
MOVED = 0.05  # m, of the end from the start, as for CoPhy's own videos
CONFOUNDERS = ("mass", "friction", "restitution")
STATES = {
    "names": ["position_x", "position_y", "angle", "velocity_x", "velocity_y", "angular"],
    "units": ["m", "m", "rad", "m/s", "m/s", "rad/s"],
}
LABEL_KINDS: dict[str, LabelKind] = {
    "objects": "regression",
    "moved_objects": "regression",
    "all_stay": "binary",
    "gravity_x": "regression",
}
HALVES: tuple[Half, ...] = ("ab", "cd")


@dataclass(frozen=True)
class PairItem:
    """A pair, which gives two clips of one group.

    Attributes:
        key: begins the keys of both.
        task: key of :data:`worlds.cophy.TASKS`.
        scene_seed: number of the pair.
        rate: frames per second.
    """

    key: str
    task: str
    scene_seed: int
    rate: float

    @property
    def name(self) -> str:
        """Key and seed."""
        return f"{self.key}/{self.scene_seed}"

    def make(self, form: ClipFormat) -> Iterator[Sample]:
        """Play the scene as it was, then as it would have been."""
        pair = sample(self.task, self.scene_seed)
        for half in HALVES:
            clip = half_clip(pair, half, frames=form.frames, rate=self.rate, size=form.height)
            yield self._sample(pair, half, clip, form)

    def _sample(self, pair: CophyPair, half: Half, clip: SceneClip, form: ClipFormat) -> Sample:
        key = f"{self.key}-{half}"
        meta = build_meta(
            key,
            form,
            source=f"CoPhy-like pair {self.task} {self.scene_seed}, {half}",
            licence="Apache-2.0",
            fps=self.rate,
            objects=object_table(pair, clip),
            labels=clip_labels(pair, clip),
            details={
                # CoPhy's folders, which is how its own pairs are named.
                "group": f"{pair.kind.folder}/{len(pair.solids)}/{self.key}",
                "task": self.task,
                "scene_seed": self.scene_seed,
                "half": half,
                "change": pair.words,
                "changed_row": pair.change.identity - 1,
                "removed": pair.change.position is None,
                "confounders": {
                    "names": list(CONFOUNDERS),
                    "values": confounder_rows(pair).tolist(),
                },
                "gravity": {"gravity_x": pair.confounders.sideways, "gravity_y": pair.kind.gravity},
                "states": STATES,
                "state_objects": list(range(1, pair.kind.rows + 1)),
                "contacts": "step 1/60 s, ids (0 for floor and walls), impulse N s",
            },
        )
        return Sample(
            key=key,
            frames=clip.frames,
            labels=numbered(clip.labels, clip.identities),
            meta=meta,
            states=row_states(clip, pair.kind.rows).astype("<f4"),
            contacts=_contacts(clip),
        )


def numbered(
    labels: UInt8[ndarray, "t h w"], identities: tuple[int, ...]
) -> UInt8[ndarray, "t h w"]:
    """Label map with the identities in their order instead of the rows of colours."""
    ids = np.zeros(256, np.uint8)
    ids[list(identities)] = np.arange(1, len(identities) + 1)
    return ids[labels]


def object_table(pair: CophyPair, clip: SceneClip) -> list[dict[str, Any]]:
    """One entry for each object of the clip; ``source_id`` is the row of its states plus one."""
    table = []
    for number, item in enumerate(clip.objects, start=1):
        fields = asdict(item)
        identity = fields.pop("identity")
        # What is drawn, not what the engine makes of density times area.
        fields["mass"] = pair.confounders.hidden[identity].mass
        table.append({"id": number, "source_id": identity, **fields})
    return table


def confounder_rows(pair: CophyPair) -> ndarray:
    """Mass, friction and restitution ``(rows, 3)`` by the row of the colour; zeros where absent."""
    rows = np.zeros((pair.kind.rows, len(CONFOUNDERS)))
    for identity, hidden in pair.confounders.hidden.items():
        rows[identity - 1] = [getattr(hidden, name) for name in CONFOUNDERS]
    return rows


def clip_labels(pair: CophyPair, clip: SceneClip) -> dict[str, float]:
    """How many objects there are and move, and the sideways gravity of a tower."""
    away = np.linalg.norm(clip.states[-1, :, :2] - clip.states[0, :, :2], axis=-1)
    moved = int((away >= MOVED).sum())
    tilt = pair.confounders.sideways if pair.kind.levels.sideways else np.nan
    return {
        "objects": float(len(away)),
        "moved_objects": float(moved),
        "all_stay": float(not moved),
        "gravity_x": tilt,
    }


def _contacts(clip: SceneClip) -> ndarray:
    ids = {0: 0} | {identity: i for i, identity in enumerate(clip.identities, start=1)}
    bodies = [ids[body.identity] for body in clip.designed.scene.bodies]
    return by_identity(clip.trajectory.contacts, bodies).astype(CONTACTS)


def cophy_like(
    out: str,
    *,
    tasks: list[str] | None = None,
    layout: Literal["shards", "cophy"] = "shards",
    pairs: int = 1000,
    val_pairs: int | None = None,
    test_pairs: int = 0,
    frames: int = 8,
    rate: float = 4.0,
    size: int = 64,
    patch: int = 8,
    tubelet: int = 4,
    image: Literal["png", "jpg", "mp4"] = "jpg",
    seed: int = 0,
    job: Job = JOB,
) -> None:
    """Write pairs of clips: what happened, and what would have, had one object been elsewhere.

    Mass, friction, restitution and the tilt of a tower's gravity are the same in both halves of a
    pair and cannot be seen in a single frame.

    Args:
        out: folder of the data set; a run that was stopped continues there.
        tasks: balls and blocks; by default both, in turn.
        layout: shards, or videos and arrays in CoPhy's own layout, which
            `python -m data_prep cophy` reads.
        pairs: training pairs; each is two clips.
        val_pairs: validation pairs; by default a fifth of the training pairs.
        test_pairs: test pairs.
        frames: frames per clip.
        rate: frames per second; must divide 60. CoPhy's videos have 30 frames at 5 per second.
        size: height and width in pixels.
        patch: patch size in pixels for which coverage is stored (shards).
        tubelet: frames per token for which coverage is stored (shards).
        image: jpg of quality 90, lossless png, or mp4 of quality 90 for long clips (shards).
        seed: of the pairs.
        job: how the work is divided (shards).
    """
    chosen = _tasks(tasks)
    items = _items(split_counts(pairs, val_pairs, test_pairs), chosen, rate, seed)
    if layout == "cophy":
        seeds = {s: [(i.task, i.scene_seed) for i in found] for s, found in items.items()}
        write_layout(out, seeds, frames=frames, rate=rate, size=size)
        return
    description = Description(
        source="CoPhy-like pairs",
        generator=GENERATOR,
        licences=("Apache-2.0",),
        form=ClipFormat(frames, size, size, patch, tubelet, image=image, quality=90),
        label_kinds=LABEL_KINDS,
        settings={"tasks": chosen, "seed": seed, "rate": rate},
    )
    manifest = run_job(out, description, items, job)
    if manifest is not None:
        show_summary(out, manifest)


def check_rate(rate: float) -> None:
    """Refuse a rate that the simulation's steps do not meet.

    Raises:
        ValueError: it does not divide 60 per second.
    """
    every = STEP_HZ / rate if rate > 0 else 0.0
    if every < 1 or every != round(every):
        raise ValueError(f"The rate must divide {STEP_HZ:g} steps per second; got {rate:g}.")


def _items(
    counts: dict[str, int], tasks: list[str], rate: float, seed: int
) -> dict[str, list[PairItem]]:
    check_rate(rate)
    return {
        split: [_item(split, number, tasks, rate, seed) for number in range(count)]
        for split, count in counts.items()
    }


def _item(split: str, number: int, tasks: list[str], rate: float, seed: int) -> PairItem:
    task = tasks[number % len(tasks)]
    first = SPLIT_SEEDS[split] + (seed << 28)
    key = f"{split}-{number:06d}-{task}"
    return PairItem(key, task, first + number // len(tasks), rate)


def _tasks(tasks: list[str] | None) -> list[str]:
    unknown = sorted(set(tasks or []) - set(TASKS))
    if unknown:
        raise ValueError(f"No tasks {unknown}; choose from {', '.join(TASKS)}.")
    return list(dict.fromkeys(tasks or TASKS))
