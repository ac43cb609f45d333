"""``python -m data_prep scenes``: clips of designed interaction scenes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Literal

from data_prep.job import JOB, Job, run_job, split_counts
from data_prep.simulated.scene_labels import LABEL_KINDS, MIRRORED, scene_labels
from data_prep.summary import show_summary
from jepakit.data.manifest import Description
from jepakit.data.metadata import build_meta
from jepakit.data.schema import CONTACTS, ClipFormat, Counterfactual, Sample
from worlds.scenes import LAYOUTS, SceneClip, sample, simulate

GENERATOR = "data_prep.scenes/1"
SPLIT_SEEDS = {"train": 0, "val": 1 << 40, "test": 2 << 40}  # far apart: no scene in two splits

Removal = Literal["none", "one", "all"]


@dataclass(frozen=True)
class SceneItem:
    """One scene of a layout."""

    key: str
    layout: str
    scene_seed: int
    rate: float
    counterfactuals: Removal

    @property
    def name(self) -> str:
        """Key and scene."""
        return f"{self.key}/{self.scene_seed}"

    def make(self, form: ClipFormat) -> Iterator[Sample]:
        """Play the scene, and play it again without objects."""
        designed = sample(self.layout, self.scene_seed)
        clip = simulate(designed, frames=form.frames, rate=self.rate, size=form.height)
        others = {}
        for identity in self._removed(clip.identities):
            other = clip.without(identity)
            others[identity] = Counterfactual(other.frames, other.labels)
        yield Sample(
            key=self.key,
            frames=clip.frames,
            labels=clip.labels,
            meta=self._meta(clip, form),
            counterfactuals=others,
            states=clip.states.astype("<f4"),
            contacts=clip.contacts.astype(CONTACTS),
        )

    def _removed(self, identities: tuple[int, ...]) -> list[int]:
        if self.counterfactuals == "none" or not identities:
            return []
        if self.counterfactuals == "all":
            return list(identities)
        return [Random(f"{self.scene_seed}/{self.key}").choice(identities)]

    def _meta(self, clip: SceneClip, form: ClipFormat) -> dict[str, Any]:
        table = []
        for item in clip.objects:
            fields = asdict(item)
            fields["id"] = fields.pop("identity")
            # JSON has no infinity: what never moves has no mass.
            fields["mass"] = item.mass if math.isfinite(item.mass) else None
            table.append(fields)
        return build_meta(
            self.key,
            form,
            source=f"scene {self.layout} {self.scene_seed}",
            licence="Apache-2.0",
            fps=self.rate,
            objects=table,
            labels=scene_labels(clip),
            details={
                "group": f"{self.layout}-{self.scene_seed}",
                "layout": self.layout,
                "scene_seed": self.scene_seed,
                "states": "x m, y m, angle rad, vx m/s, vy m/s, omega rad/s; y up",
                "contacts": "step 1/60 s, ids (0 for floor and walls), impulse N s",
            },
        )


def scenes(
    out: str,
    *,
    layouts: list[str] | None = None,
    val_layouts: list[str] | None = None,
    clips: int = 1000,
    val_clips: int | None = None,
    test_clips: int = 0,
    frames: int = 8,
    rate: float = 4.0,
    size: int = 64,
    patch: int = 8,
    tubelet: int = 2,
    image: Literal["png", "jpg", "mp4"] = "jpg",
    counterfactuals: Removal = "none",
    seed: int = 0,
    job: Job = JOB,
    note: str = "",
) -> None:
    """Write clips of designed scenes in which objects act on each other.

    Args:
        out: folder of the data set; a run that was stopped continues there.
        layouts: layouts of all splits, in turn; by default all of them.
        val_layouts: layouts kept for validation and test alone.
        clips: training clips.
        val_clips: validation clips; by default a fifth of the training clips.
        test_clips: test clips.
        frames: frames per clip.
        rate: frames per second; must divide 60.
        size: height and width in pixels.
        patch: patch size in pixels for which coverage is stored.
        tubelet: frames per token for which coverage is stored.
        image: jpg of quality 90, lossless png, or mp4 of quality 90 for long clips.
        counterfactuals: simulate again without one object drawn at random, or without each.
        seed: of the scenes.
        job: how the work is divided.
        note: kept in the manifest, for reports.
    """
    form = ClipFormat(frames, size, size, patch, tubelet, image=image, quality=90)
    chosen = _layouts(layouts, val_layouts)
    options: dict[str, Any] = {"rate": rate, "counterfactuals": counterfactuals}
    items = {
        split: [_item(split, number, chosen[split], seed, **options) for number in range(count)]
        for split, count in split_counts(clips, val_clips, test_clips).items()
    }
    settings = {"layouts": chosen, "seed": seed, "note": note, **options}
    description = _description(form, settings)
    manifest = run_job(out, description, items, job)
    if manifest is not None:
        show_summary(out, manifest)


def _description(form: ClipFormat, settings: dict[str, Any]) -> Description:
    return Description(
        source="designed interaction scenes",
        generator=GENERATOR,
        licences=("Apache-2.0",),
        form=form,
        label_kinds=LABEL_KINDS,
        mirrored=MIRRORED,
        settings=settings,
    )


def _layouts(layouts: list[str] | None, held_out: list[str] | None) -> dict[str, list[str]]:
    unknown = sorted({*(layouts or []), *(held_out or [])} - set(LAYOUTS))
    if unknown:
        raise ValueError(f"No layouts {unknown}; choose from {', '.join(LAYOUTS)}.")
    train = [name for name in layouts or LAYOUTS if name not in (held_out or [])]
    if not train:
        raise ValueError("Every layout is kept for validation; leave some for training.")
    rest = held_out or train
    return {"train": train, "val": rest, "test": rest}


def _item(split: str, number: int, layouts: list[str], seed: int, **options: Any) -> SceneItem:
    layout = layouts[number % len(layouts)]
    scene_seed = SPLIT_SEEDS[split] + (seed << 28) + number // len(layouts)
    return SceneItem(f"{split}-{number:06d}-{layout}", layout, scene_seed, **options)
