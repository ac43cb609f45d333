"""Models of a study: run folders of ours and of Hugging Face, trained or with new weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from jepakit.evals.probes.controls import random_init
from jepakit.evals.probes.run_probe import encoder_of
from jepakit.interp.adapters.huggingface import load_huggingface
from jepakit.interp.adapters.native import NativeEncoder
from jepakit.interp.adapters.resolve import patchable
from jepakit.interp.patchable import PatchableEncoder
from jepakit.nn.vit import VisionTransformer
from jepakit.training.module import JepaModule
from jepakit.training.runs import build_run, load_run

UNTRAINED = "random init"


@dataclass(frozen=True)
class OpenedModel:
    """A model that can be patched.

    Attributes:
        name: in tables.
        encoder: its sites.
        module: its weights.
        frames: that it takes.
        size: rows and columns of a frame.
        whole: the model of a run that the encoder is part of; None of published encoders.
    """

    name: str
    encoder: PatchableEncoder
    module: nn.Module
    frames: int
    size: tuple[int, int]
    whole: JepaModule | None = None


def open_model(
    path: Path,
    *,
    untrained: int | None = None,
    checkpoint: Literal["last", "best"] = "last",
    which: Literal["target", "context"] = "target",
    device: torch.device | str = "cpu",
) -> OpenedModel:
    """A run folder (``config.yaml``), or a folder of a Hugging Face model (``config.json``).

    Args:
        path: the folder.
        untrained: seed of fresh weights; None takes the trained ones.
        checkpoint: of a run.
        which: EMA target encoder or context encoder of a run.
        device: where to put it.

    Raises:
        FileNotFoundError: no run, or no such checkpoint.
        ValueError: a model that no adapter is for.
    """
    name = path.name if untrained is None else f"{path.name}, {UNTRAINED}"
    if (path / "config.json").exists():
        found = load_huggingface(str(path))
        seen, model = found.skeleton, found.model
        adapter: PatchableEncoder = found
        if untrained is not None:
            kind, config = type(model), model.config
            model = random_init(lambda: kind(config), untrained)
            adapter = patchable(model)
        model.to(device)
        adapter.name = name
        return OpenedModel(name, adapter, model, seen.frames, seen.size)
    whole = (
        load_run(path, checkpoint)
        if untrained is None
        else random_init(lambda: build_run(path), untrained)
    )
    encoder = encoder_of(whole.to(device), which)
    if not isinstance(encoder, VisionTransformer):
        raise ValueError(
            f"Sites are patched in a vision transformer, and {path} has a {type(encoder).__name__}."
        )
    request = encoder.request
    native = NativeEncoder(encoder, name=name)
    return OpenedModel(name, native, encoder, request.frames, request.size, whole)
