import numpy as np
import pytest

from data_prep.job import Job
from data_prep.simulated.push import POLICIES, PushItem, object_states, push
from jepakit.actions import PUSH
from jepakit.data import ShardReader
from jepakit.data.manifest import Manifest
from jepakit.data.schema import ClipFormat
from worlds.push import PushWorld, draw

FORM = ClipFormat(8, 32, 32, 8, 2, image="png")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("push")
    push(
        str(folder),
        episodes=12,
        val_episodes=3,
        frames=8,
        size=32,
        job=Job(shard_items=8),
        note="n",
    )
    return folder


def test_what_is_stored_is_what_a_replay_gives(made):
    for stored in ShardReader(str(made)):
        details = stored.meta["details"]
        assert stored.actions.shape == (8, 2)
        states = PushWorld().play(details["start"], stored.actions[None])[0][:-1]
        frames, labels = draw(states, size=32)
        np.testing.assert_array_equal(stored.frames, frames)
        np.testing.assert_array_equal(stored.labels, labels)
        np.testing.assert_array_equal(stored.states, object_states(states))
        np.testing.assert_array_equal(stored.states[:, 0, :2], states[:, :2].astype("f4"))
        np.testing.assert_array_equal(stored.states[:, 1, :3], states[:, 2:].astype("f4"))


def test_the_manifest_says_what_actions_do_to_the_agents_own_state(made):
    description = Manifest.parse((made / "manifest.json").read_bytes()).description
    assert description.actions == PUSH
    assert description.settings["note"] == "n"
    row, columns = description.proprio
    (change,) = description.actions.changes
    for stored in ShardReader(str(made)):
        own = stored.states[:, row, columns]
        told = np.clip(own[:-1] + change.scale * stored.actions[:-1], change.low, change.high)
        met = np.any(stored.states[1:, 1, :3] != stored.states[:-1, 1, :3], axis=1)
        np.testing.assert_allclose(own[1:][~met], told[~met], atol=1e-5)


def test_velocities_lead_from_frame_to_frame(made):
    for stored in ShardReader(str(made)):
        pose, velocity = stored.states[..., :3], stored.states[..., 3:]
        np.testing.assert_allclose(pose[:-1] + 0.2 * velocity[1:], pose[1:], atol=1e-5)
        assert not velocity[0].any()


def test_labels_and_splits(made):
    parts = {s: list(ShardReader(str(made), split=s)) for s in ("train", "val")}
    assert {s: len(part) for s, part in parts.items()} == {"train": 12, "val": 3}
    seeds = [stored.meta["details"]["seed"] for part in parts.values() for stored in part]
    assert len(set(seeds)) == 15
    moved = 0
    for stored in (*parts["train"], *parts["val"]):
        labels, block = stored.meta["labels"], stored.states[:, 1]
        assert set(labels) == {"block_moved", "block_shift", "end_x", "end_y"}
        assert labels["block_moved"] == float((block[:, :3] != block[0, :3]).any())
        assert labels["end_x"] == pytest.approx(block[-1, 0])
        assert labels["block_shift"] == pytest.approx(np.hypot(*(block[-1] - block[0])[:2]))
        assert stored.meta["fps"] == 5.0
        moved += labels["block_moved"]
    assert moved >= 5


def test_shares_choose_the_policies():
    for index, name in enumerate(POLICIES):
        shares = tuple(float(index == other) for other in range(3))
        (made,) = PushItem("a", 1, shares).make(FORM)
        assert made.meta["details"]["policy"] == name
    drawn = [next(PushItem("a", seed, (0.5, 0.0, 0.5)).make(FORM)) for seed in range(20)]
    counts = [sample.meta["details"]["policy"] for sample in drawn]
    assert counts.count("expert") == 0
    assert 4 <= counts.count("random") <= 16


def test_items_are_named_by_all_that_determines_them():
    names = {
        item.name
        for item in (
            PushItem("a", 1, (0.5, 0.5, 0.0)),
            PushItem("b", 1, (0.5, 0.5, 0.0)),
            PushItem("a", 2, (0.5, 0.5, 0.0)),
            PushItem("a", 1, (0.5, 0.0, 0.5)),
        )
    }
    assert len(names) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"random_share": 0.5}, "0 or more and sum to 1"),
        ({"random_share": -0.2, "push_share": 0.9}, "0 or more"),
        ({"episodes": 0, "val_episodes": 0}, "not all 0"),
        ({"frames": 3}, "do not divide"),
    ],
)
def test_refusals(tmp_path, arguments, words):
    with pytest.raises(ValueError, match=words):
        push(str(tmp_path), **{"episodes": 1, "val_episodes": 0, **arguments})
