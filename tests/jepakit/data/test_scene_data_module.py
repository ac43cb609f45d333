import json
from pathlib import Path

import batch_recording
import pytest
import torch
from batch_recording import Recorder, keys_of, seen_by_two_ranks

from jepakit.batch import BatchRequest
from jepakit.data.module import SceneDataModule
from jepakit.masks.objects import ObjectMasker

# Lightning 2.6 with torch 2.15, and its advice.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step`:UserWarning"),
]


def fit(*given, module=None, **options):
    return batch_recording.fit(*given, module=module or Recorder(masker=ObjectMasker()), **options)


@pytest.fixture
def path(make_set, tmp_path):
    make_set(tmp_path / "set", {"train": [5, 4, 2], "val": [3, 2]}, objects=2)
    return str(tmp_path / "set")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(path, tmp_path, workers):
    whole, _ = fit(tmp_path, SceneDataModule(path, batch_size=3, seed=1), 9)
    first, trainer = fit(tmp_path, SceneDataModule(path, batch_size=3, seed=1), 4)
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    data = SceneDataModule(path, batch_size=3, seed=1, workers=workers)
    second, _ = fit(tmp_path, data, 9, checkpoint=tmp_path / "c.ckpt")
    assert first.seen + second.seen == whole.seen
    assert len(whole.seen) == 9
    # 27 samples of an epoch of 11: each sample twice or three times
    keys = keys_of(whole.seen)
    assert sorted(keys[:11]) == sorted(keys[11:22]) == sorted(set(keys))


def test_accumulation_and_another_batch_size_continue_the_same_order(path, tmp_path):
    whole, _ = fit(tmp_path, SceneDataModule(path, batch_size=1), 24)
    order = keys_of(whole.seen)
    first, trainer = fit(
        tmp_path, SceneDataModule(path, batch_size=2), 3, accumulate_grad_batches=2
    )
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    data = SceneDataModule(path, batch_size=3)
    second, _ = fit(tmp_path, data, 7, checkpoint=tmp_path / "c.ckpt")
    keys = keys_of(first.seen + second.seen)
    assert keys == order[: 3 * 2 * 2 + 4 * 3]


def test_position_is_saved_with_what_gives_it_meaning(path, tmp_path):
    _, trainer = fit(tmp_path, SceneDataModule(path, batch_size=3, seed=4), 5)
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    saved = torch.load(tmp_path / "c.ckpt", weights_only=True)["SceneDataModule"]
    fingerprint = json.loads((Path(path) / "manifest.json").read_bytes())["fingerprint"]
    assert saved == {
        "position": (1, 4),
        "global_step": 5,
        "seed": 4,
        "fingerprint": fingerprint,
    }


def test_other_data_or_another_seed_are_refused_on_resume(path, make_set, tmp_path):
    _, trainer = fit(tmp_path, SceneDataModule(path, batch_size=3), 2)
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    make_set(tmp_path / "other", {"train": [6]})
    for data, name in (
        (SceneDataModule(path, batch_size=3, seed=1), "seed"),
        (SceneDataModule(str(tmp_path / "other"), batch_size=3), "fingerprint"),
    ):
        with pytest.raises(ValueError, match=f"data {name} is .* order of samples would change"):
            fit(tmp_path, data, 4, checkpoint=tmp_path / "c.ckpt")


def test_validation_is_one_pass_the_same_every_time(path, tmp_path):
    data = SceneDataModule(path, val=path, batch_size=2)
    module, _ = fit(tmp_path, data, 4, val_check_interval=2, check_val_every_n_epoch=None)
    assert len(module.validated) == 6
    assert module.validated[:3] == module.validated[3:]
    assert [len(keys) for keys, *_ in module.validated[:3]] == [2, 2, 1]
    assert len(set(keys_of(module.validated))) == 5


def test_what_the_model_asks_for_is_held_against_the_shards_in_setup(path, tmp_path):
    module = Recorder(BatchRequest(frames=4, size=(16, 16), patch=8, tubelet=2))
    with pytest.raises(ValueError, match=r"takes 16x16 pixels, the clips are 32x32"):
        fit(tmp_path, SceneDataModule(path), 1, module=module)
    module, _ = fit(tmp_path, SceneDataModule(path, batch_size=2, crop=True), 2, module=module)
    assert len(module.seen) == 2


def test_a_missing_split_is_named(path, tmp_path):
    with pytest.raises(ValueError, match="No split 'dev'"):
        fit(tmp_path, SceneDataModule(path, splits=("dev", "val")), 1)


def test_damaged_samples_stop_the_run_above_the_budget(path, tmp_path):
    tar = Path(path) / "train-000000.tar"
    tar.write_bytes(tar.read_bytes()[:2048])
    with pytest.raises(ValueError, match="bad_sample_budget allows 1 of 11"):
        fit(tmp_path, SceneDataModule(path, batch_size=3), 9)
    data = SceneDataModule(path, batch_size=3, bad_sample_budget=0.5)
    fit(tmp_path, data, 9)
    assert len(data.ledger) == 5


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (
            "drop",
            "train: 3 of 11 samples fill no global batch of 4; in every epoch they are left out",
        ),
        ("pad", "they are completed with the first 1"),
        ("carry", None),
    ],
)
def test_what_happens_to_the_last_samples_is_said_once(path, tmp_path, caplog, last, words):
    with caplog.at_level("INFO"):
        fit(tmp_path, SceneDataModule(path, batch_size=4, last=last), 7)
    said = [r.getMessage() for r in caplog.records if "fill no global batch" in r.getMessage()]
    assert len(said) == (words is not None)
    assert words is None or words in said[0]


def test_without_a_trainer(path):
    with pytest.raises(ValueError, match="needs a trainer"):
        SceneDataModule(path).setup("fit")


def test_each_lightning_epoch_continues_the_stream(path, tmp_path):
    whole, _ = fit(tmp_path, SceneDataModule(path, batch_size=2), 6)
    parts, _ = fit(tmp_path, SceneDataModule(path, batch_size=2), 6, limit_train_batches=2)
    assert parts.seen == whole.seen


@pytest.mark.ddp
def test_two_ranks_on_unequal_shards_do_not_hang_and_one_continues_their_order(path, tmp_path):
    ranks = seen_by_two_ranks(
        tmp_path,
        path,
        imports="from jepakit.data.module import SceneDataModule\n"
        "from jepakit.masks.objects import ObjectMasker",
        data="SceneDataModule(sys.argv[1], val=sys.argv[1], batch_size=2)",
        module="Recorder(masker=ObjectMasker())",
        steps=7,
    )
    together = [
        key for a, b in zip(*(r["seen"] for r in ranks), strict=True) for key in a[0] + b[0]
    ]
    alone, _ = fit(tmp_path, SceneDataModule(path, batch_size=4), 10)
    order = keys_of(alone.seen)
    assert together == order[:28]
    resumed, _ = fit(
        tmp_path, SceneDataModule(path, batch_size=4), 10, checkpoint=tmp_path / "two.ckpt"
    )
    assert keys_of(resumed.seen) == order[28:]
    validated = [keys_of(rank["validated"]) for rank in ranks]
    assert len(validated[0]) == len(validated[1])
    assert len(set(validated[0]) | set(validated[1])) == 5


def test_one_path_for_both_splits(path):
    data = SceneDataModule("elsewhere", path=path, batch_size=2)
    assert (data.train, data.val) == (path, path)
    assert data.val_dataloader.__func__ is SceneDataModule.val_dataloader
