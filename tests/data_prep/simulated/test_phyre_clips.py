import json

import numpy as np
import pytest

from data_prep.job import Job
from data_prep.simulated.phyre import Draws, PhyreItem, phyre, split_tasks
from data_prep.simulated.phyre_labels import LABEL_KINDS, phyre_labels
from jepakit.data import ClipFormat, ShardReader
from worlds.phyre import PALETTE, Status, find_tasks, load_tasks, simulate

pytestmark = pytest.mark.skipif(
    find_tasks() is None, reason="no PHYRE task file; run python -m worlds.phyre.fetch"
)
FORM = ClipFormat(8, 64, 64, patch=8, tubelet=2, image="png")


@pytest.fixture(scope="module")
def tasks():
    return load_tasks(find_tasks())


def item_of(task, **changes):
    fields = {
        "seed": 0,
        "stride": 60,
        "solved_share": 0.0,
        "attempts": 5,
        "aimed": 0.5,
        "counterfactuals": "none",
    }
    key = "train-000000-" + task.identity.replace(":", "-")
    return PhyreItem(key, task, Draws(**(fields | changes)))


@pytest.fixture(scope="module")
def made(tmp_path_factory, tasks):
    folder = tmp_path_factory.mktemp("phyre")
    with pytest.MonkeyPatch.context() as patch:  # reading the file takes seconds
        patch.setattr("data_prep.simulated.phyre.load_tasks", lambda path: tasks)
        phyre(
            str(folder),
            clips=10,
            val_clips=4,
            counterfactuals="all",
            attempts=3,
            job=Job(shard_items=6),
        )
    return folder


def test_clips_are_the_worlds_own(made, tasks):
    for sample in ShardReader(str(made), split="train"):
        details = sample.meta["details"]
        task = tasks[details["group"]]
        again = simulate(task, details["action"], 60, stop_when_solved=False)
        np.testing.assert_array_equal(sample.frames, again.frames(64)[:8])
        np.testing.assert_array_equal(sample.labels, again.label_maps(64)[:8])
        np.testing.assert_array_equal(sample.states, again.states[:8].astype("<f4"))
        assert sample.contacts["step"].max(initial=0) <= 421
        assert {tuple(c) for c in sample.frames.reshape(-1, 3)} <= {tuple(c) for c in PALETTE}
        assert len(sample.meta["objects"]) == sample.states.shape[1]
        assert [o["role"] for o in sample.meta["objects"]].count("user") == 1
        assert sample.meta["fps"] == 1.0
        assert sample.meta["times"][:2] == pytest.approx([1 / 60, 1 + 1 / 60])


def test_counterfactuals_are_the_same_action_without_an_object(made, tasks):
    for sample in ShardReader(str(made), split="val"):
        details = sample.meta["details"]
        assert sorted(sample.counterfactuals) == [o["id"] for o in sample.meta["objects"]]
        for identity, other in sample.counterfactuals.items():
            again = simulate(
                tasks[details["group"]], details["action"], 60, without=identity,
                stop_when_solved=False,
            )  # fmt: skip
            np.testing.assert_array_equal(other.frames, again.frames(64)[:8])
            assert not (other.labels == identity).any()
            first = (sample.labels[0] != 0) & (sample.labels[0] != identity)
            np.testing.assert_array_equal(other.frames[0][first], sample.frames[0][first])


def test_tasks_of_the_splits_are_disjoint(made, tasks, monkeypatch):
    monkeypatch.setattr("data_prep.simulated.phyre.load_tasks", lambda path: tasks)
    groups = {
        split: {s.meta["details"]["group"] for s in ShardReader(str(made), split=split)}
        for split in ("train", "val")
    }
    assert not groups["train"] & groups["val"]
    chosen = split_tasks("auto", "ball_cross_template", 0)
    templates = {split: {task.template for task in parts} for split, parts in chosen.items()}
    assert [len(parts) for parts in chosen.values()] == [1600, 400, 500]
    assert not templates["train"] & templates["val"]
    assert not templates["train"] & templates["test"]


