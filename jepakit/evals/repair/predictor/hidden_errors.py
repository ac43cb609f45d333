"""How far a predictor is off on what is hidden, from different contexts and after patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rich.progress import Progress
from torch import Tensor

from jepakit.batch import TokenMasks
from jepakit.evals.repair.images.occluded_images import REGIONS, Batch, OccludedImages
from jepakit.evals.repair.predictor.hidden_predictor import (
    HiddenPredictor,
    ImageErrors,
    foreign_images,
    pixels_of,
    region_masks,
)
from jepakit.evals.repair.predictor.visible_runs import (
    RUNS,
    VisibleRun,
    block_sites,
    clean_values,
)

PREDICTED_PARTS = ("attn", "mlp", "resid")
CONTEXTS = ("dropped", "filled", "seen", "another scene", "no context")
"""What a prediction is made from.

``dropped``: visible tokens encoded alone, as in training. ``filled``: visible tokens of the
picture with hidden pixels. ``seen``: visible tokens of the whole picture, which could look at what
the predictor cannot: a bound, but one that it was not trained on. ``another scene``: visible tokens
of the same places in another scene. ``no context``: the mean of all predictions for other scenes,
which does not know the place either.
"""


@dataclass(frozen=True)
class RegionErrors:
    """Errors while one region is hidden.

    Attributes:
        contexts: by what the prediction is made from, see :data:`CONTEXTS`.
        patched: by run, ``(L, parts, n)``: one site of the visible tokens holds what it holds when
            the whole picture is seen.
    """

    contexts: dict[str, ImageErrors]
    patched: dict[str, ImageErrors]


@dataclass(frozen=True)
class HiddenErrors:
    """Errors of one model.

    Attributes:
        parts: of every block that were patched.
        groups: scene of each image; images of one scene are not independent.
        regions: by name.
    """

    parts: tuple[str, ...]
    groups: np.ndarray
    regions: dict[str, RegionErrors]


def hidden_errors(
    predictor: HiddenPredictor,
    images: OccludedImages,
    *,
    parts: Sequence[str] = PREDICTED_PARTS,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> HiddenErrors:
    """Measure every context, and every site in every run, for both regions.

    Beyond the paper, which had no predictor: with it the question is no longer whether visible
    tokens turn back, but whether what they know of the hidden region helps to predict it.

    Args:
        predictor: with its context encoder.
        images: with the regions to hide, of at least two scenes.
        parts: of every block.
        batch_size: images of a pass.
        progress: a running progress display to draw on.

    Raises:
        ValueError: images of one scene, or an unknown part.
    """
    groups = np.array([item.group for item in images.items])
    foreign = foreign_images(groups)
    study = _Study(predictor, images, block_sites(len(predictor.encoder.blocks), parts), foreign)
    total = -(-len(images) // batch_size)
    task = progress.add_task("predicting what is hidden", total=total) if progress else None
    for batch in images.batches(batch_size):
        study.take(batch)
        if progress and task is not None:
            progress.advance(task)
    shape = (len(predictor.encoder.blocks), len(parts), len(images))
    return HiddenErrors(
        tuple(parts),
        groups,
        {region: study.region(region, shape, groups) for region in REGIONS},
    )


@dataclass
class _Kept:
    """Of one region: errors by context or by (run, site), and predictions with their targets."""

    errors: dict[object, list[ImageErrors]]
    predictions: list[tuple[Tensor, Tensor, TokenMasks]]


class _Study:
    """Goes through the images once."""

    def __init__(
        self,
        predictor: HiddenPredictor,
        images: OccludedImages,
        sites: list[str],
        foreign: np.ndarray,
    ) -> None:
        self.predictor, self.images = predictor, images
        self.sites, self.foreign = sites, foreign
        self.kept = {region: _Kept({}, []) for region in REGIONS}

    def take(self, batch: Batch) -> None:
        """All contexts and patches of a batch."""
        p = self.predictor
        clean = batch.clean.to(p.device)
        target = p.model.target_latents(clean).flatten(0, 1)
        whole, values = clean_values(p.encoder, clean, self.sites)
        others = [self.images.items[i].frames for i in self.foreign[batch.rows]]
        other = pixels_of(np.stack(others), p.device)
        for region in REGIONS:
            masks = region_masks(batch.hidden[region]).to(p.device)
            goal = target[masks.target.index]
            pixels = {"dropped": clean, "filled": batch.occluded[region].to(p.device)}
            runs = {
                name: VisibleRun.start(p.encoder, pixels[name], masks, dropped=name == "dropped")
                for name in RUNS
            }
            context: dict[object, Tensor] = {name: run.latents for name, run in runs.items()}
            context["seen"] = whole[masks.context.index]
            context["another scene"] = p.model.visible_latents(other, masks)
            for key, latents in context.items():
                self._note(region, key, latents, goal, masks)
            predicted = p.model.predict_hidden(runs["dropped"].latents, masks)
            self.kept[region].predictions.append((predicted.cpu(), goal.cpu(), masks.to("cpu")))
            for site in self.sites:
                value = values[site][masks.context.index]
                for name, run in runs.items():
                    self._note(region, (name, site), run.patched(site, value), goal, masks)

    def _note(
        self, region: str, key: object, latents: Tensor, goal: Tensor, masks: TokenMasks
    ) -> None:
        predicted = self.predictor.model.predict_hidden(latents, masks)
        errors = self.predictor.judge(predicted, goal, masks.target)
        self.kept[region].errors.setdefault(key, []).append(errors)

    def region(self, region: str, shape: tuple[int, int, int], groups: np.ndarray) -> RegionErrors:
        """What was kept, joined."""
        kept = self.kept[region]
        joined = {key: _joined(parts) for key, parts in kept.errors.items()}
        contexts = {name: joined[name] for name in CONTEXTS if name in joined}
        contexts["no context"] = self._without_context(kept, groups)
        patched: dict[str, ImageErrors] = {}
        for run in RUNS:
            rows = [joined[run, site] for site in self.sites]
            error, angle = (np.stack([getattr(r, k) for r in rows]) for k in ("error", "angle"))
            patched[run] = ImageErrors(error.reshape(shape), angle.reshape(shape))
        return RegionErrors(contexts, patched)

    def _without_context(self, kept: _Kept, groups: np.ndarray) -> ImageErrors:
        """Errors of the mean prediction for other scenes."""
        names, group = np.unique(groups, return_inverse=True)
        counts = np.concatenate([masks.target.lengths for *_, masks in kept.predictions])
        owner = torch.from_numpy(np.repeat(group, counts))
        every = torch.cat([predicted for predicted, *_ in kept.predictions]).double()
        sums = torch.zeros(len(names), every.shape[1], dtype=every.dtype).index_add_(
            0, owner, every
        )
        tokens = torch.bincount(owner, minlength=len(names))[:, None]
        mean = (sums.sum(dim=0) - sums) / (len(every) - tokens)
        found, start = [], 0
        for _, goal, masks in kept.predictions:
            rows = mean[owner[start : start + len(goal)]].float()
            start += len(goal)
            found.append(self.predictor.judge(rows, goal, masks.target))
        return _joined(found)


def _joined(parts: list[ImageErrors]) -> ImageErrors:
    return ImageErrors(
        *(np.concatenate([getattr(p, k) for p in parts]) for k in ("error", "angle"))
    )
