"""``python -m data_prep craft_like``: clips of CRAFT-like scenes with questions about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any, Literal

from data_prep.job import JOB, Job, run_job, split_counts
from data_prep.summary import show_summary
from jepakit.data.manifest import Description, LabelKind
from jepakit.data.metadata import build_meta
from jepakit.data.schema import CONTACTS, ClipFormat, Counterfactual, Sample
from worlds.craft import KINDS, LAYOUTS, MAX_STEPS, CraftScene, Question, ask, history, sample
from worlds.craft.arena import STEP_HZ
from worlds.craft.events import count_events
from worlds.scenes import SceneClip, simulate

GENERATOR = "data_prep.craft_like/1"
SPLIT_SEEDS = {"train": 0, "val": 1 << 40, "test": 2 << 40}  # far apart: no scene in two splits
BLOCK = 32  # scenes over which questions are balanced

LABEL_NAMES = dict(
    zip(
        KINDS,
        ("ground_collisions", "basket_entries", "basket_collisions", "object_collisions"),
        strict=True,
    )
)
LABEL_KINDS: dict[str, LabelKind] = dict.fromkeys(LABEL_NAMES.values(), "regression")

Removal = Literal["none", "one", "all"]


@dataclass(frozen=True)
class CraftBlock:
    """Scenes whose questions are balanced together; one clip each.

    Attributes:
        keys: of the clips.
        scenes: layout and seed of each.
        rate: frames per second.
        counterfactuals: of which objects clips without them are made.
    """

    keys: tuple[str, ...]
    scenes: tuple[tuple[str, int], ...]
    rate: float
    counterfactuals: Removal

    @property
    def name(self) -> str:
        """First and last key and the first scene's seed; layouts stand in the description."""
        return f"{self.keys[0]}..{self.keys[-1]}/{self.scenes[0][1]}"

    def make(self, form: ClipFormat) -> Iterator[Sample]:
        """Ask about all scenes, then play each."""
        steps = steps_of(form.frames, self.rate)
        scenes = [sample(layout, seed) for layout, seed in self.scenes]
        asked = ask(scenes, steps, self.scenes[0][1])
        for key, craft, questions in zip(self.keys, scenes, asked, strict=True):
            yield self._sample(key, craft, questions, form)

    def _sample(
        self, key: str, craft: CraftScene, questions: Sequence[Question], form: ClipFormat
    ) -> Sample:
        clip = simulate(craft.designed, frames=form.frames, rate=self.rate, size=form.height)
        others = {}
        for identity in self._removed(key, craft):
            other = clip.without(identity)
            others[identity] = Counterfactual(other.frames, other.labels)
        return Sample(
            key=key,
            frames=clip.frames,
            labels=clip.labels,
            meta=self._meta(key, craft, clip, questions, form),
            counterfactuals=others,
            states=clip.states.astype("<f4"),
            contacts=clip.contacts.astype(CONTACTS),
        )

    def _removed(self, key: str, craft: CraftScene) -> list[int]:
        things = [thing.identity for thing in craft.things]
        if self.counterfactuals == "one":
            return [Random(f"{craft.seed}/{key}").choice(things)]
        return things if self.counterfactuals == "all" else []

    def _meta(
        self,
        key: str,
        craft: CraftScene,
        clip: SceneClip,
        questions: Sequence[Question],
        form: ClipFormat,
    ) -> dict[str, Any]:
        steps = steps_of(form.frames, self.rate)
        events = history(craft, steps).events
        return build_meta(
            key,
            form,
            source=f"CRAFT-like scene {craft.layout} {craft.seed}",
            licence="Apache-2.0",
            fps=self.rate,
            objects=object_table(craft, clip),
            labels={LABEL_NAMES[kind]: float(n) for kind, n in count_events(events).items()},
            details={
                "group": f"craft-{craft.layout}-{craft.seed}",
                "layout": craft.layout,
                "scene_seed": craft.seed,
                "steps": steps,
                "events": [[e.step, e.kind, e.thing, e.other] for e in events],
                "questions": [
                    {**question.to_json(), "question_index": index}
                    for index, question in enumerate(questions)
                ],
                "states": "x m, y m, angle rad, vx m/s, vy m/s, omega rad/s; y up",
                "contacts": "step 1/60 s, ids (0 for ground and walls), impulse N s",
            },
        )


