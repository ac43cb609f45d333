"""``config.json`` of Hugging Face's ``VJEPA2Model`` and ``IJepaModel``, both ways."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from jepakit.nn.block import EPS

SHARED = {
    "hidden_act": "gelu",
    "qkv_bias": True,
    "layer_norm_eps": EPS,
}
VIDEO_FIXED = SHARED | {"in_chans": 3, "pred_mlp_ratio": 4.0}
IMAGE_FIXED = SHARED | {"num_channels": 3}
"""Values that networks of ours have by construction; others are refused."""

VIDEO_DEFAULTS: dict[str, Any] = VIDEO_FIXED | {
    "patch_size": 16,
    "crop_size": 256,
    "frames_per_clip": 64,
    "tubelet_size": 2,
    "hidden_size": 1024,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "mlp_ratio": 4.0,
    "pred_hidden_size": 384,
    "pred_num_attention_heads": 12,
    "pred_num_hidden_layers": 12,
    "pred_num_mask_tokens": 10,
}
IMAGE_DEFAULTS: dict[str, Any] = IMAGE_FIXED | {
    "layer_norm_eps": 1e-12,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "image_size": 224,
    "patch_size": 16,
}
"""What Hugging Face takes where a file is silent. The eps of images is not that of any release."""


def video_arguments(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of a ``VisionTransformer`` and of a ``Predictor`` for a ``VJEPA2Model``.

    Raises:
        ValueError: an option that our networks do not have.
    """
    full = VIDEO_DEFAULTS | dict(config)
    _refuse_other_values(full, VIDEO_FIXED)
    width = full["hidden_size"]
    encoder = {
        "width": width,
        "depth": full["num_hidden_layers"],
        "heads": full["num_attention_heads"],
        "frames": full["frames_per_clip"],
        "size": _side(full, "crop_size"),
        "patch": _side(full, "patch_size"),
        "tubelet": full["tubelet_size"],
        "mlp_ratio": int(width * full["mlp_ratio"]) / width,
        "position": "rope_tiled",
        "levels": [],
        "images": False,
    }
    predictor = {
        "width": full["pred_hidden_size"],
        "depth": full["pred_num_hidden_layers"],
        "heads": full["pred_num_attention_heads"],
        "mask_tokens": full["pred_num_mask_tokens"],
        "hierarchy": False,
        "target_width": None,
        "context": False,
    }
    return encoder, predictor


def image_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a ``VisionTransformer`` for an ``IJepaModel``.

    Raises:
        ValueError: an option that our networks do not have.
    """
    full = IMAGE_DEFAULTS | dict(config)
    _refuse_other_values(full, IMAGE_FIXED)
    return {
        "width": full["hidden_size"],
        "depth": full["num_hidden_layers"],
        "heads": full["num_attention_heads"],
        "frames": 1,
        "size": _side(full, "image_size"),
        "patch": _side(full, "patch_size"),
        "tubelet": 1,
        "mlp_ratio": full["intermediate_size"] / full["hidden_size"],
        "position": "learned",
        "levels": [],
        "images": False,
    }


def video_encoder_config(encoder: Mapping[str, Any]) -> dict[str, Any]:
    """The encoder's half of the inverse of :func:`video_arguments`, and what is always the same.

    Raises:
        ValueError: an encoder that a ``VJEPA2Model`` cannot have.
    """
    _refuse(
        {
            f"positions {encoder['position']}": encoder["position"] != "rope_tiled",
            "normed levels": bool(encoder["levels"]),
            "tokenizer of its own for still images": encoder["images"],
            f"frames of {encoder['size']} pixels": not isinstance(encoder["size"], int),
        },
        "VJEPA2Model has positions rope_tiled, one level, one tokenizer and square frames",
    )
    return VIDEO_FIXED | {
        "architectures": ["VJEPA2Model"],
        "model_type": "vjepa2",
        "dtype": "float32",
        "attention_dropout": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "drop_path_rate": 0.0,
        "initializer_range": 0.02,
        "num_pooler_layers": 3,
        "hidden_size": encoder["width"],
        "num_hidden_layers": encoder["depth"],
        "num_attention_heads": encoder["heads"],
        "frames_per_clip": encoder["frames"],
        "crop_size": encoder["size"],
        "patch_size": encoder["patch"],
        "tubelet_size": encoder["tubelet"],
        "mlp_ratio": _ratio(encoder),
    }


def video_predictor_config(predictor: Mapping[str, Any]) -> dict[str, Any]:
    """The predictor's half of the inverse of :func:`video_arguments`.

    Raises:
        ValueError: a predictor that a ``VJEPA2Model`` cannot have.
    """
    _refuse(
        {
            "several predicted levels": predictor["hierarchy"],
            "prediction of visible tokens": predictor["context"],
            f"target width of {predictor['target_width']}": bool(predictor["target_width"]),
        },
        "VJEPA2Model predicts hidden tokens at the encoder's own width",
    )
    return {
        "pred_zero_init_mask_tokens": True,
        "pred_hidden_size": predictor["width"],
        "pred_num_hidden_layers": predictor["depth"],
        "pred_num_attention_heads": predictor["heads"],
        "pred_num_mask_tokens": predictor["mask_tokens"],
    }


def image_config(encoder: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`image_arguments`, with what Hugging Face writes besides.

    Raises:
        ValueError: a network that an ``IJepaModel`` cannot be.
    """
    _refuse(
        {
            f"clips of {encoder['frames']} frames": encoder["frames"] != 1,
            f"frames of {encoder['size']} pixels": not isinstance(encoder["size"], int),
            "normed levels": bool(encoder["levels"]),
            "second tokenizer": encoder["images"],
        },
        "IJepaModel has learned positions, one level, one tokenizer and square images",
    )
    return IMAGE_FIXED | {
        "architectures": ["IJepaModel"],
        "model_type": "ijepa",
        "dtype": "float32",
        "attention_probs_dropout_prob": 0.0,
        "hidden_dropout_prob": 0.0,
        "initializer_range": 0.02,
        "pooler_act": "tanh",
        "pooler_output_size": encoder["width"],
        "hidden_size": encoder["width"],
        "num_hidden_layers": encoder["depth"],
        "num_attention_heads": encoder["heads"],
        "intermediate_size": round(encoder["width"] * encoder["mlp_ratio"]),
        "image_size": encoder["size"],
        "patch_size": encoder["patch"],
    }


def _ratio(encoder: Mapping[str, Any]) -> float:
    """A ratio that Hugging Face's rounding towards zero takes to the right width of the MLPs."""
    hidden = round(encoder["width"] * encoder["mlp_ratio"])
    ratio = hidden / encoder["width"]
    return ratio if int(encoder["width"] * ratio) == hidden else math.nextafter(ratio, math.inf)


def _side(config: Mapping[str, Any], name: str) -> int:
    """A length that may be given as two equal ones."""
    value = config[name]
    sides = {value} if isinstance(value, int) else set(value)
    if len(sides) != 1:
        raise ValueError(f"{name} is {value} in config.json; only squares are converted.")
    return sides.pop()


def _refuse_other_values(config: Mapping[str, Any], fixed: Mapping[str, Any]) -> None:
    for name, value in fixed.items():
        if config[name] != value:
            raise ValueError(
                f"{name} is {config[name]} in config.json (or by Hugging Face's default); networks "
                f"here have {value}, and their outputs would differ."
            )


def _refuse(reasons: Mapping[str, bool], wanted: str) -> None:
    found = [reason for reason, holds in reasons.items() if holds]
    if found:
        raise ValueError(f"Hugging Face has no {' and no '.join(found)}: its {wanted}.")
