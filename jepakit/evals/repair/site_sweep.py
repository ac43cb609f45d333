"""Every block, part and mode patched in turn, kept batch by batch so that a stop loses little."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rich.progress import Progress

from jepakit.data.atomic import atomic_file
from jepakit.evals.repair.images.occluded_images import OBJECT, Batch, OccludedImages
from jepakit.evals.repair.site_groups import SWEPT_PARTS, sweep_plans
from jepakit.interp.drift import late_blocks, late_drift
from jepakit.interp.patchable import PatchableEncoder
from jepakit.interp.patching import patch, record_pair

MODES = ("full", "masked", "context")


@dataclass(frozen=True)
class SiteSweep:
    """Late context drift taken back by single sites.

    Attributes:
        parts: swept.
        modes: swept.
        base: late context drift of each image without a patch.
        rescue: absolute, by block, part, mode and image.
    """

    parts: tuple[str, ...]
    modes: tuple[str, ...]
    base: Float[np.ndarray, " n"]
    rescue: Float[np.ndarray, "L parts modes n"]

    @property
    def mean(self) -> Float[np.ndarray, "L parts modes"]:
        """Over images."""
        return self.rescue.mean(axis=-1)


def sweep_sites(
    encoder: PatchableEncoder,
    images: OccludedImages,
    folder: Path,
    *,
    identity: str,
    parts: Sequence[str] = SWEPT_PARTS,
    region: str = OBJECT,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> SiteSweep:
    """Patch every site with its clean activation (paper, section 2.4).

    Args:
        encoder: the network.
        images: with the region to hide.
        folder: keeps a file per batch; a sweep that was stopped goes on after the last of them.
        identity: of network and images; files of another one are refused.
        parts: of every block.
        region: that is hidden.
        batch_size: images of a pass.
        progress: a running progress display to draw on.

    Raises:
        ValueError: files of another sweep in ``folder``, or see
            :func:`jepakit.interp.patching.patched_runs`.
    """
    own = {"identity": identity, "parts": list(parts), "region": region, "batch": batch_size}
    _claim(folder, own | {"images": [item.key for item in images.items]})
    total = -(-len(images) // batch_size)
    task = progress.add_task("sweeping sites", total=total) if progress else None
    found = []
    for number, batch in enumerate(images.batches(batch_size)):
        file = folder / f"batch_{number:04d}.npz"
        if not file.exists():
            base, left = _swept(encoder, batch, region, parts)
            with atomic_file(file) as stream:
                np.savez(stream, base=base, left=left)
        with np.load(file, allow_pickle=False) as kept:
            found.append((kept["base"], kept["left"]))
        if progress and task is not None:
            progress.advance(task)
    base = np.concatenate([one for one, _ in found])
    left = np.concatenate([one for _, one in found], axis=-1)
    return SiteSweep(tuple(parts), MODES, base, base - left)


def _swept(
    encoder: PatchableEncoder, batch: Batch, region: str, parts: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    late = late_blocks(encoder.depth)
    plans = sweep_plans(encoder.depth, parts=parts, modes=MODES)
    named = {" ".join(map(str, key)): plan for key, plan in plans.items()}
    sites = {site for plan in plans.values() for site in plan.sites}
    runs = record_pair(
        encoder, batch.clean, batch.occluded[region], hidden=batch.hidden[region], sites=sites
    )
    curves = patch(runs, named)
    left = [late_drift(curves[name].context, late).double().cpu().numpy() for name in named]
    shape = (encoder.depth, len(parts), len(MODES), -1)
    base = late_drift(runs.base.context, late).double().cpu().numpy()
    return base, np.stack(left).reshape(shape)


def _claim(folder: Path, own: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "sweep.json"
    text = json.dumps(own, sort_keys=True)
    if mark.exists() and mark.read_text() != text:
        raise ValueError(
            f"{folder} holds a sweep of another network, other images or other sites: delete it, "
            "or choose another --out."
        )
    if not mark.exists():
        with atomic_file(mark) as stream:
            stream.write(text.encode())
