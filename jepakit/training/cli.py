"""The command line of ``train.py``: options in, a run folder out."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from rich.console import Console

from jepakit.training.callbacks import (
    CollapseMonitor,
    FailureReport,
    OnlineProbe,
    Progress,
    RunCheckpoints,
    RunRecord,
    Throughput,
)
from jepakit.training.callbacks.dry_run import ONE_STEP, DryRun
from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.metrics_file import MetricsFile
from jepakit.training.module import JepaModule
from jepakit.training.option_errors import OptionParser
from jepakit.training.precision import refuse_emulated_bf16
from jepakit.training.refusals import REFUSALS, last_words
from jepakit.training.resumption import own_config, refuse_other_model
from jepakit.training.runs import RunFolder, fill

TRAINER = {
    "check_val_every_n_epoch": None,  # one endless epoch
    "val_check_interval": 500,
    "num_sanity_val_steps": 0,
    "log_every_n_steps": 50,
    "use_distributed_sampler": False,  # the data module deals samples to ranks
    "enable_checkpointing": False,  # ours are callbacks of the run folder
    "enable_progress_bar": False,
    "enable_model_summary": False,
}
"""What differs from Lightning's own defaults."""

OF_THE_COMMAND = ("config", "name", "runs", "resume", "dry_run")
"""Options that say how to run, not what; not part of a run's ``config.yaml``."""


