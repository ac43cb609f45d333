"""Published probes for action anticipation: read as modules, and their weights back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from jepakit.weight_files import read_weights
from vjepa2.action_anticipation import QUESTIONS, ActionAnticipationProbe
from vjepa2.checkpoints.pretrained import fill
from vjepa2.probe_files import official_probe_state, to_official_probe_state
from vjepa2.saved_probes import HEADS

THEIRS = {f"{question}_classifier": f"heads.{question}" for question in QUESTIONS}
ALONE = {"action_classifier": "heads.action"}


def read_anticipation_probe(
    path: Path, *, number: int = 0, heads: int = HEADS
) -> ActionAnticipationProbe:
    """Read a published probe (``ek100-vitl-256.pt``), in evaluation mode.

    Args:
        path: the file.
        number: which probe of the file; which of them was best is not written in it.
        heads: attention heads, which the weights do not show.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no such probes, or none of this number.
    """
    content: Mapping[str, Any] = read_weights(path)
    states = content.get("classifiers", [])
    if not 0 <= number < len(states):
        raise ValueError(
            f"{path} holds {len(states)} probes from number 0, so no {number}; it has the entries "
            f"{sorted(content)}."
        )
    return build_anticipation_probe(official_anticipation_state(states[number]), heads=heads)


def build_anticipation_probe(
    state: Mapping[str, Tensor], *, heads: int = HEADS
) -> ActionAnticipationProbe:
    """The module of these weights by our names, sizes read from their shapes.

    Raises:
        ValueError: the weights fit no probe, or the width is no multiple of the heads.
    """
    width = state["pooler.query_tokens"].shape[1]
    blocks = {name.split(".")[2] for name in state if name.startswith("pooler.blocks.")}
    questions = [name for name in QUESTIONS if f"heads.{name}.weight" in state]
    probe = ActionAnticipationProbe(
        width,
        {name: len(state[f"heads.{name}.weight"]) for name in questions},
        heads=heads,
        blocks=len(blocks),
        mlp_ratio=len(state["pooler.fc1.bias"]) / width,
    )
    fill(probe, state, what="anticipation probe")
    return probe.eval()


def official_anticipation_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of an official anticipation classifier, with or without verbs and nouns, as ours.

    Raises:
        ValueError: names are missing or unexpected; all of them are listed.
    """
    pairs = any("verb_classifier" in name or "noun_classifier" in name for name in state)
    return official_probe_state(
        state, heads=THEIRS if pairs else ALONE, what="an official anticipation probe"
    )


def to_official_anticipation_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of :func:`official_anticipation_state`, without ``module.``.

    Raises:
        ValueError: names are missing or unexpected; all of them are listed.
    """
    pairs = any(name.startswith(("heads.verb", "heads.noun")) for name in state)
    return to_official_probe_state(
        state, heads=THEIRS if pairs else ALONE, what="an action anticipation probe"
    )
