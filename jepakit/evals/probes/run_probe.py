"""From a run folder and a data set to probe scores, in one pass over the clips."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from rich.progress import Progress

from jepakit.counted import counted
from jepakit.data.loader import clip_batches
from jepakit.data.shard_reader import ShardReader
from jepakit.evals.probes.controls import pixel_featuriser, random_init, reduce_pixels
from jepakit.evals.probes.features import (
    Features,
    Featuriser,
    Pool,
    encoder_featuriser,
    extract_features,
)
from jepakit.evals.probes.probe_result import ENCODER, ProbeResult, ProbeSettings
from jepakit.evals.probes.probe_suite import run_probe_suite
from jepakit.protocols import Encoder
from jepakit.training.module import JepaModule
from jepakit.training.runs import build_run, load_run

Which = Literal["target", "context"]
RANDOM = "random init"
PIXELS = "pixels"


@dataclass(frozen=True)
class ProbeOptions:
    """What is probed, and on which clips.

    Attributes:
        checkpoint: the last state, or the one with the best monitored value.
        encoder: the EMA target encoder, or the context encoder.
        pool: mean over all tokens, or over space only with the tubelets side by side.
        train_split: clips that the probes learn from.
        test_split: clips that they are judged on.
        group: field of a clip's details that names its task; clips of one task stay together.
        pixels: side of the shrunk clips of the pixel control.
        pixel_components: principal components that it reads; None for as many as the encoder has
            values. More of them know more.
        batch_size: clips per forward pass.
        device: where the encoders run; ``auto`` takes a GPU where there is one.
    """

    checkpoint: Literal["last", "best"] = "last"
    encoder: Which = "target"
    pool: Pool = "mean"
    train_split: str = "train"
    test_split: str = "val"
    group: str = "group"
    pixels: int = 16
    pixel_components: int | None = None
    batch_size: int = 64
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse a control without a component."""
        if self.pixel_components is not None and self.pixel_components < 1:
            raise ValueError(f"pixel_components must be at least 1, got {self.pixel_components}.")


def encoder_of(module: JepaModule, which: Which) -> Encoder:
    """The student (``context``) or the teacher (``target``) of a model's first EMA pair.

    Raises:
        ValueError: the model has no such pair, or it is no encoder of clips.
    """
    pairs = module.ema_pairs()
    if not pairs:
        raise ValueError(
            f"{type(module).__name__} has no EMA pair to take an encoder from: choose a run that "
            "trains an encoder."
        )
    student, teacher = pairs[0]
    encoder = teacher if which == "target" else student
    if not isinstance(encoder, Encoder):
        raise ValueError(f"{type(encoder).__name__} cannot encode clips, so it cannot be probed.")
    return encoder


class RunProbe:
    """A trained run, its untrained twins and a data set, opened and held against each other.

    Args:
        run: the run folder.
        data: the data set.
        options: what is probed, and on which clips.
        settings: how labels are probed.

    Raises:
        FileNotFoundError: no run, or no such checkpoint.
        ValueError: no such data set or split, clips of another size, no labels, or no groups.
    """

    def __init__(
        self,
        run: Path,
        data: str,
        *,
        options: ProbeOptions | None = None,
        settings: ProbeSettings | None = None,
    ) -> None:
        self.run, self.data = run, data
        self.options = options or ProbeOptions()
        self.settings = settings or ProbeSettings()
        device = self.options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        splits = (self.options.train_split, self.options.test_split)
        readers = {split: ShardReader(data, split=split) for split in splits}
        self.kinds = readers[splits[0]].manifest.description.label_kinds
        if not self.kinds:
            raise ValueError(f"The clips of {data} carry no labels to probe for.")
        self._groups = {name: self._group_of(reader) for name, reader in readers.items()}
        self._trained = self._encoder(load_run(run, self.options.checkpoint))
        request = dataclasses.replace(self._trained.request, labels=False, counterfactual=False)
        self._batches = {
            split: clip_batches(data, request, split=split, batch_size=self.options.batch_size)
            for split in splits
        }
        self._untrained = [
            self._encoder(random_init(lambda: build_run(run), seed))
            for seed in range(self.settings.seeds)
        ]

    def measure(self, progress: Progress | None = None) -> ProbeResult:
        """Take the features of every clip once, and probe every label from each kind of them."""
        train, test = (
            self._features(split, progress)
            for split in (self.options.train_split, self.options.test_split)
        )
        groups = np.concatenate([train.groups, test.groups])
        is_test = np.arange(len(groups)) >= len(train)
        joined = {
            name: np.concatenate([train.values[name], test.values[name]]) for name in train.values
        }
        width = joined[ENCODER].shape[1]
        random = [joined[f"{RANDOM} {seed}"] for seed in range(self.settings.seeds)]
        kept = self.options.pixel_components or width
        pixels = reduce_pixels(joined[PIXELS], np.flatnonzero(~is_test), width=kept, seed=0)
        return run_probe_suite(
            {ENCODER: [joined[ENCODER]], RANDOM: random, PIXELS: [pixels]},
            {
                name: np.concatenate([values, test.targets[name]])
                for name, values in train.targets.items()
            },
            self.kinds,
            groups,
            is_test,
            notes=self._notes(width, pixels.shape[1]),
            source=self._source(len(train), len(test)),
            settings=self.settings,
            keys=[*train.keys, *test.keys],
        )

    def _encoder(self, module: JepaModule) -> Encoder:
        return encoder_of(module.to(self.device), self.options.encoder)

    def _featurisers(self) -> dict[str, Featuriser]:
        pool = self.options.pool
        found = {ENCODER: encoder_featuriser(self._trained, pool)}
        for seed, encoder in enumerate(self._untrained):
            found[f"{RANDOM} {seed}"] = encoder_featuriser(encoder, pool)
        return found | {PIXELS: pixel_featuriser(self.options.pixels)}

    def _features(self, split: str, progress: Progress | None) -> Features:
        groups = self._groups[split]
        return extract_features(
            self._featurisers(),
            self._batches[split],
            groups,
            device=self.device,
            total=len(groups),
            progress=progress,
            title=f"features of {split}",
        )

    def _group_of(self, reader: ShardReader) -> dict[str, str]:
        groups = {}
        for number in range(len(reader)):
            with reader.open(number) as stored:
                details = stored.meta["details"]
                if self.options.group not in details:
                    raise ValueError(
                        f"Clip '{stored.key}' does not name its group: its details have no "
                        f"'{self.options.group}', only {sorted(details)}. Choose another field."
                    )
                groups[stored.key] = str(details[self.options.group])
        return groups

    def _notes(self, width: int, pixels: int) -> dict[str, str]:
        o = self.options
        name = "EMA target encoder" if o.encoder == "target" else "context encoder"
        draws = counted(self.settings.seeds, "draw")
        pooled = "all tokens" if o.pool == "mean" else "space, tubelets side by side"
        return {
            ENCODER: f"the trained {name}, frozen, mean over {pooled}: {width} values per clip",
            RANDOM: f"the same network untrained, {draws} of its weights, one for each seed",
            PIXELS: f"all frames shrunk to {o.pixels} x {o.pixels} pixels, the first {pixels} "
            "principal components of the training clips"
            + ("" if o.pixel_components else ", at most as many as the encoder has values"),
        }

    def _source(self, train: int, test: int) -> dict[str, str]:
        o = self.options
        return {
            "run": f"{self.run.name}, {o.checkpoint} checkpoint",
            "training clips": f"{train} of split '{o.train_split}' of {Path(self.data).name}",
            "test clips": f"{test} of split '{o.test_split}'",
        }