def test_solved_clips_are_as_long_as_unsolved_ones(tasks):
    task = tasks["00000:000"]
    item = item_of(task, solved_share=1.0, attempts=400)
    (sample,) = item.make(FORM)
    assert sample.meta["labels"]["solved"] == 1.0
    assert sample.meta["details"]["solved_at"] is not None
    assert sample.frames.shape == (8, 64, 64, 3)
    (unsolved,) = item_of(task).make(FORM)
    assert unsolved.meta["labels"]["solved"] == 0.0
    assert unsolved.frames.shape == sample.frames.shape


def test_labels_against_the_simulation(tasks):
    names = sorted(n for n in tasks if tasks[n].tier == "BALL")[::300]
    seen = set()
    for name in names:
        (sample,) = item_of(tasks[name]).make(FORM)
        labels, details = sample.meta["labels"], sample.meta["details"]
        whole = simulate(tasks[name], details["action"], 1, stop_when_solved=False)
        user = len(whole.identities)
        subject, other = (index - 3 for index in (whole.task.subject, whole.task.object))
        pairs = {
            (int(a), int(b)) for a, b in zip(whole.contacts["a"], whole.contacts["b"], strict=True)
        }
        assert labels["solved"] == float(whole.status is Status.SOLVED)
        if subject > 0:
            assert labels["touch_ball_subject"] == float((subject, user) in pairs)
            end = whole.trajectory.states[-1, 3 + subject, :2] * 6 / 256
            x, y = labels["end_x"], labels["end_y"]
            # The stored attempt ends at its last recorded frame, step 961.
            assert (x, y) == pytest.approx(np.clip(end, 0, 1), abs=0.08)
        if subject > 0 and other > 0:
            touched = tuple(sorted((subject, other))) in pairs
            assert labels["touch_subject_object"] == float(touched)
        seen |= set(labels)
        assert set(labels) <= set(LABEL_KINDS)
    assert seen == set(LABEL_KINDS)


def test_a_wall_as_object_leaves_its_labels_out(tasks):
    task = next(t for t in tasks.values() if t.object < 4 or t.subject < 4)
    (sample,) = item_of(task).make(FORM)
    assert "touch_subject_object" not in sample.meta["labels"]


def test_a_task_without_room_is_a_value_error(tasks, monkeypatch):
    monkeypatch.setattr("data_prep.simulated.phyre.attempt", lambda task, action: Status.INVALID)
    with pytest.raises(ValueError, match="No valid action among 2000 in task 00000:000"):
        next(item_of(tasks["00000:000"]).make(FORM))


def test_two_balls(tasks):
    task = next(t for t in tasks.values() if t.tier == "TWO_BALLS")
    (sample,) = item_of(task, counterfactuals="one").make(FORM)
    assert len(sample.meta["details"]["action"]) == 6
    assert [o["role"] for o in sample.meta["objects"]].count("user") == 2
    assert len(sample.counterfactuals) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"solved_share": 1.5}, "solved_share and aimed in"),
        ({"attempts": 0}, "attempts and stride of 1 or more"),
        ({"tasks": "/nowhere/tasks.bin.lzma"}, "there is none"),
        ({"size": 60}, "do not divide"),
    ],
)
def test_refusals(tmp_path, arguments, words):
    with pytest.raises(ValueError, match=words):
        phyre(str(tmp_path), **arguments)


def test_no_task_file(tmp_path, monkeypatch):
    monkeypatch.setattr("data_prep.simulated.phyre.find_tasks", lambda path: None)
    with pytest.raises(ValueError, match=r"worlds.phyre.fetch"):
        phyre(str(tmp_path))


def test_labels_of_the_manifest(made):
    fields = json.loads((made / "manifest.json").read_bytes())
    assert fields["label_kinds"] == LABEL_KINDS
    assert fields["mirrored"] == ["end_x"]
    assert fields["licences"] == ["Apache-2.0"]
    assert callable(phyre_labels)
