"""Files of V-JEPA 2-AC as world models of ours, and world models of ours as such files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from jepakit.actions import FRANKA, ActionSpace
from vjepa2.checkpoints.action_model import ActionModel
from vjepa2.checkpoints.official import to_official_encoder
from vjepa2.checkpoints.official_action import (
    CONDITIONS,
    ActionPredictorShape,
    action_predictor_state,
    to_official_action_predictor,
)
from vjepa2.checkpoints.shapes import EncoderShape

FRAMES = 8
"""Frames of a window in the released training."""

UNUSED = CONDITIONS[-1]
"""The camera's pose: files hold its layer, released training went without."""

OFFICIAL = {"pairing": "tiled", "fusion": "concat", "memory": None, "residual": False}
"""Options of a predictor that the released code knows no other of."""

PREFIX = "module."
"""In front of the names in released files."""


def action_model(
    seen: EncoderShape,
    encoder_weights: dict[str, Tensor],
    predictor: Mapping[str, Tensor],
    *,
    actions: ActionSpace | None = None,
    heads: int | None = None,
    predictor_heads: int | None = None,
    frames: int | None = None,
    size: int | None = None,
    record: dict[str, Any],
) -> ActionModel:
    """Put the two networks of a file together; what weights do not show is as published.

    Args:
        seen: numbers of the encoder.
        encoder_weights: its weights by our names.
        predictor: weights of the predictor by official names.
        actions: what the numbers of an action are; those of the published file's arm by default.
        heads: attention heads of the encoder.
        predictor_heads: attention heads of the predictor.
        frames: frames of a window in training.
        size: side of a frame in pixels.
        record: what is known of the source; what is assumed is added to it.

    Raises:
        ValueError: names are missing or unexpected, the predictor is of another encoder, or of
            other actions.
    """
    shape, weights = action_predictor_state(predictor)
    if shape.latent_width != seen.width:
        raise ValueError(
            f"The predictor on actions takes latents of width {shape.latent_width} and the encoder "
            f"gives tokens of width {seen.width}: they are not of the same model."
        )
    space = actions or FRANKA
    _check_widths(shape, space, given=actions is not None)
    arguments = seen.arguments(heads=heads, frames=seen.tubelet, size=size)
    predicting = shape.arguments(heads=predictor_heads)
    used = {
        "heads": arguments["heads"],
        "predictor_heads": predicting["heads"],
        "frames": FRAMES if frames is None else frames,
        "size": arguments["size"],
        "actions": "FRANKA",
    }
    given: dict[str, Any] = {"heads": heads, "predictor_heads": predictor_heads, "frames": frames}
    given |= {"size": used["size"] if seen.tokens else size, "actions": actions}
    assumed = {name: used[name] for name, value in given.items() if value is None}
    return ActionModel(
        encoder=arguments,
        target=encoder_weights,
        context=encoder_weights,
        conditions=predicting["conditions"],
        predictor=_configured(predicting),
        predictor_weights=weights,
        actions=space,
        frames=used["frames"],
        record=record | {"assumed": assumed | {UNUSED: "unused"}},
    )


def official_action_parts(model: ActionModel) -> tuple[dict[str, dict[str, Tensor]], list[str]]:
    """What a file of the released code holds, and which layers in it are new and all zero.

    Raises:
        ValueError: the released code has no such networks.
    """
    refuse_other_options(model)
    weights, fresh = dict(model.predictor_weights), list[str]()
    sizes = model.conditions
    if UNUSED not in sizes:
        # Its class has the layer in any case, one number smaller than the action.
        sizes = sizes | {UNUSED: sizes["action"] - 1}
        like = weights["conditions.action.bias"]
        weights[f"conditions.{UNUSED}.weight"] = like.new_zeros(len(like), sizes[UNUSED])
        weights[f"conditions.{UNUSED}.bias"] = torch.zeros_like(like)
        fresh = [f"{UNUSED}_encoder"]
    shape = ActionPredictorShape(
        latent_width=model.encoder["width"],
        width=model.predictor["width"],
        depth=model.predictor["depth"],
        hidden=weights["blocks.0.fc1.weight"].shape[0],
        conditions=(sizes["action"], sizes["state"], sizes[UNUSED]),
    )
    seen = EncoderShape.of(model.encoder, model.target)
    parts = {
        "encoder": to_official_encoder(model.context, seen),
        "target_encoder": to_official_encoder(model.target, seen),
        "predictor": to_official_action_predictor(weights, shape),
    }
    return parts, fresh


def refuse_other_options(model: ActionModel) -> None:
    """Compare with what the class of the released code can be.

    Raises:
        ValueError: it differs; all that does is listed.
    """
    sizes, predictor = model.conditions, model.predictor
    wrong = [
        f"{name}: {predictor[name]} (there: {value})"
        for name, value in OFFICIAL.items()
        if predictor[name] != value
    ]
    used = [name for name in sizes if name not in predictor["unused"]]
    if used != ["action", "state"] or sizes.keys() - {*CONDITIONS}:
        wrong.append(f"conditions: {used} (there: action, state)")
    elif sizes["state"] != sizes["action"]:
        wrong.append(
            f"{sizes['state']} numbers of state for {sizes['action']} actions (there: as many)"
        )
    if wrong:
        raise ValueError(f"V-JEPA 2-AC has no such predictor: {'; '.join(wrong)}.")


def _configured(predicting: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that do not follow from the encoder and the conditions."""
    names = ("width", "depth", "heads", "mlp_ratio")
    sizes = {name: predicting[name] for name in names}
    return sizes | {"unused": list(predicting["unused"])} | OFFICIAL


def _check_widths(shape: ActionPredictorShape, space: ActionSpace, *, given: bool) -> None:
    found, wanted = (len(space), space.states), shape.conditions[:2]
    if found != wanted:
        which = "the file of --actions" if given else "the arm of the published file (assumed)"
        raise ValueError(
            f"The predictor takes actions of {wanted[0]} numbers and states of {wanted[1]}; "
            f"{which} has {found[0]} and {found[1]}. Say what the numbers are with --actions FILE: "
            "names, low, high, state_names, changes."
        )
