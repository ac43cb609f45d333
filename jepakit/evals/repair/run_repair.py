"""From models and images with masks to everything that is asked about repair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from rich.progress import Progress

from jepakit.evals.repair.advantage import advantage
from jepakit.evals.repair.budgets.token_budgets import measure_budgets
from jepakit.evals.repair.geometry import sweep_rectangles
from jepakit.evals.repair.images.coco_panoptic import open_coco_panoptic
from jepakit.evals.repair.images.fitting import Fit
from jepakit.evals.repair.images.masked_images import MaskedImageSet
from jepakit.evals.repair.images.occluded_images import (
    BACKGROUND,
    OBJECT,
    REGIONS,
    OccludedImages,
    OcclusionRule,
)
from jepakit.evals.repair.images.oxford_pets import open_oxford_pets
from jepakit.evals.repair.images.pascal_voc import open_pascal_voc
from jepakit.evals.repair.images.shard_scenes import open_shard_scenes
from jepakit.evals.repair.images.slices import (
    DrawnSlices,
    ImageSlice,
    SliceSize,
    draw_slices,
    every_item,
)
from jepakit.evals.repair.opened_models import OpenedModel, open_model
from jepakit.evals.repair.predictor.hidden_errors import hidden_errors
from jepakit.evals.repair.predictor.hidden_predictor import HiddenPredictor, NoPredictor
from jepakit.evals.repair.predictor_proxy import proxy_errors
from jepakit.evals.repair.repair_measures import measure_drift, measure_rescue
from jepakit.evals.repair.repair_result import ModelRepair, RepairResult
from jepakit.evals.repair.site_sweep import sweep_sites
from jepakit.interp.drift import late_blocks, onset_layer
from jepakit.interp.provenance import model_hash

Table = Literal["1", "2", "3", "4", "sweep", "geometry", "proxy", "budget", "predictor"]
DataKind = Literal["coco", "pets", "voc", "scenes", "scene_clips"]


@dataclass(frozen=True)
class RepairRequest:
    """What is asked.

    Attributes:
        data: folder of images with masks, or a data set of ours.
        kind: which it is.
        split: of a data set of ours.
        tables: the paper's 1 to 4, and its sweeps.
        slices: CLASSESxIMAGES each; all usable images without.
        rule: what is hidden.
        untrained: whether the first model with fresh weights stands beside it.
        checkpoint: of runs.
        encoder: of runs.
        crop: share of the largest centred window that is seen.
        batch_size: images of a pass.
        device: where models run; ``auto`` takes a GPU where there is one.
        seed: of all draws.
    """

    data: str
    kind: DataKind = "scenes"
    split: str = "val"
    tables: tuple[Table, ...] = ("1", "2", "4")
    slices: tuple[str, ...] = ()
    rule: OcclusionRule = field(default_factory=OcclusionRule)
    untrained: bool = True
    checkpoint: Literal["last", "best"] = "last"
    encoder: Literal["target", "context"] = "target"
    crop: float = 1.0
    batch_size: int = 16
    device: str = "auto"
    seed: int = 0


@dataclass
class RunRepair:
    """Models and images, opened.

    Args:
        models: run folders, or directories of Hugging Face models.
        request: what is asked.
        store: folder for sweeps, which later calls go on with.
        progress: a running progress display to draw on.
    """

    models: Sequence[Path]
    request: RepairRequest
    store: Path
    progress: Progress | None = None

    def measure(self) -> RepairResult:
        """Everything that was asked for, model by model and slice by slice.

        Raises:
            FileNotFoundError: no such run or data.
            ValueError: unusable data or models, see there.
        """
        o = self.request
        images = open_images(o)
        found: dict[tuple[str, str], ModelRepair] = {}
        skipped: dict[str, Any] = {}
        models = self._models()
        predictors, without = self._predictors(models)
        for model in models:
            drawn = self._drawn(images, model)
            skipped |= drawn.skipped
            for one in drawn.slices:
                found[model.name, one.name] = self._measured(model, one, predictors.get(model.name))
                skipped |= found[model.name, one.name].images.skipped
        facts = {
            "data": f"{o.data} ({o.kind})",
            "models": ", ".join(dict.fromkeys(model for model, _ in found)),
            "hidden": f"at most {o.rule.max_tokens} tokens, budget {o.rule.budget:g}, "
            f"filled with {o.rule.fill}",
            "background": o.rule.how,
        }
        counts = Counter(error.reason for error in skipped.values())
        return RepairResult(facts, found, dict(counts.most_common()), without)

    def _models(self) -> list[OpenedModel]:
        names = [path.name for path in self.models]
        if len(set(names)) < len(names):
            raise ValueError(f"Models are told apart by their folders' names, and came {names}.")
        found = [self._opened(path) for path in self.models]
        if self.request.untrained:
            found.insert(1, self._opened(self.models[0], untrained=0))
        return found

    def _predictors(
        self, models: Sequence[OpenedModel]
    ) -> tuple[dict[str, HiddenPredictor], dict[str, str]]:
        """Predictors by model where they are asked for, and why others have none.

        Raises:
            ValueError: they are asked for and no model has one.
        """
        found: dict[str, HiddenPredictor] = {}
        without: dict[str, str] = {}
        for model in models if "predictor" in self.request.tables else ():
            try:
                found[model.name] = HiddenPredictor.of(model.whole)
            except NoPredictor as error:
                without[model.name] = str(error)
        if without and not found:
            listed = "; ".join(f"{name}: {why}" for name, why in without.items())
            raise ValueError(
                f"No model has a predictor of hidden tokens that can be measured ({listed}). Give "
                "a run folder of Causal-JEPA or V-JEPA 2, or leave out the table predictor."
            )
        return found, without

    def _opened(self, path: Path, untrained: int | None = None) -> OpenedModel:
        o = self.request
        device = o.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return open_model(
            path, untrained=untrained, checkpoint=o.checkpoint, which=o.encoder, device=device
        )

    def _drawn(self, images: MaskedImageSet, model: OpenedModel) -> DrawnSlices:
        o = self.request
        fit = Fit(model.size, crop=o.crop, frames=model.frames)
        if not o.slices:
            return every_item(images, fit=fit, grid=model.encoder.grid)
        sizes = [SliceSize.parse(text) for text in o.slices]
        return draw_slices(images, sizes, fit=fit, grid=model.encoder.grid, seed=o.seed)

    def _measured(
        self, model: OpenedModel, one: ImageSlice, predictor: HiddenPredictor | None
    ) -> ModelRepair:
        o, name, encoder = self.request, model.name, model.encoder
        asked = set(o.tables)
        images = OccludedImages.make(one.items, encoder.grid, o.rule)
        shared: dict[str, Any] = {"batch_size": o.batch_size, "progress": self.progress}
        late = late_blocks(encoder.depth)
        drift = measure_drift(encoder, images, **shared)
        rescues = measure_rescue(encoder, images, seed=o.seed, **shared) if "2" in asked else []
        cells = (
            sweep_rectangles(encoder, one.items, fill=o.rule.fill, seed=o.seed, **shared)
            if "geometry" in asked
            else []
        )
        budgets = measure_budgets(encoder, one.items, o.rule, **shared) if "budget" in asked else []
        sweep = None
        if "sweep" in asked:
            folder = self.store / f"sweep_{name}_{one.name}".replace(" ", "_").replace(",", "")
            identity = model_hash(model.module) + f" {o.rule}"
            sweep = sweep_sites(encoder, images, folder, identity=identity, **shared)
        return ModelRepair(
            model=name,
            depth=encoder.depth,
            late=late,
            images=images,
            drift=drift,
            advantage=advantage(
                drift[OBJECT].late(late), drift[BACKGROUND].late(late), images.labels, seed=o.seed
            ),
            onset={r: onset_layer(torch.from_numpy(drift[r].context)) for r in REGIONS},
            rescues=tuple(rescues),
            sweep=sweep,
            geometry=tuple(cells),
            proxy=proxy_errors(encoder, images, batch_size=o.batch_size)
            if "proxy" in asked
            else None,
            budgets=tuple(budgets),
            predictor=hidden_errors(predictor, images, **shared) if predictor else None,
        )


def open_images(request: RepairRequest) -> MaskedImageSet:
    """The data set of a request.

    Raises:
        ValueError: another layout, or nothing that can be used; the message says what is expected.
    """
    if request.kind == "coco":
        return open_coco_panoptic(request.data)
    if request.kind == "pets":
        return open_oxford_pets(request.data)
    if request.kind == "voc":
        return open_pascal_voc(request.data)
    see: Literal["first", "clip"] = "first" if request.kind == "scenes" else "clip"
    return open_shard_scenes(request.data, split=request.split, see=see)
