"""Run folders as the source or the goal of a conversion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml

from jepakit.nn.vit import VisionTransformer
from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.module import JepaModule
from jepakit.training.runs import RunFolder, build_model, load_run
from jepakit.weight_files import digest
from vjepa2.checkpoints.action_model import ActionModel
from vjepa2.checkpoints.action_run import action_config, fill_dynamics, model_of_dynamics
from vjepa2.checkpoints.pretrained import (
    Pretrained,
    Role,
    encoder_arguments,
    fill,
    predictor_arguments,
)
from vjepa2.dynamics import Dynamics
from vjepa2.module import VJEPA2
from vjepa2.predictor import Predictor

RELEASED_TUBES = ((8, 0.15), (2, 0.7))
RELEASED_CONTEXT_WEIGHT = 0.5
"""``lambda`` of V-JEPA 2.1 at the end of its ramp."""


def read_run(path: Path, *, encoder: Role = "target") -> Pretrained | ActionModel:
    """The last checkpoint of a run, of this family or of another one with such an encoder.

    Args:
        path: the run folder.
        encoder: which of its encoders is evaluated.

    Raises:
        FileNotFoundError: the folder is no run, or has no checkpoint.
        ValueError: the model has no such encoder, or latents that no other format has.
    """
    module = load_run(path)
    last = RunFolder(path).last
    record = {
        "source": path.name,
        "sha256": {last.name: digest(last)} if last.exists() else {},
        "format": f"run of {type(module).__name__}",
        "assumed": {},
    }
    if isinstance(module, Dynamics):
        return model_of_dynamics(module, encoder=encoder, record=record)
    return _model_of(module, path, encoder, record)


def _model_of(module: JepaModule, path: Path, role: Role, record: dict[str, Any]) -> Pretrained:
    """Encoders of a model, and its predictor if it is one of masked tokens."""
    parts = {name: part for name, part in module.named_children() if [*part.parameters()]}
    name = "target_encoder" if role == "target" else "encoder"
    chosen, trained = parts.get(name), parts.get("encoder")
    if not isinstance(chosen, VisionTransformer):
        raise ValueError(f"The model of {path} has no {name} that is a vision transformer.")
    arguments, weights = encoder_arguments(chosen), chosen.state_dict()
    used, context = {name}, weights
    if isinstance(trained, VisionTransformer) and encoder_arguments(trained) == arguments:
        used, context = {name, "encoder"}, trained.state_dict()
    predictor = parts.get("predictor")
    ours = isinstance(predictor, Predictor)
    record = record | {
        "target_encoder": name,
        "encoder": "encoder" if "encoder" in used else name,
        "absent": [] if ours else ["predictor"],
        "left_out": sorted(parts.keys() - used - ({"predictor"} if ours else set())),
    }
    if not isinstance(predictor, Predictor):
        return Pretrained(arguments, weights, context, record=record)
    predicting = predictor_arguments(predictor, arguments)
    return Pretrained(arguments, weights, context, predicting, predictor.state_dict(), record)


def write_run(model: Pretrained | ActionModel, folder: Path) -> dict[str, Any]:
    """Write ``config.yaml`` and ``checkpoints/last.ckpt``, of which ``load_run`` makes a model.

    With a predictor on actions it is a ``Dynamics``, which trains as released. Else it is a
    ``VJEPA2``: where the source has no predictor, one with the default sizes and fresh weights is
    written; the masks are the released ones without their cut to the shortest sample of a batch.

    Args:
        model: what is written.
        folder: an empty folder.

    Returns:
        What the record says of it.

    Raises:
        ValueError: the weights do not fit the arguments.
    """
    config = {
        "model": action_config(model) if isinstance(model, ActionModel) else model_config(model)
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build_model(config["model"])
    if isinstance(model, ActionModel):
        assert isinstance(module, Dynamics)
        fill_dynamics(module, model)
    else:
        assert isinstance(module, VJEPA2)
        _fill_vjepa2(module, model)
    place = RunFolder(folder)
    place.config.write_text(yaml.safe_dump(config, sort_keys=False))
    DurableCheckpointIO().save_checkpoint({"state_dict": module.state_dict()}, place.last)
    return {
        "format": f"run of {type(module).__name__}",
        "fresh": [] if model.predictor else ["predictor"],
        "not_written": [],
    }


def _fill_vjepa2(module: VJEPA2, model: Pretrained) -> None:
    fill(module.encoder, model.context, what="encoder")
    fill(module.target_encoder, model.target, what="target encoder")
    if model.predictor is not None:
        fill(module.predictor, model.predictor_weights, what="predictor")


def model_config(model: Pretrained) -> dict[str, Any]:
    """The ``model`` part of the configuration of a ``VJEPA2``."""
    arguments: dict[str, Any] = {
        "encoder": {"class_path": "jepakit.nn.VisionTransformer", "init_args": model.encoder},
        "masker": _masker(model.encoder),
    }
    if model.predictor is not None:
        arguments["predictor"] = {"class_path": "vjepa2.Predictor", "init_args": model.predictor}
        if model.predictor["context"]:
            arguments["context_weight"] = RELEASED_CONTEXT_WEIGHT
    return {"class_path": "vjepa2.VJEPA2", "init_args": arguments}


def _masker(encoder: dict[str, Any]) -> dict[str, Any]:
    if encoder["frames"] == encoder["tubelet"]:
        return {"class_path": "jepakit.masks.MultiblockMasker"}
    tubes = [
        {"class_path": "jepakit.masks.Tubes", "init_args": {"blocks": blocks, "scale": scale}}
        for blocks, scale in RELEASED_TUBES
    ]
    return {"class_path": "jepakit.masks.SeveralMasks", "init_args": {"maskers": tubes}}
