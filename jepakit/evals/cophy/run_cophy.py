"""From a run folder and a data set of pairs to errors of every entrant, task by task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from rich.progress import Progress
from torch import Tensor

from jepakit.counted import counted
from jepakit.data.shard_reader import ShardReader
from jepakit.evals.cophy.baselines import copies, position_errors, resimulations
from jepakit.evals.cophy.clips import (
    PairClips,
    PairFrames,
    Tokenise,
    all_tokens,
    object_shares,
    pair_tokens,
    pixel_tokens,
)
from jepakit.evals.cophy.fitting import check_apart, check_fit, check_rates, pairs_of, trainable
from jepakit.evals.cophy.head import CounterfactualHead, Layout, PositionScale
from jepakit.evals.cophy.options import CophyOptions
from jepakit.evals.cophy.pairs import Pairs
from jepakit.evals.cophy.result import NO_CLIP, PIXELS, TRAINED, UNTRAINED, CophyResult
from jepakit.evals.cophy.training import Recipe, Rows, Targets, predict_positions, train_head
from jepakit.evals.probes.controls import random_init
from jepakit.evals.probes.run_probe import encoder_of
from jepakit.protocols import Encoder
from jepakit.seeds import derive_seed
from jepakit.training.runs import build_run, load_run

FINE_TUNED = ", fine-tuned"
ENCODED = 32  # pairs at a time
LOWER = 0.1  # of the pretraining learning rate: the paper's fine-tuning


@dataclass
class TaskData:
    """One task.

    Attributes:
        task: its name.
        pairs: by part, ``train`` and ``test``.
        clips: their pixels.
        scale: of positions, from the training pairs.
        shares: where the training pairs' objects are in the tokens, if masks tell.
    """

    task: str
    pairs: dict[str, Pairs]
    clips: dict[str, PairClips]
    scale: PositionScale
    shares: Tensor | None


class RunCophy:
    """A trained run, its untrained twins and a data set of pairs, held against each other.

    Args:
        run: the run folder.
        data: the data set.
        options: how it is measured.

    Raises:
        FileNotFoundError: no run, or no such checkpoint.
        ValueError: no such data set, split or task, data that are no pairs, a pair on both sides or
            with one half missing, clips of another size or rate than the run's, or a run without an
            encoder of clips.
    """

    def __init__(self, run: Path, data: str, *, options: CophyOptions | None = None) -> None:
        self.run, self.data = run, data
        self.options = o = options or CophyOptions()
        device = o.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        module = load_run(run, o.checkpoint)
        self._encoder: Encoder = encoder_of(module, o.encoder)
        self.lr = LOWER * module.optimization.lr
        self.request = self._encoder.request
        if o.mode == "finetune":
            trainable(self._encoder, run)
        self.test_split = o.test_split
        if self.test_split == "auto":
            splits = ShardReader(data).manifest.splits
            self.test_split = "test" if "test" in splits else "val"
        readers = {
            "train": ShardReader(data, split=o.train_split),
            "test": ShardReader(data, split=self.test_split),
        }
        check_fit(readers["train"].form, self.request, data)
        found = {part: pairs_of(reader, o.task) for part, reader in readers.items()}
        check_rates(run, found)
        check_apart(found["train"], found["test"])
        limits = {"train": o.train_pairs, "test": o.test_pairs}
        self.tasks = []
        for task in sorted(set(found["train"]) & set(found["test"])):
            pairs = {part: found[part][task].first(limits[part]) for part in readers}
            clips = {part: PairClips(readers[part], pairs[part]) for part in readers}
            scale = PositionScale.of(pairs["train"])
            shares = object_shares(readers["train"], pairs["train"], self.request)
            self.tasks.append(TaskData(task, pairs, clips, scale, shares))
        if not self.tasks:
            raise ValueError(
                f"'{o.train_split}' has pairs of {sorted(found['train'])}, '{self.test_split}' of "
                f"{sorted(found['test'])}: no task is in both."
            )

    def measure(self, progress: Progress | None = None) -> CophyResult:
        """Errors of all entrants on the test pairs of each task."""
        errors: dict[str, dict[str, Float[np.ndarray, " s"]]] = {}
        for data in self.tasks:
            test = data.pairs["test"]
            error = partial(position_errors, future=test.future, present=test.present)
            found = [self._of_seed(data, self.options.seed + s, progress) for s in self._seeds()]
            errors[data.task] = {
                name: np.mean([error(one[name]) for one in found], axis=0) for name in found[0]
            }
            fixed = copies(test) | resimulations(test)
            errors[data.task] |= {name: error(positions) for name, positions in fixed.items()}
        names = {data.task: data.pairs["test"].names for data in self.tasks}
        return CophyResult.of(
            errors, names, self._source(), mode=self.options.mode, draws=self.options.draws,
            seed=self.options.seed,
        )  # fmt: skip

    def _seeds(self) -> range:
        return range(self.options.seeds)

    def _of_seed(
        self, data: TaskData, seed: int, progress: Progress | None
    ) -> dict[str, Float[np.ndarray, "s t k p"]]:
        """Predicted positions of the test pairs by every learned entrant."""
        tuned: dict[str, Any] = {}
        module = load_run(self.run, self.options.checkpoint)  # fine-tuning changes it
        trained = encoder_of(module.to(self.device), self.options.encoder)
        twin = random_init(lambda: build_run(self.run), seed).to(self.device)
        untrained = encoder_of(twin, self.options.encoder)
        found: dict[str, Any] = {}
        for name, encoder in ((TRAINED, trained), (UNTRAINED, untrained)):
            found[name], head = self._frozen(data, encoder.encode, seed, name, progress)
            if self.options.mode == "finetune":
                told = _advancing(progress, f"{data.task}: {name}{FINE_TUNED}", self._tune_steps)
                tuned[name + FINE_TUNED] = self._finetuned(data, encoder, head, seed, told)
        found[PIXELS], _ = self._frozen(data, pixel_tokens(self.request), seed, PIXELS, progress)
        found[NO_CLIP], _ = self._frozen(data, None, seed, NO_CLIP, progress)
        return tuned | found

    @property
    def _tune_steps(self) -> int:
        return self.options.finetune_steps

    def _frozen(
        self,
        data: TaskData,
        tokenise: Tokenise | None,
        seed: int,
        name: str,
        progress: Progress | None,
    ) -> tuple[Float[np.ndarray, "s t k p"], CounterfactualHead]:
        """Fit a head on tokens taken once."""
        told = _advancing(progress, f"{data.task}: {name}", self.options.steps)
        kept: dict[str, Tensor] = {}
        if tokenise is not None:
            for part, clips in data.clips.items():
                kept[part] = all_tokens(
                    tokenise, clips, self.request, batch_size=ENCODED, device=self.device
                )

        def tokens(part: str, rows: Rows) -> Tensor | None:
            return kept[part][rows].to(self.device) if kept else None

        width = kept["train"].shape[-1] if kept else 0
        head = random_init(lambda: CounterfactualHead(self._layout(data, width)), seed)
        head = head.to(self.device)
        if kept:
            head.readout.standardise(kept["train"].to(self.device))
        o = self.options
        recipe = Recipe(steps=o.steps, batch_size=o.batch_size, lr=o.lr, seed=seed)
        with _seeded("cophy-head", seed):
            train_head(head, partial(tokens, "train"), self._targets(data), recipe, advance=told)
        return self._predicted(data, head, partial(tokens, "test")), head

    def _finetuned(
        self,
        data: TaskData,
        encoder: Encoder,
        head: CounterfactualHead,
        seed: int,
        told: Callable[[int], None] | None,
    ) -> Float[np.ndarray, "s t k p"]:
        """Go on with head and encoder together."""
        network = trainable(encoder, self.run).requires_grad_(requires_grad=True)

        def encode(frames: Tensor) -> Tensor:
            return network(frames).dense()

        def tokens(part: str, rows: Rows) -> Tensor:
            seen = data.clips[part].frames(rows.tolist())
            there = PairFrames(seen.past.to(self.device), seen.start.to(self.device))
            return pair_tokens(encode, there, self.request)

        o = self.options
        recipe = Recipe(
            steps=o.finetune_steps,
            batch_size=o.finetune_batch_size,
            lr=o.lr,
            first_readout=0.0,
            checks=4,
            seed=seed,
        )
        with _seeded("cophy-finetune", seed):
            train_head(
                head,
                partial(tokens, "train"),
                self._targets(data),
                recipe,
                encoder=network,
                encoder_lr=self.lr,
                advance=told,
            )
        return self._predicted(data, head, partial(tokens, "test"))

    def _layout(self, data: TaskData, width: int) -> Layout:
        rows, axes = data.pairs["train"].future.shape[2:]
        return Layout(width, self.request.grid, self.request.tubelet, rows, axes)

    def _targets(self, data: TaskData) -> Targets:
        return Targets.of(data.pairs["train"], data.scale, self.device, data.shares)

    def _predicted(self, data: TaskData, head: CounterfactualHead, tokens: Any) -> np.ndarray:
        test = data.pairs["test"]
        return predict_positions(
            head, tokens, test, data.scale, batch_size=ENCODED, device=self.device
        )

    def _source(self) -> dict[str, str]:
        o = self.options
        pairs = {
            data.task: {p: len(found) for p, found in data.pairs.items()} for data in self.tasks
        }
        told = "; ".join(f"{t}: {n['train']} and {n['test']}" for t, n in pairs.items())
        return {
            "run": f"{self.run.name}, {o.checkpoint} checkpoint, {o.encoder} encoder",
            "pairs to learn from and to be judged on": f"{told}, splits '{o.train_split}' and "
            f"'{self.test_split}' of {Path(self.data).name}",
            "training": _told(o, self.lr),
        }


def _told(o: CophyOptions, lr: float) -> str:
    text = f"heads: {o.steps} steps of {o.batch_size} pairs at {o.lr:g}, {counted(o.seeds, 'seed')}"
    if o.mode == "finetune":
        text += (
            f"; then {o.finetune_steps} steps of {o.finetune_batch_size} pairs with the encoder at "
            f"{lr:g}, a tenth of the learning rate of its pretraining"
        )
    return text


def _advancing(progress: Progress | None, title: str, total: int) -> Callable[[int], None] | None:
    if progress is None:
        return None
    task = progress.add_task(title, total=total)
    return lambda more: progress.advance(task, more)


@contextmanager
def _seeded(name: str, seed: int) -> Iterator[None]:
    """Torch's global generator, seeded while a head with dropout is trained, then put back."""
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(name, seed))
        yield
