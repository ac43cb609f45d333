"""Names and shapes of Hugging Face's ``VJEPA2Model`` and ``IJepaModel``, both ways."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from vjepa2.checkpoints.rules import STACKED, TABLE, Form, Rule, layer, patches, tubelets

VIDEO_BLOCK = {
    "norm1": "norm1",
    "attention.proj": "proj",
    "norm2": "norm2",
    "mlp.fc1": "fc1",
    "mlp.fc2": "fc2",
}
VIDEO_ATTENTION = ("attention.query", "attention.key", "attention.value")

# As in files of transformers 4 and, when they are written again, of 5.
IMAGE_BLOCK = {
    "layernorm_before": "norm1",
    "attention.output.dense": "proj",
    "layernorm_after": "norm2",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
}
IMAGE_ATTENTION = (
    "attention.attention.query",
    "attention.attention.key",
    "attention.attention.value",
)

# As transformers 5 calls them in memory.
NEW_IMAGE_BLOCK = {
    "layernorm_before": "norm1",
    "attention.o_proj": "proj",
    "layernorm_after": "norm2",
    "mlp.fc1": "fc1",
    "mlp.fc2": "fc2",
}
NEW_IMAGE_ATTENTION = ("attention.q_proj", "attention.k_proj", "attention.v_proj")

PROBE = ("pooler.", "classifier.")
"""Names of the attentive probe of ``VJEPA2ForVideoClassification``."""


def video_encoder_rules(depth: int, *, tubelet: int, patch: int) -> list[Rule]:
    """Every parameter of the encoder of a ``VJEPA2Model``."""
    projection = "encoder.embeddings.patch_embeddings.proj"
    return [
        *_blocks("encoder.layer", depth, VIDEO_BLOCK, VIDEO_ATTENTION),
        *layer("patches.proj", projection, weight=tubelets(tubelet, patch)),
        *layer("norm", "encoder.layernorm"),
    ]


def video_predictor_rules(depth: int) -> list[Rule]:
    """Every parameter of the predictor of a ``VJEPA2Model``."""
    tokens = "predictor.embeddings.mask_tokens"
    return [
        *_blocks("predictor.layer", depth, VIDEO_BLOCK, VIDEO_ATTENTION),
        Rule("mask_tokens", (tokens,), MASK_TOKENS),
        *layer("project", "predictor.embeddings.predictor_embeddings"),
        *layer("norm", "predictor.layernorm"),
        *layer("target_head", "predictor.proj"),
    ]


def image_encoder_rules(depth: int, *, patch: int, new_names: bool = False) -> list[Rule]:
    """Every parameter of an ``IJepaModel``.

    Args:
        depth: blocks.
        patch: side of a patch in pixels.
        new_names: the names in the memory of transformers 5 instead of those in files.
    """
    projection = "embeddings.patch_embeddings.projection"
    blocks = (
        _blocks("layers", depth, NEW_IMAGE_BLOCK, NEW_IMAGE_ATTENTION)
        if new_names
        else _blocks("encoder.layer", depth, IMAGE_BLOCK, IMAGE_ATTENTION)
    )
    return [
        *blocks,
        Rule("positions.table", ("embeddings.position_embeddings",), TABLE),
        *layer("patches.proj", projection, weight=patches(patch)),
        *layer("norm", "layernorm"),
    ]


def split(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Weights of a ``VJEPA2Model``, and the names of a classifier's probe around it.

    The probe is read by :func:`vjepa2.probe_files.hf_probe_state`.
    """
    probe = sorted(name for name in state if name.startswith(PROBE))
    model = {name: value for name, value in state.items() if not name.startswith(PROBE)}
    if probe:
        model = {name.removeprefix("vjepa2."): value for name, value in model.items()}
    return model, probe


def _swapped(tokens: Tensor) -> Tensor:
    used = 1 % len(tokens)
    order = list(range(len(tokens)))
    order[0], order[used] = used, 0
    return tokens[torch.tensor(order)]


MASK_TOKENS = Form(
    lambda parts: _swapped(parts[0].flatten(1)),
    lambda x: [_swapped(x).view(-1, 1, 1, x.shape[-1])],
)
"""``(n, 1, 1, d)`` there, ``(n, d)`` here, with the first two exchanged.

Hugging Face predicts with mask token ``1 % n``; training and we use token 0. Exchanging them keeps
each side's predictions, with no token lost.
"""


def _blocks(
    prefix: str, depth: int, names: Mapping[str, str], attention: tuple[str, ...]
) -> list[Rule]:
    rules = []
    for number in range(depth):
        ours, theirs = f"blocks.{number}", f"{prefix}.{number}"
        apart = [f"{theirs}.{name}" for name in attention]
        rules += layer(f"{ours}.qkv", *apart, weight=STACKED, bias=STACKED)
        for name, our_name in names.items():
            rules += layer(f"{ours}.{our_name}", f"{theirs}.{name}")
    return rules
