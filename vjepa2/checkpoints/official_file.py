"""A published or trained file of the released code as a model of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from vjepa2.checkpoints.files import digest, read_weights
from vjepa2.checkpoints.official import encoder_state, predictor_state
from vjepa2.checkpoints.pretrained import Pretrained, Role
from vjepa2.checkpoints.shapes import Layout

TARGETS = ("target_encoder", "ema_encoder")
CONTEXT = "encoder"
PREDICTOR = "predictor"
ALONE = "all of the file"


def read_official(
    path: Path,
    *,
    encoder: Role = "target",
    layout: Layout | None = None,
    heads: int | None = None,
    predictor_heads: int | None = None,
    frames: int | None = None,
    size: int | None = None,
) -> Pretrained:
    """Read a file with encoders and a predictor, or with the weights of one encoder alone.

    Frames, size and heads are not visible in the weights: by default they are as published, and
    the record says that they were assumed.

    Args:
        path: the file.
        encoder: which encoder is evaluated, where the file has several; the other goes on training
            unless it is to be ``context``, which then is both.
        layout: which release the weights must be of.
        heads: attention heads of the encoder.
        predictor_heads: attention heads of the predictor.
        frames: frames of a clip.
        size: side of a frame in pixels.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else, lacks the encoder asked for, or its names are not
            exactly those of a release.
    """
    content = read_weights(path)
    parts = _parts(content, path)
    name = _choose(parts, encoder, path)
    shape, target = encoder_state(parts[name], layout=layout)
    other = CONTEXT if encoder == "target" and CONTEXT in parts else name
    trained = target if other == name else encoder_state(parts[other], layout=shape.layout)[1]
    arguments = shape.arguments(heads=heads, frames=frames, size=size)
    given = {"heads": heads} if shape.tokens else {"heads": heads, "frames": frames, "size": size}
    assumed = {key: arguments[key] for key, value in given.items() if value is None}
    predictor, weights = None, dict[str, Tensor]()
    if PREDICTOR in parts:
        predicted, weights = predictor_state(parts[PREDICTOR], shape)
        predictor = predicted.arguments(arguments, heads=predictor_heads)
        if predictor_heads is None:
            assumed["predictor_heads"] = predictor["heads"]
    used = {name, other, PREDICTOR}
    record = {
        "source": path.name,
        "sha256": {path.name: digest(path)},
        "format": f"official, {shape.layout}",
        "target_encoder": name,
        "encoder": other,
        "assumed": assumed,
        "mask_token": 0 if predictor else None,
        "absent": [] if predictor else [PREDICTOR],
        "left_out": [] if name == ALONE else sorted(set(content) - used),
    }
    return Pretrained(arguments, target, trained, predictor, weights, record)


def _parts(content: Mapping[str, Any], path: Path) -> dict[str, Mapping[str, Tensor]]:
    """The networks in a file."""
    if "classifiers" in content:
        raise ValueError(
            f"{path} holds attentive probes and no encoder; they are read by "
            "vjepa2.probe_files.official_probe_states."
        )
    if content and all(isinstance(value, Tensor) for value in content.values()):
        return {ALONE: content}
    return {name: value for name, value in content.items() if isinstance(value, Mapping)}


def _choose(parts: Mapping[str, Mapping[str, Tensor]], role: Role, path: Path) -> str:
    """Name of the encoder that is evaluated."""
    wanted = (ALONE, *TARGETS) if role == "target" else (ALONE, CONTEXT)
    found = [name for name in wanted if name in parts]
    if not found:
        other = "context" if role == "target" else "target"
        raise ValueError(
            f"{path} has no {role} encoder ({' or '.join(wanted[1:])}), only {sorted(parts)}: "
            f"try --encoder {other}."
        )
    return found[0]