class TrainCLI(LightningCLI):
    """Builds model, data and trainer from options, all checked before anything is built."""

    def __init__(self, args: ArgsType = None) -> None:
        """Parse and build; :meth:`fit` trains."""
        _quiet()
        super().__init__(
            JepaModule,
            LightningDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            run=False,
            args=args,
            save_config_callback=None,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            seed_everything_default=0,
            trainer_defaults=TRAINER,
            parser_class=OptionParser,
            parser_kwargs={"allow_abbrev": False},
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Options of the run folder, and of the callbacks every run has."""
        parser.add_argument("--name", type=str | None, help="Run folder; by default the configs'.")
        parser.add_argument("--runs", type=str, default="runs", help="Where run folders lie.")
        parser.add_argument(
            "--resume",
            type=bool | Literal["auto"],
            default=False,
            help="Continue the run: true, or auto (if there is something to continue).",
        )
        parser.add_argument(
            "--start_from",
            type=str | None,
            help="Run folder whose last weights a new run starts with: an earlier stage, or "
            "published weights written by vjepa2.convert. Optimizer and schedules start afresh.",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Build, take one step, print sizes, write nothing.",
        )
        parser.add_argument(
            "--save_failures_allowed",
            type=int,
            default=0,
            help="Checkpoints in a row that may fail (full disk) before the run stops.",
        )
        parser.add_lightning_class_args(RunCheckpoints, "checkpoints")
        parser.add_lightning_class_args(Throughput, "throughput")
        parser.add_lightning_class_args(CollapseMonitor, "collapse")
        parser.add_lightning_class_args(OnlineProbe, "probe")
        parser.add_lightning_class_args(Progress, "progress")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse; a resumed run without ``--config`` takes its own."""
        if args is None:
            args = sys.argv[1:]
        if isinstance(args, list):
            args = [*own_config(args), *args]
        self.config = (
            parser.parse_args(args) if isinstance(args, list) else parser.parse_object(args)
        )

    def before_instantiate_classes(self) -> None:
        """Refuse what would fail late, or silently do something else."""
        try:
            self._check_trainer()
            self.run_folder = RunFolder(Path(self.config["runs"]) / self._name())
            self.checkpoint = self._checkpoint()
        except ValueError as error:
            self.parser.error(str(error))

    def instantiate_classes(self) -> None:
        """Build; what a part refuses is told like a wrong option."""
        try:
            super().instantiate_classes()
            if self.config["start_from"]:  # a checkpoint to resume from then replaces the weights
                fill(self.model, RunFolder(Path(self.config["start_from"])))
            elif self.model.needs_weights and not (self.checkpoint or self.config["dry_run"]):
                why = self.model.needs_weights
                raise ValueError(f"{why}: pass --start_from RUN, the run of the first stage.")
        except (ValueError, FileNotFoundError, MisconfigurationException) as error:
            self.parser.error(str(error))

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Trainer with the run folder's loggers, callbacks and checkpoint writer."""
        options = {**self.config_init["trainer"], **kwargs}
        callbacks = list(options.get("callbacks") or [])
        if self.config["dry_run"]:
            return Trainer(**options | ONE_STEP | {"callbacks": [*callbacks, DryRun()]})
        folder = self.run_folder
        self.config_init["checkpoints"].folder = folder.checkpoints
        standard = [self.config_init[key] for key in self.parser.callback_keys]
        record = RunRecord(folder.record, config=self._config_text())
        failures = FailureReport(folder.failures)
        options["callbacks"] = [*callbacks, *standard, failures, record]
        options["logger"] = [MetricsFile(folder.metrics), *_loggers(options["logger"], folder.path)]
        plugins = options["plugins"] or []
        durable = DurableCheckpointIO(self.config["save_failures_allowed"])
        options["plugins"] = [*(plugins if isinstance(plugins, list) else [plugins]), durable]
        return Trainer(**options | {"default_root_dir": folder.path})

    def fit(self) -> None:
        """Train, from the beginning or from the last checkpoint."""
        self.model.step_seed = int(self.config["seed_everything"])
        self._announce()
        path = None if self.checkpoint is None else str(self.checkpoint)
        try:
            self.trainer.fit(
                self.model, datamodule=self.datamodule, ckpt_path=path, weights_only=True
            )
        except SIGTERMException:
            if self.trainer.is_global_zero:
                step = self.trainer.global_step
                sys.stderr.write(f"SIGTERM: saved after step {step}, go on with --resume true.\n")
            sys.exit(143)  # 128 + SIGTERM, as schedulers expect it
        except REFUSALS as error:
            sys.exit(last_words(error, self.run_folder.failures, rank=_rank()))

    def _check_trainer(self) -> None:
        trainer = self.config["trainer"]
        if trainer["max_steps"] < 1:
            raise ValueError(
                "trainer.max_steps is required (optimizer steps): the training data is one endless "
                "stream and has no epochs."
            )
        if (
            trainer["max_epochs"] not in (None, -1)
            or trainer["check_val_every_n_epoch"] is not None
        ):
            raise ValueError(
                "There are no epochs: leave trainer.max_epochs and trainer.check_val_every_n_epoch "
                "out, and use trainer.max_steps and trainer.val_check_interval."
            )
        interval, micro = trainer["val_check_interval"], trainer["accumulate_grad_batches"]
        if isinstance(interval, int) and interval % micro:
            raise ValueError(
                f"trainer.val_check_interval ({interval}) counts batches and must be a multiple of "
                f"accumulate_grad_batches ({micro}), or a validation would fall inside a step."
            )
        cpu = trainer["accelerator"] == "cpu" or not torch.accelerator.is_available()
        refuse_emulated_bf16(trainer["precision"], "cpu" if cpu else "gpu")

    def _name(self) -> str:
        if self.config["name"]:
            return self.config["name"]
        configs = [Path(str(path)).stem for path in self.config.get("config") or []]
        if not configs and not self.config["dry_run"]:
            raise ValueError("A run needs a name: pass --name, or a --config to be named after.")
        return "-".join(configs) or "dry-run"

    def _checkpoint(self) -> Path | None:
        """What to continue from; only rank 0 judges, the others start while it already writes."""
        folder, resume = self.run_folder, self.config["resume"]
        if self.config["dry_run"]:
            return None
        if resume and folder.resumable():
            refuse_other_model(folder, yaml.safe_load(self._config_text()))
            return folder.last
        if resume is True:
            raise ValueError(f"There is nothing to resume in {folder.path}: no {folder.last.name}.")
        if _rank() == 0 and folder.config.exists() and folder.resumable():
            raise ValueError(
                f"The run {folder.path} exists. Continue it with --resume true, or choose another "
                "--name, or remove it."
            )
        return None

    def _config_text(self) -> str:
        config = self.config.clone()
        for key in OF_THE_COMMAND:
            config.pop(key, None)
        return self.parser.dump(config, skip_validation=True)

    @rank_zero_only
    def _announce(self) -> None:
        teachers = {p for _, teacher in self.model.ema_pairs() for p in teacher.parameters()}
        trained = {p for p in self.model.parameters() if p.requires_grad} - teachers
        parameters = sum(p.numel() for p in trained)
        start = (
            f"continues {self.checkpoint}" if self.checkpoint else f"into {self.run_folder.path}"
        )
        what = "dry run" if self.config["dry_run"] else start
        trainer = self.trainer
        devices = f"{trainer.world_size} x {trainer.strategy.root_device.type}"
        Console().print(
            f"{type(self.model).__name__}, {parameters:,} trained parameters, "
            f"{trainer.max_steps} steps on {devices} in {trainer.precision}, {what}",
            highlight=False,
            soft_wrap=True,
        )


def _quiet() -> None:
    """Leave out what a user of this program can do nothing about."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*", category=FutureWarning)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")


def _rank() -> int:
    """Rank before there is a process group, from what the launcher set."""
    return rank_zero_only.rank  # type: ignore[attr-defined]


def _loggers(chosen: Any, folder: Path) -> list[Logger]:
    """TensorBoard unless something else was chosen; ``false`` leaves ``metrics.csv`` alone."""
    if chosen is None or chosen is True:
        return [TensorBoardLogger(save_dir=folder, name="", version="tensorboard")]
    if chosen is False:
        return []
    return chosen if isinstance(chosen, list) else [chosen]
