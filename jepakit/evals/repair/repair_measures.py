"""Drift of occluded images and what patches take back: the measurements of late semantic repair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from rich.progress import Progress
from torch import Tensor

from jepakit.evals.repair.images.occluded_images import REGIONS, Batch, OccludedImages
from jepakit.evals.repair.site_groups import paper_groups
from jepakit.interp.drift import DriftCurve, late_blocks, late_drift
from jepakit.interp.patch_plans import Mode, PatchPlan, random_plan, resid_bound
from jepakit.interp.patchable import PatchableEncoder
from jepakit.interp.patching import PairedRuns, patch, record_pair
from jepakit.interp.rescue import Rescue, rescue
from jepakit.seeds import generator

CONTROLS = ("other image", "same norm", "whole stream", "random sites")


@dataclass(frozen=True)
class RegionDrift:
    """Drift by block and image when one region is hidden."""

    masked: Float[np.ndarray, "L n"]
    context: Float[np.ndarray, "L n"]
    everywhere: Float[np.ndarray, "L n"]

    def late(self, blocks: tuple[int, ...]) -> Float[np.ndarray, " n"]:
        """Mean context drift over late blocks."""
        return late_drift(torch.from_numpy(self.context), blocks).numpy()


@dataclass(frozen=True)
class RescueMeasure:
    """What one group of sites takes back when one region is hidden.

    Attributes:
        group: name of the group.
        sites: that are patched.
        region: that is hidden.
        mode: tokens that are patched.
        control: what the patch is a control of, or empty.
        found: late context drift taken back.
    """

    group: str
    sites: tuple[str, ...]
    region: str
    mode: Mode
    control: str
    found: Rescue


def measure_drift(
    encoder: PatchableEncoder,
    images: OccludedImages,
    *,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> dict[str, RegionDrift]:
    """Drift after every block for each region (paper, section 2.2)."""
    curves: dict[str, list[DriftCurve]] = {region: [] for region in REGIONS}
    for batch in _watched(images, batch_size, progress, "occlusion drift"):
        for region in REGIONS:
            curves[region].append(_pair(encoder, batch, region, ()).base)
    return {region: _joined(found) for region, found in curves.items()}


def measure_rescue(
    encoder: PatchableEncoder,
    images: OccludedImages,
    *,
    modes: tuple[Mode, ...] = ("context", "masked", "full"),
    batch_size: int = 16,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[RescueMeasure]:
    """Rescue by the paper's groups, each mode and region, with controls of the context patches.

    Controls: activations of another image, random directions of the same norm, the whole stream of
    the same blocks (what no patch of parts of them can beat by much), and as many sites of the same
    parts in random other blocks.

    Source: paper, section 2.5 and Table 2; the controls are ours.
    """
    groups = paper_groups(encoder.depth)
    plans = _plans(groups, encoder.depth, modes, seed)
    sites = {site for plan, *_ in plans.values() for site in plan.sites}
    late = late_blocks(encoder.depth)
    base: dict[str, list[np.ndarray]] = {region: [] for region in REGIONS}
    left: dict[tuple[str, str], list[np.ndarray]] = {}
    for number, batch in enumerate(_watched(images, batch_size, progress, "patching")):
        draws = generator("repair donors", seed, number)
        for region in REGIONS:
            runs = _pair(encoder, batch, region, sites)
            base[region].append(_late(runs.base.context, late))
            only = {key: plan for key, (plan, *_) in plans.items()}
            for key, curve in patch(runs, only, generator=draws).items():
                left.setdefault((region, key), []).append(_late(curve.context, late))
    return [
        RescueMeasure(
            group,
            plan.sites,
            region,
            plan.mode,
            control,
            rescue(np.concatenate(base[region]), np.concatenate(left[region, key])),
        )
        for region in REGIONS
        for key, (plan, group, control) in plans.items()
    ]


def _plans(
    groups: Mapping[str, tuple[str, ...]], depth: int, modes: tuple[Mode, ...], seed: int
) -> dict[str, tuple[PatchPlan, str, str]]:
    """Plans by a name of their own, with the group and the control that they are."""
    plans: dict[str, tuple[PatchPlan, str, str]] = {}
    for group, sites in groups.items():
        for mode in modes:
            plans[f"{group} {mode}"] = (PatchPlan(sites, mode, changes=None), group, "")
        patched = PatchPlan(sites, "context", changes=None)
        controls = {
            "other image": PatchPlan(sites, "context", "other", changes=None),
            "same norm": PatchPlan(sites, "context", "same_norm", changes=None),
            "whole stream": resid_bound(patched),
        }
        if depth > 2 * len(sites):
            draw = generator("random sites", seed, group)
            controls["random sites"] = random_plan(patched, range(depth), generator=draw)
        plans |= {f"{group} {name}": (plan, group, name) for name, plan in controls.items()}
    return plans


def _pair(
    encoder: PatchableEncoder, batch: Batch, region: str, sites: set[str] | tuple[()]
) -> PairedRuns:
    return record_pair(
        encoder, batch.clean, batch.occluded[region], hidden=batch.hidden[region], sites=sites
    )


def _late(curve: Float[Tensor, "L b"], blocks: tuple[int, ...]) -> Float[np.ndarray, " b"]:
    return late_drift(curve, blocks).double().cpu().numpy()


def _joined(curves: list[DriftCurve]) -> RegionDrift:
    def rows(of: Callable[[DriftCurve], Tensor]) -> np.ndarray:
        return torch.cat([of(curve) for curve in curves], dim=1).double().cpu().numpy()

    return RegionDrift(
        rows(lambda c: c.masked), rows(lambda c: c.context), rows(lambda c: c.global_)
    )


def _watched(
    images: OccludedImages, batch_size: int, progress: Progress | None, title: str
) -> Iterator[Batch]:
    batches = images.batches(batch_size)
    if progress is None:
        yield from batches
        return
    yield from progress.track(batches, total=-(-len(images) // batch_size), description=title)
