import numpy as np
import pytest
import torch
from transition_recorder import REQUEST

from jepakit.data.faults import FaultLedger
from jepakit.data.loader import one_pass
from jepakit.data.order import Order, Position
from jepakit.data.shard_reader import ShardReader
from jepakit.data.transitions.dataset import TransitionBatches
from jepakit.data.transitions.windows import Windows


def batches(reader, *, count=2, random=True, allowed=0):
    return TransitionBatches(
        reader,
        order=Order(reader.sizes, shuffle=False),
        request=REQUEST,
        windows=Windows(reader.form.frames, REQUEST.frames, count=count, random=random),
        allowed=allowed,
    )


def test_windows_equal_what_is_stored(make_episodes, tmp_path):
    make_episodes(tmp_path, {"train": [3, 2]})
    reader = ShardReader(str(tmp_path))
    batch, faults = batches(reader)[[Position(2, i) for i in range(5)]]
    stored = {sample.key: sample for sample in reader}
    assert not faults
    assert len(batch) == len(set(batch.keys)) == 10
    for row, key in enumerate(batch.keys):
        episode, start = key.split("--")
        sample, start = stored[episode], int(start)
        assert np.array_equal(batch.frames[row].numpy(), sample.frames[start : start + 4])
        assert np.array_equal(batch.actions[row].numpy(), sample.actions[start : start + 3])
        assert np.array_equal(batch.states[row].numpy(), sample.states[start : start + 4, 0, :2])


def test_an_action_lies_between_its_frames(make_episodes, tmp_path):
    make_episodes(tmp_path, {"train": [2]})
    batch, _ = batches(ShardReader(str(tmp_path)))[[Position(0, 0), Position(0, 1)]]
    x = batch.states[..., 0]
    assert torch.equal(batch.actions[..., 0], (x[:, :-1] + x[:, 1:]) / 2)
    shade = batch.frames[..., 0, 0, 0].float()
    assert torch.equal(shade.diff(dim=1), torch.ones(4, 3))
    assert torch.equal(x.diff(dim=1), torch.ones(4, 3))


def test_memory_of_a_batch_in_use_is_not_taken_again(make_episodes, tmp_path):
    make_episodes(tmp_path, {"train": [4]})
    source = batches(ShardReader(str(tmp_path)))
    first, _ = source[[Position(0, 0)]]
    before = first.frames.clone()
    source[[Position(0, 3)]]
    assert torch.equal(first.frames, before)


def test_without_proprioception_states_are_empty(make_episodes, tmp_path):
    make_episodes(tmp_path, {"train": [1]}, proprio=None)
    batch, _ = batches(ShardReader(str(tmp_path)))[[Position(0, 0)]]
    assert batch.states.shape == (2, 4, 0)


@pytest.mark.parametrize("member", ["actions", "states"])
def test_a_number_that_is_not_finite_damages_the_episode(
    make_episode, make_episodes, tmp_path, member
):
    array = getattr(make_episode("a"), member).copy()
    array[3, ..., 0] = np.nan
    make_episodes(tmp_path, {"train": [2]}, **{member: array})
    with pytest.raises(ValueError, match=rf"ep-train-0-0', {member}: not finite in rows \[3\]"):
        batches(ShardReader(str(tmp_path)))[[Position(0, 0)]]


def test_damaged_episodes_are_replaced_and_counted(make_episodes, tmp_path):
    make_episodes(tmp_path, {"train": [4]})
    tar = tmp_path / "train-000000.tar"
    data = bytearray(tar.read_bytes())
    reader = ShardReader(str(tmp_path))
    place = reader._index(0).places(1)["actions"]
    data[place.offset + place.size - 1] ^= 1
    tar.write_bytes(data)
    ledger = FaultLedger(4, 0.25)
    loader = one_pass(batches(reader, allowed=1), ledger, batch_size=2)
    keys = [key.split("--")[0] for batch in loader for key in batch.keys]
    assert keys == [f"ep-train-0-{number}" for number in (0, 0, 2, 2, 2, 2, 3, 3)]
    assert list(ledger.faults) == ["ep-train-0-1"]


def test_the_last_action_may_be_undefined(make_episode, make_episodes, tmp_path):
    actions = make_episode("a").actions.copy()
    actions[7] = np.nan
    make_episodes(tmp_path, {"train": [1]}, actions=actions)
    batch, _ = batches(ShardReader(str(tmp_path)), count=5)[[Position(0, 0)]]
    starts = [int(key.split("--")[1]) for key in batch.keys]
    assert sorted(starts) == [0, 1, 2, 3, 4]
    assert np.array_equal(batch.actions[starts.index(4)].numpy(), actions[4:7])


@pytest.mark.parametrize(
    ("member", "array", "words"),
    [
        ("actions", None, r"\(8, 2\) expected, came none"),
        ("actions", (8, 3), r"came \(8, 3\)"),
        ("states", None, r"\(8, 1, 2\) at least expected, came none"),
        ("states", (8, 1, 1), r"came \(8, 1, 1\)"),
        ("states", (8, 0, 2), r"came \(8, 0, 2\)"),
    ],
)
def test_arrays_of_another_shape_damage_the_episode(make_episodes, tmp_path, member, array, words):
    changed = None if array is None else np.zeros(array, "<f4")
    make_episodes(tmp_path, {"train": [1]}, **{member: changed})
    with pytest.raises(ValueError, match=f"{member}: .*{words}"):
        batches(ShardReader(str(tmp_path)))[[Position(0, 0)]]
