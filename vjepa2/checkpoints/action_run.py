"""World models on actions out of run folders, and what makes run folders of them."""

from __future__ import annotations

import json
from typing import Any

from jepakit.nn.readout import AllPatches
from vjepa2.action_predictor import ActionPredictor
from vjepa2.checkpoints.action_model import ActionModel
from vjepa2.checkpoints.pretrained import Role, encoder_arguments, fill
from vjepa2.dynamics import Dynamics

RELEASED_OBJECTIVE = {"power": 1, "rollout": 2}


def model_of_dynamics(module: Dynamics, *, encoder: Role, record: dict[str, Any]) -> ActionModel:
    """Arguments and weights of a world model.

    Args:
        module: the world model.
        encoder: whose latents are to be predicted, where it has a teacher (target).
        record: what is known of the source; the encoders are added to it.

    Raises:
        ValueError: latents are not the normalised tokens of the encoder, as other formats have it.
    """
    seeing = module.perception
    if type(seeing.readout) is not AllPatches or not seeing.normalise:
        raise ValueError(
            f"The latents of this world model are those of a {type(seeing.readout).__name__} with "
            f"normalise: {seeing.normalise}; V-JEPA 2-AC has AllPatches with normalise: True."
        )
    weights = module.predictor.state_dict()
    taught = module.teacher if module.teacher and encoder == "target" else seeing
    named = "perception" if taught is seeing else "teacher"
    return ActionModel(
        encoder=encoder_arguments(seeing.encoder),
        target=taught.encoder.state_dict(),
        context=seeing.encoder.state_dict(),
        conditions={
            name: weights[f"conditions.{name}.weight"].shape[1]
            for name in module.predictor.conditions
        },
        predictor=action_predictor_arguments(module.predictor),
        predictor_weights=weights,
        actions=module.actions,
        frames=module.frames,
        record=record
        | {
            "target_encoder": f"{named}.encoder",
            "encoder": "perception.encoder",
            "absent": [],
            "left_out": ["teacher"] if module.teacher and taught is seeing else [],
        },
    )


def action_predictor_arguments(predictor: ActionPredictor) -> dict[str, Any]:
    """The arguments that build a predictor of this shape for given conditions."""
    return {
        "width": predictor.width,
        "depth": len(predictor.blocks),
        "heads": predictor.width // predictor.head_dim,
        "mlp_ratio": predictor.mlp_ratio,
        "unused": [name for name in predictor.conditions if name not in predictor.used],
        "pairing": predictor.pairing,
        "fusion": predictor.fusion,
        "memory": predictor.memory,
        "residual": predictor.residual,
    }


def action_config(model: ActionModel) -> dict[str, Any]:
    """The ``model`` part of a run's configuration; it trains as released."""
    used = {"action", "state"}
    arguments = {
        "encoder": {"class_path": "jepakit.nn.VisionTransformer", "init_args": model.encoder},
        "actions": model.actions.to_json(),
        "frames": model.frames,
        "predictor": {"class_path": "vjepa2.ActionPredictor", "init_args": model.predictor},
        "target": "frozen",
        "objective": RELEASED_OBJECTIVE,
        "unused": {name: size for name, size in model.conditions.items() if name not in used},
    }
    # Plain lists: YAML has no tuples.
    plain: dict[str, Any] = json.loads(json.dumps(arguments))
    return {"class_path": "vjepa2.Dynamics", "init_args": plain}


def fill_dynamics(module: Dynamics, model: ActionModel) -> None:
    """Give a world model the weights of another format.

    Raises:
        ValueError: the weights do not fit it.
    """
    fill(module.perception.encoder, model.target, what="encoder")
    fill(module.predictor, model.predictor_weights, what="predictor on actions")
