import json
import os
import subprocess
import sys
from pathlib import Path

import lightning as L
import pytest
import torch

import jepakit
from jepakit.batch import BatchRequest
from jepakit.data.module import SceneDataModule
from jepakit.masks.objects import ObjectMasker

REQUEST = BatchRequest(frames=4, size=(32, 32), patch=8, tubelet=2)

# Lightning 2.6 with torch 2.15, and its advice.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step`:UserWarning"),
]


class Recorder(L.LightningModule):
    """Trains one number and remembers every batch."""

    def __init__(self, request=REQUEST):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.request = request
        self.masker = ObjectMasker()
        self.seen, self.validated = [], []

    def training_step(self, batch, batch_idx):
        self.seen.append((batch.keys, tuple(batch.masks.target.index.tolist())))
        return self.weight * batch.frames.float().mean()

    def validation_step(self, batch, batch_idx):
        self.validated.append((batch.keys, tuple(batch.masks.target.index.tolist())))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(root, data, steps, *, checkpoint=None, module=None, **options):
    module = module or Recorder()
    trainer = L.Trainer(
        accelerator="cpu",
        max_steps=steps,
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=root,
        num_sanity_val_steps=0,
        **options,
    )
    trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
    return module, trainer


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
    keys = [key for batch, _ in whole.seen for key in batch]
    assert sorted(keys[:11]) == sorted(keys[11:22]) == sorted(set(keys))


def test_accumulation_and_another_batch_size_continue_the_same_order(path, tmp_path):
    whole, _ = fit(tmp_path, SceneDataModule(path, batch_size=1), 24)
    order = [key for batch, _ in whole.seen for key in batch]
    first, trainer = fit(
        tmp_path, SceneDataModule(path, batch_size=2), 3, accumulate_grad_batches=2
    )
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    data = SceneDataModule(path, batch_size=3)
    second, _ = fit(tmp_path, data, 7, checkpoint=tmp_path / "c.ckpt")
    keys = [key for module in (first, second) for batch, _ in module.seen for key in batch]
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
    assert [len(keys) for keys, _ in module.validated[:3]] == [2, 2, 1]
    assert len({key for keys, _ in module.validated for key in keys}) == 5


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


RANK_PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
import json, os
from test_scene_data_module import SceneDataModule, fit
module, trainer = fit(
    sys.argv[3], SceneDataModule(sys.argv[2], val=sys.argv[2], batch_size=2), 7,
    strategy="ddp", devices=2, use_distributed_sampler=False,
    val_check_interval=7, check_val_every_n_epoch=None,
)
trainer.save_checkpoint(os.path.join(sys.argv[3], "two.ckpt"))
with open(os.path.join(sys.argv[3], f"rank{trainer.global_rank}.json"), "w") as file:
    json.dump({"seen": module.seen, "validated": module.validated}, file)
"""


@pytest.mark.ddp
def test_two_ranks_on_unequal_shards_do_not_hang_and_one_continues_their_order(path, tmp_path):
    program = tmp_path / "ranks.py"
    program.write_text(RANK_PROGRAM)
    here = str(Path(__file__).parent)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += ["--standalone", str(program), here, path, str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    environment["PYTHONPATH"] = str(Path(jepakit.__file__).parents[1])
    subprocess.run(command, check=True, timeout=120, env=environment, capture_output=True)
    ranks = [json.loads((tmp_path / f"rank{rank}.json").read_bytes()) for rank in (0, 1)]
    together = [
        key for a, b in zip(*(r["seen"] for r in ranks), strict=True) for key in a[0] + b[0]
    ]
    alone, _ = fit(tmp_path, SceneDataModule(path, batch_size=4), 10)
    order = [key for batch, _ in alone.seen for key in batch]
    assert together == order[:28]
    resumed, _ = fit(
        tmp_path, SceneDataModule(path, batch_size=4), 10, checkpoint=tmp_path / "two.ckpt"
    )
    assert [key for batch, _ in resumed.seen for key in batch] == order[28:]
    validated = [[key for keys, _ in rank["validated"] for key in keys] for rank in ranks]
    assert len(validated[0]) == len(validated[1])
    assert len(set(validated[0]) | set(validated[1])) == 5


def test_one_path_for_both_splits(path):
    data = SceneDataModule("elsewhere", path=path, batch_size=2)
    assert (data.train, data.val) == (path, path)
    assert data.val_dataloader.__func__ is SceneDataModule.val_dataloader
