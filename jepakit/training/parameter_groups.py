"""Which parameters weight decay may shrink."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from torch import nn

WORDS = frozenset({"position", "token"})
"""A parameter whose own name, or whose module's, has one of these words is not decayed."""


def parameter_groups(module: nn.Module, *, weight_decay: float) -> list[dict[str, Any]]:
    """Two optimizer groups of the trainable parameters: decayed, and not.

    Not decayed: everything with one axis (norms, biases, a mask token), embeddings, and what is
    named after a position or token (``positions.table``, ``mask_token``); the plural counts as
    well. Frozen parameters (``requires_grad=False``), such as a teacher's, are in neither group and
    so have no optimizer state.

    The key ``decay`` tells the groups apart when weight decay follows a schedule.
    """
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, owner, parameter in _trainable(module):
        spared = parameter.ndim <= 1 or isinstance(owner, nn.Embedding) or _named(name)
        (plain if spared else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": weight_decay, "decay": True},
        {"params": plain, "weight_decay": 0.0, "decay": False},
    ]
    return [group for group in groups if group["params"]]


def _trainable(module: nn.Module) -> Iterator[tuple[str, nn.Module, nn.Parameter]]:
    modules = dict(module.named_modules())
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            yield name, modules[name.rpartition(".")[0]], parameter


def _named(name: str) -> bool:
    words = re.split(r"[._]", ".".join(name.split(".")[-2:]))
    return any(word.removesuffix("s") in WORDS for word in words)
