"""Hugging Face directories as models of ours, and models of ours as Hugging Face directories."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jepakit.weight_files import (
    SAFETENSORS,
    digest,
    read_sharded,
    write_json,
    write_safetensors,
)
from vjepa2.checkpoints.action_model import ActionModel
from vjepa2.checkpoints.huggingface import (
    image_encoder_rules,
    split,
    video_encoder_rules,
    video_predictor_rules,
)
from vjepa2.checkpoints.huggingface_config import (
    image_arguments,
    image_config,
    video_arguments,
    video_encoder_config,
    video_predictor_config,
)
from vjepa2.checkpoints.pretrained import Pretrained, fresh_predictor, predictor_arguments
from vjepa2.checkpoints.rules import Rule, refuse_others, renamed, to_ours, to_theirs
from vjepa2.probe_files import hf_probe_state

CONFIG = "config.json"


def read_huggingface(folder: Path) -> Pretrained:
    """Read a ``VJEPA2Model``, ``VJEPA2ForVideoClassification`` or ``IJepaModel``.

    The probe of a classifier is left out, see :func:`vjepa2.probe_files.hf_probe_state`.

    Raises:
        FileNotFoundError: files are missing.
        ValueError: another model, an option that our networks do not have, or other names.
    """
    config = json.loads((folder / CONFIG).read_text())
    kind = config.get("model_type")
    if kind not in ("vjepa2", "ijepa"):
        raise ValueError(f"{folder / CONFIG} is of model_type {kind}; wanted: vjepa2 or ijepa.")
    files = {path.name: digest(path) for path in sorted(folder.glob("*.safetensors"))}
    weights = read_sharded(folder)
    model, probe = split(weights) if kind == "vjepa2" else (weights, [])
    if probe:
        hf_probe_state(weights)  # refuses names that are not those of a probe
    record: dict[str, Any] = {
        "source": folder.name,
        "sha256": files,
        "format": f"Hugging Face, {kind}",
        "target_encoder": "the only encoder",
        "encoder": "the only encoder",
        "assumed": {},
        "absent": [],
        "left_out": probe,
    }
    if kind == "ijepa":
        encoder = image_arguments(config)
        new = any(name.startswith("layers.") for name in model)
        rules = image_encoder_rules(encoder["depth"], patch=encoder["patch"], new_names=new)
        state = to_ours(model, rules, what="an IJepaModel")
        return Pretrained(encoder, state, state, record=record | {"absent": ["predictor"]})
    encoder, predictor = video_arguments(config)
    record["mask_token"] = 1 % predictor["mask_tokens"]
    seeing, predicting = _video_rules(encoder, predictor)
    names = [name for rule in (*seeing, *predicting) for name in rule.theirs]
    refuse_others(model, names, what=f"a VJEPA2Model of {encoder['depth']} layers")
    seen, predicted = renamed(model, seeing), renamed(model, predicting)
    return Pretrained(encoder, seen, seen, predictor, predicted, record)


def write_huggingface(model: Pretrained | ActionModel, folder: Path) -> dict[str, Any]:
    """Write a directory that ``from_pretrained`` of transformers loads, with equal outputs.

    The encoder that is evaluated becomes a ``VJEPA2Model``, or an ``IJepaModel`` where positions
    are learned. A ``VJEPA2Model`` cannot be without a predictor: one that is missing or of another
    kind is written with fresh weights. The mask token that we predict with is written where
    Hugging Face looks for it, see :data:`vjepa2.checkpoints.huggingface.MASK_TOKENS`.

    Args:
        model: what is written.
        folder: an empty folder.

    Returns:
        What the record says of it.

    Raises:
        ValueError: a network that Hugging Face has no class for.
    """
    if isinstance(model, ActionModel):
        raise ValueError(
            "Hugging Face has no class for a predictor on actions (V-JEPA 2-AC): write it with "
            "--to official."
        )
    encoder, predictor, weights = model.encoder, model.predictor, model.predictor_weights
    if encoder["position"] == "learned":
        config = image_config(encoder)
        rules = image_encoder_rules(encoder["depth"], patch=encoder["patch"])
        state = to_theirs(model.target, rules, what="an encoder")
        notes = {"fresh": [], "not_written": ["predictor"] if predictor else []}
    else:
        config = video_encoder_config(encoder)
        if predictor is None:
            fresh = fresh_predictor(encoder)
            predictor, weights = predictor_arguments(fresh, encoder), fresh.state_dict()
        config |= video_predictor_config(predictor)
        seeing, predicting = _video_rules(encoder, predictor)
        state = to_theirs(model.target, seeing, what="an encoder")
        state |= to_theirs(weights, predicting, what="a predictor")
        notes = {"fresh": [] if model.predictor else ["predictor"], "not_written": []}
    if model.record.get("encoder") != model.record.get("target_encoder"):
        notes["not_written"].insert(0, "encoder")
    write_json(config, folder / CONFIG)
    state = {name: value.float() for name, value in state.items()}
    write_safetensors(state, folder / SAFETENSORS)
    return {"format": f"Hugging Face, {config['architectures'][0]}", **notes}


def _video_rules(
    encoder: Mapping[str, Any], predictor: Mapping[str, Any]
) -> tuple[list[Rule], list[Rule]]:
    seeing = video_encoder_rules(
        encoder["depth"], tubelet=encoder["tubelet"], patch=encoder["patch"]
    )
    return seeing, video_predictor_rules(predictor["depth"])
