"""Activations of an encoder on a set of clips, by way of a store that survives any crash."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from rich.progress import Progress

from jepakit.evals.probes.controls import random_init
from jepakit.evals.probes.run_probe import encoder_of
from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.clips.clip_sets import TracedClips
from jepakit.interp.traces import trace
from jepakit.nn.vit import VisionTransformer
from jepakit.training.runs import build_run, load_run


def run_encoder(
    run: Path,
    *,
    checkpoint: Literal["last", "best"] = "last",
    which: Literal["target", "context"] = "target",
    untrained: int | None = None,
    device: torch.device | str = "cpu",
) -> VisionTransformer:
    """The encoder of a run folder, or the same network with fresh weights.

    Args:
        run: the folder; published weights become one by ``python -m vjepa2.convert``.
        checkpoint: the last state, or the one with the best monitored value.
        which: EMA target encoder or context encoder.
        untrained: seed of fresh weights; None takes the trained ones.
        device: where to put it.

    Raises:
        FileNotFoundError: no run, or no such checkpoint.
        ValueError: a run without an encoder, or with one that is no vision transformer.
    """
    module = (
        load_run(run, checkpoint)
        if untrained is None
        else random_init(lambda: build_run(run), untrained)
    )
    encoder = encoder_of(module.to(device), which)
    if not isinstance(encoder, VisionTransformer):
        raise ValueError(
            f"States are traced in a vision transformer, and {run} has a {type(encoder).__name__}."
        )
    return encoder


def traced_activations(
    encoder: VisionTransformer,
    clips: TracedClips,
    *,
    model: str,
    store: Path,
    sites: str | Sequence[str] = "all",
    batch_size: int = 16,
    progress: Progress | None = None,
) -> Activations:
    """Mean-pooled activations at every point of the residual stream.

    Args:
        encoder: the network.
        clips: the clips.
        model: what reports call it.
        store: folder of the store; goes on where an earlier trace was stopped.
        sites: activations to read, see :func:`jepakit.interp.sites.resolve_sites`.
        batch_size: clips of a forward pass.
        progress: a running progress display to draw on.

    Raises:
        ValueError: as :func:`jepakit.interp.traces.trace`.
    """
    kept = trace(encoder, clips, store=store, sites=sites, batch_size=batch_size, progress=progress)
    order = [name for name in encoder.names if (name, "mean") in kept.readings]
    return Activations(
        model=model,
        values={name: kept.read(name) for name in order},
        labels=np.asarray(kept.labels),
        groups=np.asarray(kept.groups),
        classes=clips.classes,
    )
