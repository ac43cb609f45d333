"""Names and shapes of the released predictor on actions (V-JEPA 2-AC), both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from vjepa2.checkpoints.official import block_rules, without_prefixes
from vjepa2.checkpoints.rules import Rule, layer, to_ours, to_theirs
from vjepa2.checkpoints.shapes import count

CONDITIONS = ("action", "state", "extrinsics")
"""Released conditions in the order of their tokens; files hold the last also where it is unused."""

HEADS = {1024: 16}


@dataclass(frozen=True)
class ActionPredictorShape:
    """Numbers of a predictor on actions that its weights show.

    Attributes:
        latent_width: of a latent of the encoder.
        width: of a token.
        depth: blocks.
        hidden: width of the MLPs.
        conditions: numbers of each condition, in the order of :data:`CONDITIONS`.
    """

    latent_width: int
    width: int
    depth: int
    hidden: int
    conditions: tuple[int, int, int]

    def arguments(
        self,
        *,
        heads: int | None = None,
        grid: tuple[int, int] = (16, 16),
        extrinsics: bool = False,
    ) -> dict[str, Any]:
        """Arguments of :class:`~vjepa2.action_predictor.ActionPredictor`.

        Args:
            heads: attention heads; by default as published.
            grid: rows and columns of a frame's patches; by default as published.
            extrinsics: whether the camera's pose is a condition; in published files it is unused.

        Raises:
            ValueError: the heads of an unpublished width are not given.
        """
        if not heads and self.width not in HEADS:
            raise ValueError(
                "Weights do not show the number of attention heads, and no published predictor on "
                f"actions has the width {self.width}: give the heads (--predictor_heads N)."
            )
        return {
            "latent_width": self.latent_width,
            "conditions": dict(zip(CONDITIONS, self.conditions, strict=True)),
            "grid": grid,
            "unused": () if extrinsics else ("extrinsics",),
            "width": self.width,
            "depth": self.depth,
            "heads": heads or HEADS[self.width],
            "mlp_ratio": self.hidden / self.width,
        }


def on_actions(state: Mapping[str, Tensor]) -> bool:
    """Whether an official predictor, with or without prefixes, is one on actions."""
    return "action_encoder.weight" in without_prefixes(state)


def action_predictor_rules(depth: int) -> list[Rule]:
    """Every parameter of a predictor on actions."""
    rules = block_rules("predictor_blocks", depth) + layer("project", "predictor_embed")
    for name in CONDITIONS:
        rules += layer(f"conditions.{name}", f"{name}_encoder")
    return rules + layer("norm", "predictor_norm") + layer("head", "predictor_proj")


def action_predictor_state(
    state: Mapping[str, Tensor],
) -> tuple[ActionPredictorShape, dict[str, Tensor]]:
    """Shape and weights of an official predictor on actions as those of an ``ActionPredictor``.

    Args:
        state: its weights, with or without prefixes.

    Raises:
        ValueError: names are missing or unexpected; all are listed.
    """
    plain = without_prefixes(state)
    # At least one block, so that names are missing where there is none.
    depth = max(1, count(plain, r"predictor_blocks\.(\d+)\."))
    what = f"an official predictor on actions ({depth} blocks)"
    weights = to_ours(plain, action_predictor_rules(depth), what=what)
    width, latent_width = weights["project.weight"].shape
    action, state_, extrinsics = (weights[f"conditions.{name}.weight"] for name in CONDITIONS)
    shape = ActionPredictorShape(
        latent_width=latent_width,
        width=width,
        depth=depth,
        hidden=weights["blocks.0.fc1.weight"].shape[0],
        conditions=(action.shape[1], state_.shape[1], extrinsics.shape[1]),
    )
    return shape, weights


def to_official_action_predictor(
    state: Mapping[str, Tensor], shape: ActionPredictorShape
) -> dict[str, Tensor]:
    """The inverse of :func:`action_predictor_state`, without prefixes.

    Raises:
        ValueError: names are missing or unexpected; all are listed.
    """
    return to_theirs(state, action_predictor_rules(shape.depth), what="a predictor on actions")
