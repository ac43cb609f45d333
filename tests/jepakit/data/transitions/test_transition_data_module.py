import dataclasses

import numpy as np
import pytest
from batch_recording import fit, keys_of, seen_by_two_ranks
from transition_recorder import REQUEST, TransitionRecorder

from jepakit.data.manifest import merge_manifest
from jepakit.data.transitions import TransitionDataModule
from jepakit.transitions import TransitionBatch

# Lightning 2.6 with torch 2.15, and its advice.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step`:UserWarning"),
]


@pytest.fixture
def path(make_episodes, tmp_path):
    make_episodes(tmp_path / "set", {"train": [5, 4, 2], "val": [3, 2]})
    return str(tmp_path / "set")


@pytest.fixture
def recorder(space):
    return lambda **options: TransitionRecorder(options.pop("actions", space), **options)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(path, tmp_path, recorder, workers):
    options = {"batch_size": 6, "windows_per_episode": 2, "seed": 1}
    whole, _ = fit(tmp_path, TransitionDataModule(path, **options), 9, module=recorder())
    first, trainer = fit(tmp_path, TransitionDataModule(path, **options), 4, module=recorder())
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    data = TransitionDataModule(path, **options, workers=workers)
    second, _ = fit(tmp_path, data, 9, module=recorder(), checkpoint=tmp_path / "c.ckpt")
    assert first.seen + second.seen == whole.seen
    episodes = [key.split("--")[0] for keys, *_ in whole.seen for key in keys[::2]]
    assert len(episodes) == 27
    assert sorted(episodes[:11]) == sorted(episodes[11:22]) == sorted(set(episodes))


def test_batch_size_counts_windows_and_epochs_show_other_ones(path, tmp_path, recorder):
    data = TransitionDataModule(path, batch_size=4, windows_per_episode=4)
    module, _ = fit(tmp_path, data, 22, module=recorder())
    assert {len(batch) for batch in module.batches} == {4}
    assert all(isinstance(batch, TransitionBatch) for batch in module.batches)
    first, second = ({key for keys, *_ in module.seen[i : i + 11] for key in keys} for i in (0, 11))
    assert len(first) == len(second) == 44
    assert first != second


def test_a_batch_must_divide_into_episodes(path):
    with pytest.raises(ValueError, match="batch of 6 rows does not divide into samples of 4"):
        TransitionDataModule(path, batch_size=6, windows_per_episode=4)


def test_validation_shows_the_middle_of_each_episode_once(path, tmp_path, recorder):
    data = TransitionDataModule(path, val=path, batch_size=2)
    options = {"val_check_interval": 2, "check_val_every_n_epoch": None}
    module, _ = fit(tmp_path, data, 4, module=recorder(), **options)
    assert module.validated[:3] == module.validated[3:]
    keys = keys_of(module.validated[:3])
    assert len(set(keys)) == 5
    assert {key.split("--")[1] for key in keys} == {"2"}


def test_actions_of_another_space_are_named(path, tmp_path, recorder, space):
    other = dataclasses.replace(space, names=("left", "up"), high=(1.0, 2.0))
    expected = (
        r"actions are not those of .*set: expected names \('left', 'up'\), came \('dx', 'dy'\); "
        r"high \(1.0, 2.0\), came \(1.0, 1.0\)\. Give the model"
    )
    with pytest.raises(ValueError, match=expected):
        fit(tmp_path, TransitionDataModule(path), 1, module=recorder(actions=other))
    unlike = dataclasses.replace(space, state_names=("x", "angle"))
    with pytest.raises(ValueError, match=r"state_names \('x', 'angle'\), came \('x', 'y'\)"):
        fit(tmp_path, TransitionDataModule(path), 1, module=recorder(actions=unlike))
    stateless = dataclasses.replace(space, state_names=(), changes=())
    fit(tmp_path, TransitionDataModule(path), 1, module=recorder(actions=stateless))


def test_clips_without_actions_are_refused(make_episodes, tmp_path, recorder):
    make_episodes(tmp_path, {"train": [1]}, space=None, proprio=None)
    with pytest.raises(ValueError, match="has no actions: its manifest declares no action space"):
        fit(tmp_path, TransitionDataModule(str(tmp_path)), 1, module=recorder())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frames": 9}, "windows of 9 frames, the episodes have 8"),
        ({"size": (32, 32)}, r"takes 32x32 pixels, the episodes of .* are 16x16\. Prepare"),
        ({"labels": True}, "asks for label maps"),
    ],
)
def test_what_the_model_takes_is_held_against_the_episodes(path, tmp_path, recorder, change, words):
    module = recorder(request=dataclasses.replace(REQUEST, **change))
    with pytest.raises(ValueError, match=words):
        fit(tmp_path, TransitionDataModule(path), 1, module=module)


def test_undefined_actions_stop_the_run_above_the_budget(
    make_episode, make_episodes, tmp_path, recorder
):
    actions = make_episode("a").actions.copy()
    actions[0] = np.nan
    make_episodes(tmp_path, {"bad": [2]}, actions=actions)
    description = make_episodes(tmp_path, {"train": [7]}).description
    for index in tmp_path.glob("*.index.json"):  # the damaged episodes join the training split
        index.write_bytes(index.read_bytes().replace(b'"split":"bad"', b'"split":"train"'))
    merge_manifest(tmp_path, description, ["train-000000", "bad-000000"])
    with pytest.raises(ValueError, match=r"bad_sample_budget allows 1 of 9.*\n.*not finite"):
        fit(tmp_path, TransitionDataModule(str(tmp_path), batch_size=3), 9, module=recorder())
    data = TransitionDataModule(str(tmp_path), batch_size=3, bad_sample_budget=0.25)
    module, _ = fit(tmp_path, data, 9, module=recorder())
    assert len(data.ledger) == 2
    assert all(batch.actions.isfinite().all() for batch in module.batches)


@pytest.mark.ddp
def test_two_ranks_share_the_stream_of_one(path, tmp_path, recorder):
    ranks = seen_by_two_ranks(
        tmp_path,
        path,
        imports="from transition_recorder import TransitionRecorder\n"
        "from jepakit.data.shard_reader import ShardReader\n"
        "from jepakit.data.transitions import TransitionDataModule",
        data="TransitionDataModule(sys.argv[1], val=sys.argv[1], batch_size=4, "
        "windows_per_episode=2)",
        module="TransitionRecorder(ShardReader(sys.argv[1]).manifest.description.actions)",
        steps=7,
    )
    keys = [[batch[0] for batch in rank["seen"]] for rank in ranks]
    assert all(not set(a) & set(b) for a, b in zip(*keys, strict=True))
    data = TransitionDataModule(path, batch_size=8, windows_per_episode=2)
    alone, _ = fit(tmp_path, data, 7, module=recorder())
    together = [a + b for a, b in zip(*keys, strict=True)]
    assert together == [batch[0] for batch in alone.seen]
    validated = [set(keys_of(rank["validated"])) for rank in ranks]
    assert len(validated[0] | validated[1]) == 10
