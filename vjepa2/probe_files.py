"""Published attentive probes: their weights by our names, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

State = Mapping[str, Tensor]

# Module names of one block, theirs -> ours. Each has a weight and a bias.
OFFICIAL_BLOCK = {
    "norm1": "norm1",
    "attn.qkv": "qkv",
    "attn.proj": "proj",
    "norm2": "norm2",
    "mlp.fc1": "fc1",
    "mlp.fc2": "fc2",
}
OFFICIAL_CROSS = {
    "norm1": "norm_context",
    "xattn.q": "cross_q",
    "xattn.kv": "cross_kv",
    "norm2": "norm",
    "mlp.fc1": "fc1",
    "mlp.fc2": "fc2",
}
HF_BLOCK = {
    "layer_norm1": "norm1",
    "self_attn.qkv": "qkv",
    "self_attn.out_proj": "proj",
    "layer_norm2": "norm2",
    "mlp.fc1": "fc1",
    "mlp.fc2": "fc2",
}
HF_CROSS = {
    "layer_norm1": "norm_context",
    "cross_attn.q_proj": "cross_q",
    "cross_attn.kv": "cross_kv",
    "layer_norm2": "norm",
    "mlp.fc1": "fc1",
    "mlp.fc2": "fc2",
}
HF_PARTS = {"self_attn.qkv": ("q", "k", "v"), "cross_attn.kv": ("k", "v")}
QUERY = "pooler.query_tokens"
HEAD = {"linear": "head"}


def official_probe_states(file: Mapping[str, Any]) -> list[dict[str, Tensor]]:
    """Every probe of a published file (``{"classifiers": [...], "epoch": ...}``) by our names.

    Which head of the sweep scored best is not written in the file; its authors take the first.

    Raises:
        ValueError: the file holds no classifiers, or see :func:`official_probe_state`.
    """
    if not file.get("classifiers"):
        raise ValueError(
            f"A published probe file has a list 'classifiers', this one only {sorted(file)}."
        )
    return [official_probe_state(state) for state in file["classifiers"]]


def official_probe_state(
    state: State, *, heads: Mapping[str, str] = HEAD, what: str = "an official attentive probe"
) -> dict[str, Tensor]:
    """Weights of an official ``AttentiveClassifier`` as an ``AttentiveClassifier`` of ours.

    ``module.`` in front of a name (DistributedDataParallel) is dropped, and so is the leading axis
    of the queries. The number of blocks is read from the names. Load it into a probe with the
    file's heads (16 in all published ones) and ``eps=1e-5``.

    Args:
        state: the weights.
        heads: linear layers after the pooler, their names to ours.
        what: what ``state`` should be, for the message.

    Raises:
        ValueError: names are missing or unexpected; all of them are listed.
    """
    plain = {name.removeprefix("module."): value for name, value in state.items()}
    names = _names(_official(_count(plain, r"pooler\.blocks\.(\d+)\."), heads))
    _refuse_others(plain, names, what)
    return {ours: _squeezed(theirs, plain[theirs]) for theirs, ours in names.items()}


def to_official_probe_state(
    state: State, *, heads: Mapping[str, str] = HEAD, what: str = "an attentive classifier"
) -> dict[str, Tensor]:
    """The inverse of :func:`official_probe_state`, without ``module.``.

    Raises:
        ValueError: names are missing or unexpected; all of them are listed.
    """
    names = _names(_official(_count(state, r"pooler\.blocks\.(\d+)\."), heads))
    _refuse_others(state, names.values(), what)
    return {
        theirs: state[ours].unsqueeze(0) if theirs == QUERY else state[ours]
        for theirs, ours in names.items()
    }


def hf_probe_state(state: State) -> dict[str, Tensor]:
    """Probe of a Hugging Face ``VJEPA2ForVideoClassification`` as an ``AttentiveClassifier``.

    The encoder and predictor (``vjepa2.``) are left out; separate query, key and value projections
    are stacked. Load it into a probe with ``eps=1e-6`` for the outputs of Hugging Face, and with
    1e-5 for those of the official code, from which the published weights come.

    Raises:
        ValueError: names are missing or unexpected; all of them are listed.
    """
    own = {name: value for name, value in state.items() if not name.startswith("vjepa2.")}
    names = _names(_hf(_count(own, r"pooler\.self_attention_layers\.(\d+)\.")))
    sources = {theirs: _hf_sources(theirs) for theirs in names}
    _refuse_others(own, (name for parts in sources.values() for name in parts), "a HF classifier")
    return {
        ours: _squeezed(theirs, torch.cat([own[name] for name in sources[theirs]]))
        for theirs, ours in names.items()
    }


def _official(blocks: int, heads: Mapping[str, str]) -> dict[str, str]:
    names = dict(heads)
    for theirs, ours in OFFICIAL_CROSS.items():
        names[f"pooler.cross_attention_block.{theirs}"] = f"pooler.{ours}"
    for number in range(blocks):
        for theirs, ours in OFFICIAL_BLOCK.items():
            names[f"pooler.blocks.{number}.{theirs}"] = f"pooler.blocks.{number}.{ours}"
    return names


def _hf(blocks: int) -> dict[str, str]:
    names = {"classifier": "head"}
    for theirs, ours in HF_CROSS.items():
        names[f"pooler.cross_attention_layer.{theirs}"] = f"pooler.{ours}"
    for number in range(blocks):
        for theirs, ours in HF_BLOCK.items():
            their_block = f"pooler.self_attention_layers.{number}"
            names[f"{their_block}.{theirs}"] = f"pooler.blocks.{number}.{ours}"
    return names


def _names(modules: Mapping[str, str]) -> dict[str, str]:
    """Parameter names of all modules, theirs -> ours."""
    names = {QUERY: QUERY}
    for theirs, ours in modules.items():
        for kind in ("weight", "bias"):
            names[f"{theirs}.{kind}"] = f"{ours}.{kind}"
    return names


def _hf_sources(name: str) -> tuple[str, ...]:
    """The parameters that are stacked into ``name``; itself for most."""
    for joint, letters in HF_PARTS.items():
        if f".{joint}." in name:
            kind = joint.rpartition(".")[2]
            return tuple(name.replace(f".{kind}.", f".{letter}_proj.") for letter in letters)
    return (name,)


def _count(state: State, pattern: str) -> int:
    """Blocks, from the highest number among the names."""
    numbers = [int(found[1]) for name in state if (found := re.match(pattern, name))]
    return max(numbers, default=-1) + 1


def _squeezed(name: str, value: Tensor) -> Tensor:
    return value.squeeze(0) if name == QUERY else value


def _refuse_others(state: State, expected: Iterable[str], what: str) -> None:
    wanted = set(expected)
    missing, unexpected = sorted(wanted - set(state)), sorted(set(state) - wanted)
    if missing or unexpected:
        raise ValueError(
            f"The names are not those of {what}. Missing: {missing}. Unexpected: {unexpected}."
        )
