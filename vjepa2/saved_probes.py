"""Attentive probes in files: published ones and those that a classification leaves, as modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jepakit.data.atomic import atomic_file
from jepakit.nn.attentive_pooler import AttentiveClassifier
from jepakit.weight_files import read_weights
from vjepa2.checkpoints.pretrained import fill
from vjepa2.probe_files import (
    hf_probe_state,
    official_probe_state,
    official_probe_states,
    to_official_probe_state,
)

HEADS = 16
"""Attention heads of all published probes."""


@dataclass(frozen=True)
class SavedProbe:
    """A probe out of a file, and what the file says of it.

    Attributes:
        probe: with its weights, in evaluation mode.
        levels: blocks whose outputs it reads, see
            :class:`jepakit.evals.classification.level_tokens.LevelTokens`; empty for the encoder's
            output, None where the file does not say.
        names: of its classes; empty where the file does not say.
    """

    probe: AttentiveClassifier
    levels: tuple[int, ...] | None = None
    names: tuple[str, ...] = ()

    def levels_or(self, given: tuple[int, ...]) -> tuple[int, ...]:
        """The levels that it reads: those of the file, else the given ones.

        Raises:
            ValueError: both are there and differ.
        """
        if self.levels is None or self.levels == given:
            return given
        if given:
            raise ValueError(f"The probe learned from the levels {self.levels}, not {given}.")
        return self.levels


def read_probe(path: Path, *, number: int = 0, heads: int = HEADS) -> SavedProbe:
    """Read a published probe, one of :func:`write_probe`, or one of a Hugging Face classifier.

    LayerNorms get the eps of the released code, 1e-5; Hugging Face computes the same weights with
    1e-6, so that its logits differ by some 1e-4.

    Args:
        path: a ``.pt`` or ``.safetensors`` file.
        number: which probe of a file of several. Which of them was best is not in a published file;
            its authors take the first.
        heads: attention heads, where the file does not say.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds something else, its names are not exactly those of a probe, it
            has no such number, or the width is no multiple of the heads.
    """
    content = read_weights(path)
    states = _states(content, path)
    if not 0 <= number < len(states):
        raise ValueError(f"{path} holds {len(states)} probes from number 0, so no {number}.")
    levels = content.get("levels")
    return SavedProbe(
        build_probe(states[number], heads=content.get("heads", heads)),
        levels=None if levels is None else tuple(levels),
        names=tuple(content.get("names", ())),
    )


def write_probe(
    probe: AttentiveClassifier,
    path: Path,
    *,
    levels: Sequence[int] = (),
    names: Sequence[str] = (),
) -> None:
    """Write a probe in the layout of the published files, with what :class:`SavedProbe` knows.

    The released evaluation reads the file too; it ignores the further entries.
    """
    state = {name: value.cpu() for name, value in probe.state_dict().items()}
    content = {
        "classifiers": [to_official_probe_state(state)],
        "heads": probe.pooler.heads,
        "levels": [*levels],
        "names": [*names],
    }
    with atomic_file(path) as file:
        torch.save(content, file)


def build_probe(state: Mapping[str, Tensor], *, heads: int = HEADS) -> AttentiveClassifier:
    """The module of these weights by our names, sizes read from their shapes.

    Raises:
        ValueError: the weights fit no probe, or the width is no multiple of the heads.
    """
    classes, width = state["head.weight"].shape
    blocks = {name.split(".")[2] for name in state if name.startswith("pooler.blocks.")}
    probe = AttentiveClassifier(
        width,
        classes,
        heads=heads,
        blocks=len(blocks),
        mlp_ratio=len(state["pooler.fc1.bias"]) / width,
    )
    fill(probe, state, what="probe")
    return probe.eval()


def _states(content: Mapping[str, Any], path: Path) -> list[dict[str, Tensor]]:
    if "classifiers" in content:
        if any("action_classifier" in name for state in content["classifiers"] for name in state):
            raise ValueError(
                f"{path} holds probes for action anticipation, which read predicted tokens too and "
                "answer with verbs, nouns and actions: see vjepa2.action_anticipation."
            )
        return official_probe_states(content)
    if "classifier.weight" in content:
        return [hf_probe_state(content)]
    if "encoder" in content:
        raise ValueError(f"{path} holds an encoder and no probe; vjepa2.convert reads it.")
    return [official_probe_state(content)]
