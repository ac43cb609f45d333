"""Files of the released code as models of ours, and models of ours as such files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.weight_files import digest, read_weights
from vjepa2.checkpoints.action_file import PREFIX, action_model, official_action_parts
from vjepa2.checkpoints.action_model import ActionModel
from vjepa2.checkpoints.official import (
    encoder_state,
    predictor_state,
    to_official_encoder,
    to_official_predictor,
)
from vjepa2.checkpoints.official_action import on_actions
from vjepa2.checkpoints.pretrained import Pretrained, Role
from vjepa2.checkpoints.shapes import EncoderShape, Layout, PredictorShape

TARGETS = ("target_encoder", "ema_encoder")
CONTEXT = "encoder"
PREDICTOR = "predictor"
ALONE = "all of the file"
FILE = "official.pt"
WRAPPED: dict[Layout, str] = {
    "vjepa2": f"{PREFIX}backbone.",
    "vjepa2.1": f"{PREFIX}backbone.",
    "ijepa": PREFIX,
}
"""In front of the names in released files; whoever reads them takes it away."""


class Encoders(NamedTuple):
    """The encoders of a file.

    Attributes:
        name: of the one that is evaluated.
        trained: name of the one that goes on training.
        shape: numbers of both.
        target: weights of the one that is evaluated.
        context: weights of the one that goes on training.
    """

    name: str
    trained: str
    shape: EncoderShape
    target: dict[str, Tensor]
    context: dict[str, Tensor]

    @property
    def used(self) -> set[str]:
        """What is taken of the file."""
        return {self.name, self.trained, PREDICTOR}


def read_official(
    path: Path,
    *,
    encoder: Role = "target",
    layout: Layout | None = None,
    heads: int | None = None,
    predictor_heads: int | None = None,
    frames: int | None = None,
    size: int | None = None,
    actions: ActionSpace | None = None,
) -> Pretrained | ActionModel:
    """Read a file with encoders and a predictor, or with the weights of one encoder alone.

    Frames, size and heads are not visible in the weights: by default they are as published, and
    the record says that they were assumed. A file of V-JEPA 2-AC may have its one encoder, which
    does not learn, under either name.

    Args:
        path: the file.
        encoder: which encoder is evaluated, where the file has several; the other goes on training
            unless it is to be ``context``, which then is both.
        layout: which release the weights must be of.
        heads: attention heads of the encoder.
        predictor_heads: attention heads of the predictor.
        frames: frames of a clip; of a window where the predictor is one on actions.
        size: side of a frame in pixels.
        actions: what the numbers of an action are, where the predictor is one on actions.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else, lacks the encoder asked for, or its names are not
            exactly those of a release.
    """
    content = read_weights(path)
    parts = _parts(content, path)
    predicting = parts.get(PREDICTOR)
    moved = predicting is not None and on_actions(predicting)
    seen = _encoders(parts, encoder, path, layout=layout, moved=moved)
    record = _record(path, content, seen)
    if predicting is None or not moved:
        if actions is not None:
            raise ValueError(f"{path} has no predictor on actions: leave --actions out.")
        sizes = {"heads": heads, "frames": frames, "size": size}
        return _pretrained(seen, predicting, sizes, predictor_heads, record)
    record["format"] += " with a predictor on actions"
    return action_model(
        seen.shape,
        seen.target,
        predicting,
        actions=actions,
        heads=heads,
        predictor_heads=predictor_heads,
        frames=frames,
        size=size,
        record=record,
    )


def write_official(model: Pretrained | ActionModel, folder: Path) -> dict[str, Any]:
    """Write ``official.pt``, which the released code and its hub read.

    Both encoders and the predictor are in it; an optimizer's state is not, so that a training of
    the released code can start from it but not go on where it was.

    Args:
        model: what is written.
        folder: an empty folder.

    Returns:
        What the record says of it.

    Raises:
        ValueError: the released code has no such networks.
    """
    layout, fresh = EncoderShape.of(model.encoder, model.target).layout, list[str]()
    if isinstance(model, ActionModel):
        (parts, fresh), prefix = official_action_parts(model), PREFIX
        kind = f"official, {layout} with a predictor on actions"
    else:
        parts, prefix, kind = _official_parts(model), WRAPPED[layout], f"official, {layout}"
    content = {
        part: {prefix + name: value for name, value in state.items()}
        for part, state in parts.items()
    }
    torch.save(content, folder / FILE)
    return {"format": kind, "file": FILE, "fresh": fresh, "not_written": []}


def _record(path: Path, content: Mapping[str, Any], seen: Encoders) -> dict[str, Any]:
    """What is known of the source, without what is assumed."""
    return {
        "source": path.name,
        "sha256": {path.name: digest(path)},
        "format": f"official, {seen.shape.layout}",
        "target_encoder": seen.name,
        "encoder": seen.trained,
        "absent": [] if PREDICTOR in content else [PREDICTOR],
        "left_out": [] if seen.name == ALONE else sorted(content.keys() - seen.used),
    }


def _pretrained(
    seen: Encoders,
    predicting: Mapping[str, Tensor] | None,
    sizes: dict[str, int | None],
    predictor_heads: int | None,
    record: dict[str, Any],
) -> Pretrained:
    """Encoders and a predictor of masked tokens, if there is one."""
    arguments = seen.shape.arguments(**sizes)
    given = {"heads": sizes["heads"]} if seen.shape.tokens else sizes
    assumed = {key: arguments[key] for key, value in given.items() if value is None}
    record = record | {"assumed": assumed, "mask_token": None if predicting is None else 0}
    if predicting is None:
        return Pretrained(arguments, seen.target, seen.context, record=record)
    predicted, weights = predictor_state(predicting, seen.shape)
    predictor = predicted.arguments(arguments, heads=predictor_heads)
    if predictor_heads is None:
        assumed["predictor_heads"] = predictor["heads"]
    return Pretrained(arguments, seen.target, seen.context, predictor, weights, record)


def _official_parts(model: Pretrained) -> dict[str, dict[str, Tensor]]:
    shape = EncoderShape.of(model.encoder, model.target)
    parts = {
        CONTEXT: to_official_encoder(model.context, shape),
        TARGETS[0]: to_official_encoder(model.target, shape),
    }
    if model.predictor is not None:
        predicted = PredictorShape.of(model.predictor, model.encoder)
        parts[PREDICTOR] = to_official_predictor(model.predictor_weights, predicted)
    return parts


def _encoders(
    parts: Mapping[str, Mapping[str, Tensor]],
    role: Role,
    path: Path,
    *,
    layout: Layout | None,
    moved: bool,
) -> Encoders:
    """The encoders; beside a predictor on actions (``moved``) there is only one."""
    name = _choose(parts, role, path, either=moved)
    shape, target = encoder_state(parts[name], layout=layout)
    if moved or role == "context" or CONTEXT not in parts:
        return Encoders(name, name, shape, target, target)
    context = encoder_state(parts[CONTEXT], layout=shape.layout)[1]
    return Encoders(name, CONTEXT, shape, target, context)


def _parts(content: Mapping[str, Any], path: Path) -> dict[str, Mapping[str, Tensor]]:
    """The networks in a file."""
    if "classifiers" in content:
        raise ValueError(
            f"{path} holds attentive probes and no encoder: evaluate.py classify takes it with "
            "--probe."
        )
    if content and all(isinstance(value, Tensor) for value in content.values()):
        return {ALONE: content}
    return {name: value for name, value in content.items() if isinstance(value, Mapping)}


def _choose(
    parts: Mapping[str, Mapping[str, Tensor]], role: Role, path: Path, *, either: bool
) -> str:
    """Name of the encoder that is evaluated; ``either`` if the other stands in for it."""
    wanted = (ALONE, *TARGETS) if role == "target" else (ALONE, CONTEXT)
    names = (*wanted, *TARGETS, CONTEXT) if either else wanted
    found = [name for name in names if name in parts]
    if found:
        return found[0]
    if either:
        raise ValueError(
            f"{path} has a predictor on actions and no encoder, only {sorted(parts)}: add the "
            f"weights of the encoder that it was trained on as {CONTEXT}."
        )
    other = "context" if role == "target" else "target"
    raise ValueError(
        f"{path} has no {role} encoder ({' or '.join(wanted[1:])}), only {sorted(parts)}: "
        f"try --encoder {other}."
    )
