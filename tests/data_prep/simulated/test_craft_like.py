from collections import Counter

import numpy as np
import pytest

from data_prep.job import Job
from data_prep.simulated.craft_like import LABEL_KINDS, LABEL_NAMES, _blocks, craft_like, steps_of
from jepakit.data import ShardReader
from worlds.craft import ANSWERS, KINDS, LAYOUTS, TEMPLATES, VOCABULARY, ask, history, sample
from worlds.craft.templates import words
from worlds.scenes import simulate

FRAMES, RATE, STEPS = 8, 3.0, 140


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("craft_like")
    craft_like(
        str(folder),
        clips=4,
        val_clips=2,
        frames=FRAMES,
        rate=RATE,
        size=64,
        image="png",
        counterfactuals="one",
    )
    return folder


def craft_of(stored):
    details = stored.meta["details"]
    return sample(details["layout"], details["scene_seed"])


def test_clips_are_the_worlds_own(made):
    assert steps_of(FRAMES, RATE) == STEPS
    for stored in ShardReader(str(made)):
        craft = craft_of(stored)
        clip = simulate(craft.designed, frames=FRAMES, rate=RATE, size=64)
        np.testing.assert_array_equal(stored.frames, clip.frames)
        np.testing.assert_array_equal(stored.labels, clip.labels)
        np.testing.assert_array_equal(stored.contacts["impulse"], clip.contacts["impulse"])
        np.testing.assert_array_equal(stored.states, clip.states.astype("<f4"))
        ((identity, other),) = stored.counterfactuals.items()
        assert identity in {thing.identity for thing in craft.things}
        np.testing.assert_array_equal(other.frames, clip.without(identity).frames)


def test_object_table(made):
    for stored in ShardReader(str(made)):
        table = {entry["id"]: entry for entry in stored.meta["objects"]}
        for thing in craft_of(stored).things:
            entry = table.pop(thing.identity)
            told = (entry["size"], entry["colour"], entry["kind"], entry["dynamic"])
            assert told == (thing.size, thing.colour, thing.shape, True)
        assert {entry["kind"] for entry in table.values()} <= {"basket", "platform", "ramp"}
        assert all(entry["size"] is None and not entry["dynamic"] for entry in table.values())


def test_events_and_labels(made):
    reader = ShardReader(str(made))
    assert reader.manifest.description.label_kinds == LABEL_KINDS
    for stored in reader:
        events = history(craft_of(stored), STEPS).events
        kept = stored.meta["details"]["events"]
        assert kept == [[e.step, e.kind, e.thing, e.other] for e in events]
        counts = Counter(kind for _, kind, _, _ in kept)
        assert stored.meta["labels"] == {LABEL_NAMES[kind]: counts[kind] for kind in KINDS}


@pytest.mark.parametrize("split", ["train", "val"])
def test_questions_are_those_of_the_block(made, split):
    clips = list(ShardReader(str(made), split=split))
    scenes = [craft_of(stored) for stored in clips]
    asked = ask(scenes, STEPS, scenes[0].seed)
    assert sum(map(len, asked)) > 10
    for stored, expected in zip(clips, asked, strict=True):
        kept = stored.meta["details"]["questions"]
        assert [entry.pop("question_index") for entry in kept] == list(range(len(kept)))
        assert kept == [question.to_json() for question in expected]
        for entry in kept:
            template = TEMPLATES[entry["template_id"]]
            assert entry["question_type"] == template.question_type
            assert entry["answer"] in ANSWERS[entry["answer_type"]]
            assert set(words(entry["question"])) <= set(VOCABULARY)


def test_every_scene_is_a_group_in_one_split(made):
    groups = {
        split: [s.meta["details"]["group"] for s in ShardReader(str(made), split=split)]
        for split in ("train", "val")
    }
    assert len(set(groups["train"]) | set(groups["val"])) == 6
    assert groups["train"] == [f"craft-{name}-0" for name in list(LAYOUTS)[:4]]


def test_bytes_do_not_depend_on_the_run(made, tmp_path):
    craft_like(
        str(tmp_path),
        clips=4,
        val_clips=2,
        frames=FRAMES,
        rate=RATE,
        size=64,
        image="png",
        counterfactuals="one",
    )
    for path in made.glob("*.tar"):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_held_out_layouts_and_shards_of_whole_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("data_prep.simulated.craft_like.BLOCK", 2)
    craft_like(
        str(tmp_path),
        layouts=["push", "lid"],
        val_layouts=["lid"],
        clips=3,
        val_clips=1,
        frames=2,
        rate=10.0,
        size=16,
        job=Job(shard_items=3),
    )
    for split, layout in (("train", "push"), ("val", "lid")):
        found = [s.meta["details"]["layout"] for s in ShardReader(str(tmp_path), split=split)]
        assert set(found) == {layout}
    shards = {record.name: record.samples for record in ShardReader(str(tmp_path)).manifest.shards}
    assert shards == {"train-000000": 2, "train-000001": 1, "val-000000": 1}


def test_scenes_of_splits_and_seeds_differ():
    seeds = {
        (split, seed): {s for b in _blocks(split, 70, ["push"], seed, **OPTIONS) for s in b.scenes}
        for split in ("train", "val", "test")
        for seed in (0, 1)
    }
    assert len(set.union(*seeds.values())) == 6 * 70
    blocks = _blocks("train", 70, list(LAYOUTS), 0, **OPTIONS)
    assert [len(block.keys) for block in blocks] == [32, 32, 6]
    assert len({block.name for block in blocks}) == 3


OPTIONS = {"rate": RATE, "counterfactuals": "none"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"layouts": ["pushh"]}, r"No layouts \['pushh'\]; choose from push"),
        ({"layouts": ["push"], "val_layouts": ["push"]}, "leave some for training"),
        ({"clips": 0}, "not all 0"),
        ({"val_clips": -1}, "0 or more"),
        ({"rate": 7.0}, "rate must divide"),
        ({"rate": -1.0}, "rate must divide"),
        ({"frames": 32}, "span 620 steps; expected 1 to 600"),
        ({"frames": 1, "tubelet": 1}, "span 0 steps"),
    ],
)
def test_refusals(tmp_path, arguments, told):
    with pytest.raises(ValueError, match=told):
        craft_like(str(tmp_path), **arguments)
