"""A linear map from one late block to the next: does repair show in what a predictor would see?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from jepakit.evals.repair.images.occluded_images import OBJECT, OccludedImages
from jepakit.evals.repair.site_groups import paper_groups
from jepakit.interp.drift import token_drift
from jepakit.interp.patch_plans import PatchPlan
from jepakit.interp.patchable import PatchableEncoder
from jepakit.interp.patching import patched_runs, record_pair
from jepakit.interp.ridge_proxy import RidgeProxy


@dataclass(frozen=True)
class ProxyErrors:
    """Drift of the proxy's prediction from the clean target, image by image.

    Attributes:
        clean: predicting from clean tokens, all tokens.
        identity: copying the source instead of predicting, all tokens, clean.
        context: predicting from the occluded run, visible tokens; ``unpatched`` and by group.
    """

    clean: Float[np.ndarray, " n"]
    identity: Float[np.ndarray, " n"]
    context: dict[str, Float[np.ndarray, " n"]]


def proxy_errors(
    encoder: PatchableEncoder, images: OccludedImages, *, folds: int = 4, batch_size: int = 16
) -> ProxyErrors:
    """Ridge from the stream after the last block but one to that after the last, images held out.

    Images of one group (photograph, scene) stay in one fold. The residual stream makes copying a
    strong guess: read the errors beside ``identity``.

    Source: paper, section 3.6; its ridge and split are not stated.

    Raises:
        ValueError: fewer groups than folds.
    """
    names, fold = np.unique([item.group for item in images.items], return_inverse=True)
    if len(names) < folds:
        raise ValueError(f"{folds} folds need as many groups of images, there are {len(names)}.")
    source, target, sources = _streams(encoder, images, batch_size)
    hidden = images.hidden(OBJECT)
    clean, copied = np.zeros(len(images)), np.zeros(len(images))
    context = {name: np.zeros(len(images)) for name in sources}
    for number in range(folds):
        test = torch.from_numpy(fold % folds == number)
        proxy = RidgeProxy.fit(
            source[~test].flatten(0, 1), target[~test].flatten(0, 1), alpha="trace"
        )
        rows = test.numpy()
        clean[rows] = _drift(proxy, source[test], target[test]).mean(dim=1).numpy()
        copied[rows] = token_drift(target[test], source[test]).mean(dim=1).numpy()
        for name, stream in sources.items():
            drift = _drift(proxy, stream[test], target[test])
            seen = ~hidden[test]
            context[name][rows] = ((drift * seen).sum(dim=1) / seen.sum(dim=1)).numpy()
    return ProxyErrors(clean, copied, context)


def _streams(
    encoder: PatchableEncoder, images: OccludedImages, batch_size: int
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Clean source and target, and the source of the occluded run, unpatched and by group."""
    groups = paper_groups(encoder.depth)
    plans = {name: PatchPlan(sites, "context", changes=None) for name, sites in groups.items()}
    sites = {site for plan in plans.values() for site in plan.sites}
    source, target = [], []
    sources: dict[str, list[Tensor]] = {}
    for batch in images.batches(batch_size):
        runs = record_pair(
            encoder, batch.clean, batch.occluded[OBJECT], hidden=batch.hidden[OBJECT], sites=sites
        )
        source.append(runs.clean.resid[-2].cpu())
        target.append(runs.clean.resid[-1].cpu())
        sources.setdefault("unpatched", []).append(runs.corrupted.resid[-2].cpu())
        for name, patched in patched_runs(runs, plans):
            sources.setdefault(name, []).append(patched.resid[-2].cpu())
    joined = {name: torch.cat(parts) for name, parts in sources.items()}
    return torch.cat(source), torch.cat(target), joined


def _drift(
    proxy: RidgeProxy, source: Float[Tensor, "b n d"], target: Float[Tensor, "b n d"]
) -> Float[Tensor, "b n"]:
    return token_drift(target, proxy.predict(source.flatten(0, 1)).view_as(target))
