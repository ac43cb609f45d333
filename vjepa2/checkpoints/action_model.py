"""A world model on actions between two formats: arguments, weights, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from jepakit.actions import ActionSpace
from jepakit.nn.vit import VisionTransformer
from vjepa2.action_predictor import ActionPredictor
from vjepa2.checkpoints.pretrained import fill, with_tuples


@dataclass(frozen=True)
class ActionModel:
    """A :class:`~vjepa2.Dynamics` out of some file.

    Attributes:
        encoder: arguments of :class:`~jepakit.nn.VisionTransformer`; it sees single frames.
        target: weights of the encoder whose latents are predicted.
        context: weights of the encoder that is predicted from; the same where it does not learn.
        conditions: numbers of each condition of the predictor, in the order of their tokens.
        predictor: arguments of :class:`~vjepa2.ActionPredictor` but for those that follow from the
            encoder and the conditions.
        predictor_weights: its weights.
        actions: names and bounds of the actions.
        frames: frames of a window in training.
        record: what ``conversion.json`` says of the source.
    """

    encoder: dict[str, Any]
    target: dict[str, Tensor]
    context: dict[str, Tensor]
    conditions: dict[str, int]
    predictor: dict[str, Any]
    predictor_weights: dict[str, Tensor]
    actions: ActionSpace
    frames: int
    record: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Whether the arguments describe the weights; no memory is taken for it.

        Raises:
            ValueError: names or shapes differ; all are listed.
        """
        with torch.device("meta"):
            encoder = VisionTransformer(**with_tuples(self.encoder))
            predictor = ActionPredictor(
                encoder.width, self.conditions, encoder.grid[1:], **self.predictor
            )
        for weights in (self.target, self.context):
            fill(encoder, weights, what="encoder", assign=True)
        fill(predictor, self.predictor_weights, what="predictor on actions", assign=True)


def read_actions(path: Path) -> ActionSpace:
    """Names and bounds of actions out of a YAML or JSON file, see :meth:`ActionSpace.to_json`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it describes no actions.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        fields = yaml.safe_load(path.read_text())
        if isinstance(fields, Mapping):
            bounds = {name: [float(value) for value in fields[name]] for name in ("low", "high")}
            return ActionSpace.from_json({**fields, **bounds})
        reason = f"it is a {type(fields).__name__}"
    except KeyError as error:
        reason = f"it has no {error}"
    except (TypeError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
    raise ValueError(
        f"{path} describes no actions ({reason}). Wanted: names, low and high, one of each per "
        "number of an action, and state_names and changes where the agent has a state of its own."
    )
