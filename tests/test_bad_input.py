"""What a user can get wrong: ``train.py`` says what and where, and nothing is lost.

Here the whole program refuses or copes. Parts of it are tested beside the parts: options in
test_cli.py, shards in jepakit/data, checkpoint files in test_checkpoint_io.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from lightning.pytorch import Callback
from tiny_runs import MARKS, Train, checkpoint, differences, losses, tiny_config

from jepakit.data import ShardReader
from jepakit.data.manifest import Description, merge_manifest
from jepakit.data.members import EncodedSample, encode_sample
from jepakit.data.metadata import build_meta
from jepakit.data.schema import ClipFormat, Sample
from jepakit.data.shard_writer import write_shard

pytestmark = MARKS
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def copy(shards: Path, tmp_path: Path) -> Path:
    """The clips, to be damaged."""
    return Path(shutil.copytree(shards, tmp_path / "copy"))


def refusal(train: Train, *options: str, callbacks: Any = ()) -> str:
    """What the program prints when it gives up."""
    with pytest.raises(SystemExit) as exit_:
        train("run", *options, callbacks=callbacks)
    told = exit_.value.code  # a text is printed on stderr, and the exit status is 1
    assert isinstance(told, str)
    assert told.startswith("error: ")
    return told


# -- the data set --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: shutil.rmtree(folder), "No manifest.json in copy; make the data set with"),
        (lambda folder: (folder / "manifest.json").unlink(), "No manifest.json in copy"),
        (
            lambda folder: (folder / "manifest.json").write_text("{}"),
            "Manifest of schema version 1 expected",
        ),
        (
            lambda folder: (folder / "train-000001.tar").unlink(),
            "copy lacks 1 files of its manifest: ['train-000001.tar']",
        ),
        (
            lambda folder: shutil.copy(
                folder / "train-000000.index.json", folder / "train-000001.index.json"
            ),
            "train-000001.index.json in copy is not the one of the manifest",
        ),
    ],
)
def test_an_incomplete_data_set_is_refused_before_a_run_folder_exists(
    damage: Any, told: str, train: Train, copy: Path
) -> None:
    damage(copy)
    assert told in refusal(train, "--data.train", "copy")
    assert not Path("runs").exists()


def test_clips_of_another_size_are_refused(train: Train) -> None:
    told = refusal(train, "--model.encoder.size", "64")
    assert "The model takes 64x64 pixels, the clips are 32x32" in told


def cut_short(folder: Path) -> int:
    """Truncate the last training shard; how many clips are damaged."""
    shard = folder / "train-000002.tar"
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    lost, reader = 0, ShardReader(str(folder), split="train")
    for number in range(len(reader)):
        try:
            with reader.open(number) as stored:
                stored.whole()
        except ValueError:
            lost += 1
    return lost


def test_a_truncated_shard_is_skipped_within_the_budget_and_refused_above_it(
    train: Train, copy: Path
) -> None:
    lost = cut_short(copy)
    assert 2 < lost < 8
    options = ["--data.train", "copy", "--data.batch_size", "2", "--trainer.max_steps", "12"]
    options += ["--checkpoints.every_n_steps", "1", "--data.bad_sample_budget"]
    told = refusal(train, *options, str((lost - 1) / 24))
    assert f"{lost} damaged samples, but bad_sample_budget allows {lost - 1} of 24" in told
    assert told.count("train-000002.tar, sample 'train-0000") == lost
    assert "Traceback" in Path("runs/run/failures/traceback-rank-0.txt").read_text()
    assert 0 < checkpoint("run")["global_step"] < 12
    # With a larger budget the run goes on to where it would have been.
    train("run", *options, "0.5", "--resume", "true")
    cli = train("whole", *options, "0.5")
    assert len(cli.datamodule.ledger) == lost
    assert losses("run") == losses("whole")


def test_a_run_is_not_resumed_on_other_data(train: Train, copy: Path) -> None:
    train("run", "--trainer.max_steps", "2")
    before = checkpoint("run")
    write_clips(Path("other"), ["usual"] * 24)
    told = refusal(train, "--resume", "true", "--data.train", "other")
    assert "The checkpoint's data fingerprint is" in told
    assert "Resume with the same data and seed" in told
    assert not differences(before, checkpoint("run"))
    train("run", "--resume", "true", "--data.train", "copy")  # the same clips, elsewhere
    assert checkpoint("run")["global_step"] == 9


# -- what is in the clips ------------------------------------------------------------------------


def write_clips(folder: Path, kinds: list[str]) -> Path:
    """Noise with one object (``usual``), with none (``empty``), or under one (``full``)."""
    form = ClipFormat(frames=4, height=32, width=32, patch=8, tubelet=2, image="png")
    description = Description("noise", "tests/1", ("CC0-1.0",), form)

    def clips() -> Iterator[EncodedSample]:
        for number, kind in enumerate(kinds):
            labels = np.zeros(form.shape, np.uint8)
            labels[:, 4:12, 4:12] = kind == "usual"
            labels |= np.uint8(kind == "full")
            noise = np.random.default_rng(number).integers(0, 256, (*form.shape, 3), np.uint8)
            meta = build_meta(
                f"{kind}-{number}",
                form,
                source="noise",
                licence="CC0-1.0",
                fps=4.0,
                objects=[] if kind == "empty" else [{"id": 1}],
                labels={},
            )
            yield encode_sample(Sample(f"{kind}-{number}", noise, labels, meta), form)

    folder.mkdir()
    write_shard(folder, "train-000000", clips(), split="train", spec=description.digest())
    merge_manifest(folder, description, ["train-000000"])
    return folder


class KeepMasks(Callback):
    def __init__(self) -> None:
        self.fallback: dict[str, bool] = {}

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        self.fallback |= dict(zip(batch.keys, batch.masks.fallback, strict=True))


@pytest.mark.parametrize("source", ["zero", "drop"])
@pytest.mark.parametrize("kinds", [("empty",), ("full",), ("empty", "full", "usual")])
def test_clips_without_objects_or_full_of_one_train_with_blocks(
    kinds: tuple[str, ...], source: str, train: Train
) -> None:
    write_clips(Path("odd"), [kinds[i % len(kinds)] for i in range(12)])
    kept = KeepMasks()
    train("run", "--data.train", "odd", "--model.intervention", source, callbacks=[kept])
    assert len(kept.fallback) == 12
    for key, fallback in kept.fallback.items():
        assert fallback == (not key.startswith("usual"))
    assert all(np.isfinite(losses("run")["train/loss"][1]))


def test_resimulated_clips_that_are_not_there_are_asked_for(train: Train) -> None:
    write_clips(Path("plain"), ["usual"] * 6)
    told = refusal(train, "--data.train", "plain", "--model.intervention", "resimulated")
    assert "prepare the data with --counterfactuals" in told


# -- options that fit no run ---------------------------------------------------------------------


def test_a_warm_up_as_long_as_the_run_is_refused_before_the_first_batch(train: Train) -> None:
    option = "--model.optimization"
    told = refusal(train, option, "{total_steps: null, warmup_steps: 9}", callbacks=[Unreachable()])
    assert "warmup_steps (9) must be below the 9 steps of the run" in told
    train("run", option, "{total_steps: null, warmup_steps: 8}")  # the name is still free


class Unreachable(Callback):
    def on_train_start(self, trainer: Any, module: Any) -> None:
        pytest.fail("training started")


def test_spectral_sigreg_refuses_batches_of_one_but_a_validation_may_end_with_one(
    train: Train, shards: Path
) -> None:
    told = refusal(train, "--data.batch_size", "1")
    assert "needs at least 2, got a batch of 1: raise batch_size, or set the weight" in told
    validated = ["--data.val", str(shards), "--trainer.val_check_interval", "3"]
    train("fives", *validated, "--data.batch_size", "5", "--trainer.max_steps", "3")
    assert np.isfinite(losses("fives")["val/loss"][1]).all()  # 6 clips: 5 and 1
    train("ones", "--data.batch_size", "1", "--model.sigreg_weight", "0")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--model.encoder.heads=3", "error: width (32) must be a multiple of heads (3)."),
        ("--model.predictor.init_args.slots=2", "error: ObjectMasker hides up to 4 regions"),
        ("--collapse.samples=1", "error: The monitor needs samples >= 2"),
        ("--trainer.devices=0", "error: `Trainer(devices='0')` value is not a valid input"),
    ],
)
def test_what_a_part_refuses_is_told_like_a_wrong_option(
    option: str, told: str, train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        train("run", option)
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(told)
    assert len(error.splitlines()) == 1
    assert not Path("runs").exists()


def test_the_program_ends_with_one_line_and_status_1(shards: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_config(shards)))
    command = [sys.executable, str(ROOT / "train.py"), "--config", "tiny.yaml"]
    done = subprocess.run(
        [*command, "--data.train", "nowhere", "--data.val", "nowhere"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 1
    expected = "error: No manifest.json in nowhere; make the data set with python -m data_prep.\n"
    assert done.stderr == expected


# -- a full disk ---------------------------------------------------------------------------------

FULL = Path("/dev/full")


class FillDisk(Callback):
    """From the given step on, what is written for ``last.ckpt`` meets a full disk."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: Any, *rest: Any) -> None:
        if trainer.global_step == self.step:
            Path("runs/run/checkpoints/last.ckpt.writing").symlink_to(FULL)


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
def test_a_full_disk_stops_the_run_and_the_checkpoint_before_goes_on(train: Train) -> None:
    often = ["--checkpoints.every_n_steps", "2"]
    told = refusal(train, *often, callbacks=[FillDisk(6)])
    assert "Could not write runs/run/checkpoints/last.ckpt: No space left on device" in told
    assert "The checkpoint written before it is untouched" in told
    assert checkpoint("run")["global_step"] == 4
    train("run", *often, "--resume", "true")
    train("whole", *often)
    assert losses("run") == losses("whole")
    assert not differences(checkpoint("run")["state_dict"], checkpoint("whole")["state_dict"])


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
def test_a_failed_save_can_be_allowed(train: Train) -> None:
    options = ["--checkpoints.every_n_steps", "2", "--save_failures_allowed", "1"]
    with pytest.warns(UserWarning, match="No space left on device.*Training goes on"):
        train("run", *options, callbacks=[FillDisk(6)])
    assert checkpoint("run")["global_step"] == 9


def test_damaged_checkpoints_are_not_continued(train: Train) -> None:
    train("run", "--trainer.max_steps", "4", "--checkpoints.every_n_steps", "2")
    folder = Path("runs/run/checkpoints")
    (folder / "last.ckpt").write_bytes(b"no checkpoint")
    with pytest.warns(UserWarning, match=r"last.ckpt is damaged.*Falling back"):
        cli = train("run", "--resume", "true", "--trainer.max_steps", "4")
    assert cli.trainer.global_step == 4
    for file in folder.glob("last*.ckpt"):
        file.write_bytes(b"no checkpoint")
    told = refusal(train, "--resume", "true")
    assert "last.ckpt is damaged: its SHA-256 is not the recorded one" in told
    assert "No earlier checkpoint is left" in told
