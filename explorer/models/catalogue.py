"""The models that can be looked into: run folders below one folder, and the bundled one."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Literal

import torch

from explorer.models.bundled import BUNDLED, WEIGHTS, bundle_config, load_bundle
from explorer.models.entries import ModelEntry, described, find_runs, run_entry
from explorer.models.opened import ExplorerModel
from jepakit.evals.probes.controls import random_init
from jepakit.nn.vit import VisionTransformer
from jepakit.training.module import JepaModule
from jepakit.training.runs import build_model, build_run, load_run

Which = Literal["target", "context"]
BUNDLED_ID = "bundled-demo"
BUNDLED_TITLE = "bundled demo"
UNTRAINED = "random init"
KEPT, KEPT_BYTES = 4, 2e9
"""Models kept in memory at most (two to compare and their twins), and bytes of all of them."""


class ModelCatalogue:
    """Lists models and opens them by id; nothing outside of the configured folder is read.

    Every listing looks at the folder anew, so that runs appear while they train, and a model is
    opened from the newest checkpoint.

    Args:
        runs: folder of run folders; None for the bundled model alone.
        bundled: whether the bundled model is listed, first.
        device: where models are put; ``auto`` takes a GPU where there is one.

    Raises:
        FileNotFoundError: there is no such folder.
    """

    def __init__(
        self, runs: Path | None = None, *, bundled: bool = True, device: str = "auto"
    ) -> None:
        if runs is not None and not runs.is_dir():
            raise FileNotFoundError(
                f"There is no folder of runs at {runs}: give one that exists, or none for the "
                "bundled model."
            )
        self._runs = runs
        self._bundled = bundled
        found = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(found if device == "auto" else device)
        self._kept: OrderedDict[tuple[str, float, int | None], JepaModule] = OrderedDict()
        self._lock = Lock()

    def entries(self) -> list[ModelEntry]:
        """What can be opened now."""
        return [entry for entry, _ in self._scan()]

    def entry(self, model: str) -> ModelEntry:
        """The entry with an id.

        Raises:
            KeyError: there is none.
        """
        return self._find(model)[0]

    def open(
        self, model: str, *, encoder: Which = "target", untrained: int | None = None
    ) -> ExplorerModel:
        """Open the newest state of a model.

        Args:
            model: its id.
            encoder: the EMA target encoder, or the context encoder.
            untrained: seed of fresh weights for the same network, the baseline; None takes the
                trained ones.

        Raises:
            KeyError: no such id.
            FileNotFoundError: the run was deleted since it was listed.
            ValueError: weights that do not fit, or a model without a vision transformer.
        """
        entry, folder = self._find(model)
        module = self._module(entry, folder, untrained)
        network = _encoder_in(module, encoder)
        name = f"{entry.title}, {encoder} encoder"
        weights = "trained"
        if untrained is not None:
            name, weights = f"{entry.title}, {UNTRAINED}", f"{UNTRAINED}, seed {untrained}"
        facts = {**entry.facts, "model": entry.title, "family": entry.family, "encoder": encoder}
        facts["weights"] = weights
        return ExplorerModel(entry.id, name, network, module, facts)

    def _module(self, entry: ModelEntry, folder: Path, untrained: int | None) -> JepaModule:
        key = entry.id, 0.0 if untrained is not None else entry.saved, untrained
        with self._lock:
            if key not in self._kept:
                self._kept[key] = _built(entry, folder, untrained).to(self.device)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT or (len(self._kept) > 1 and self._bytes() > KEPT_BYTES):
                self._kept.popitem(last=False)
            return self._kept[key]

    def _bytes(self) -> int:
        parameters = (p for module in self._kept.values() for p in module.parameters())
        return sum(parameter.nbytes for parameter in parameters)

    def _scan(self) -> list[tuple[ModelEntry, Path]]:
        found: list[tuple[ModelEntry, Path]] = []
        if self._bundled:
            found.append((_bundled_entry(), BUNDLED))
        runs = [] if self._runs is None else find_runs(self._runs)
        for place, folder in runs:
            entry = run_entry(place, folder)
            if entry is not None:
                found.append((entry, folder))
        return found

    def _find(self, model: str) -> tuple[ModelEntry, Path]:
        for entry, folder in self._scan():
            if entry.id == model:
                return entry, folder
        raise KeyError(f"No model has the id {model!r}; list them again.")


def _built(entry: ModelEntry, folder: Path, untrained: int | None) -> JepaModule:
    if entry.source == "bundled":
        config = bundle_config(folder)["model"]
        if untrained is None:
            return load_bundle(folder)
        return random_init(lambda: build_model(config).eval(), untrained)
    if untrained is None:
        return load_run(folder)
    return random_init(lambda: build_run(folder), untrained)


def _bundled_entry() -> ModelEntry:
    config = bundle_config()
    state = (BUNDLED / WEIGHTS).stat()
    return ModelEntry(
        id=BUNDLED_ID,
        title=BUNDLED_TITLE,
        source="bundled",
        saved=0.0,
        megabytes=state.st_size / 1e6,
        facts={str(name): str(value) for name, value in config["facts"].items()},
        **described(config["model"]),
    )


def _encoder_in(module: JepaModule, which: Which) -> VisionTransformer:
    """The vision transformer of the teacher or the student, or of a model that has neither."""
    pairs = module.ema_pairs()
    part: torch.nn.Module = module
    if pairs:
        part = pairs[0][1 if which == "target" else 0]
    networks = [found for found in part.modules() if isinstance(found, VisionTransformer)]
    if not networks:
        raise ValueError(
            f"The explorer looks into vision transformers, and this {type(module).__name__} has "
            "none."
        )
    return networks[0]