def object_table(craft: CraftScene, clip: SceneClip) -> list[dict[str, Any]]:
    """One entry for each object and fixed part; ``size`` is null for fixed parts."""
    sizes = {thing.identity: thing.size for thing in craft.things}
    table = []
    for item in clip.objects:
        fields = asdict(item)
        identity = fields.pop("identity")
        table.append({"id": identity, **fields, "size": sizes.get(identity)})
    return table


def craft_like(
    out: str,
    *,
    layouts: list[str] | None = None,
    val_layouts: list[str] | None = None,
    clips: int = 1000,
    val_clips: int | None = None,
    test_clips: int = 0,
    frames: int = 16,
    rate: float = 3.0,
    size: int = 128,
    patch: int = 8,
    tubelet: int = 2,
    image: Literal["png", "jpg", "mp4"] = "jpg",
    counterfactuals: Removal = "none",
    seed: int = 0,
    job: Job = JOB,
) -> None:
    """Write clips of CRAFT-like scenes, with questions about the time that they show.

    The questions are in the metadata of each clip. They are balanced over 32 scenes at a time,
    which are made together; so a shard holds 32 clips or a multiple of that.

    Args:
        out: folder of the data set; a run that was stopped continues there.
        layouts: layouts of all splits, in turn; by default all of them.
        val_layouts: layouts kept for validation and test alone, as in CRAFT's hard split.
        clips: training clips.
        val_clips: validation clips; by default a fifth of the training clips.
        test_clips: test clips.
        frames: frames per clip.
        rate: frames per second; must divide 60. Frames and rate span at most CRAFT's 10 s.
        size: height and width in pixels.
        patch: patch size in pixels for which coverage is stored.
        tubelet: frames per token for which coverage is stored.
        image: jpg of quality 90, lossless png, or mp4 of quality 90 for long clips.
        counterfactuals: simulate again without one object drawn at random, or without each.
        seed: of the scenes and the choice of questions.
        job: how the work is divided.
    """
    form = ClipFormat(frames, size, size, patch, tubelet, image=image, quality=90)
    steps_of(frames, rate)
    chosen = _layouts(layouts, val_layouts)
    options: dict[str, Any] = {"rate": rate, "counterfactuals": counterfactuals}
    items = {
        split: _blocks(split, count, chosen[split], seed, **options)
        for split, count in split_counts(clips, val_clips, test_clips).items()
    }
    description = Description(
        source="CRAFT-like scenes and questions",
        generator=GENERATOR,
        licences=("Apache-2.0",),
        form=form,
        label_kinds=LABEL_KINDS,
        settings={"layouts": chosen, "seed": seed, **options},
    )
    blocks = replace(job, shard_items=max(1, job.shard_items // BLOCK))
    manifest = run_job(out, description, items, blocks)
    if manifest is not None:
        show_summary(out, manifest)


def steps_of(frames: int, rate: float) -> int:
    """Simulation steps that a clip spans.

    Raises:
        ValueError: the rate does not divide the step rate, or the clip is longer than CRAFT's.
    """
    every = STEP_HZ / rate if rate > 0 else 0.0
    if every < 1 or every != round(every):
        raise ValueError(f"The rate must divide {STEP_HZ:g} steps per second; got {rate:g}.")
    steps = (frames - 1) * round(every)
    if not 1 <= steps <= MAX_STEPS:
        raise ValueError(
            f"{frames} frames at {rate:g} per second span {steps} steps; expected 1 to {MAX_STEPS}:"
            " choose fewer frames or a higher rate."
        )
    return steps


def _blocks(
    split: str, count: int, layouts: list[str], seed: int, **options: Any
) -> list[CraftBlock]:
    first = SPLIT_SEEDS[split] + (seed << 28)
    names = [layouts[number % len(layouts)] for number in range(count)]
    scenes = [(name, first + number // len(layouts)) for number, name in enumerate(names)]
    keys = [f"{split}-{number:06d}-{name}" for number, name in enumerate(names)]
    return [
        CraftBlock(
            tuple(keys[start : start + BLOCK]), tuple(scenes[start : start + BLOCK]), **options
        )
        for start in range(0, count, BLOCK)
    ]


def _layouts(layouts: list[str] | None, held_out: list[str] | None) -> dict[str, list[str]]:
    unknown = sorted({*(layouts or []), *(held_out or [])} - set(LAYOUTS))
    if unknown:
        raise ValueError(f"No layouts {unknown}; choose from {', '.join(LAYOUTS)}.")
    train = [name for name in layouts or LAYOUTS if name not in (held_out or [])]
    if not train:
        raise ValueError("Every layout is kept for validation; leave some for training.")
    rest = held_out or train
    return {"train": train, "val": rest, "test": rest}
