from __future__ import annotations

import torch
from torch import nn

from jepakit.nn.vit import VisionTransformer
from jepakit.training.parameter_groups import parameter_groups


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = VisionTransformer(
            8, depth=1, heads=2, frames=2, size=8, patch=4, position="learned"
        )
        self.mask_token = nn.Parameter(torch.zeros(1, 1, 8))
        self.slot_embedding = nn.Embedding(3, 8)
        self.tokenizer = nn.Linear(8, 8)
        self.teacher = nn.Linear(8, 8).requires_grad_(requires_grad=False)


def names(model: nn.Module, group: dict) -> set[str]:
    ids = {id(parameter) for parameter in group["params"]}
    return {name for name, parameter in model.named_parameters() if id(parameter) in ids}


def test_only_matrices_that_mix_features_are_decayed() -> None:
    model = Model()
    decayed, plain = parameter_groups(model, weight_decay=0.1)
    assert decayed["weight_decay"] == 0.1
    assert decayed["decay"] is True
    assert plain["weight_decay"] == 0.0
    assert plain["decay"] is False
    spared = names(model, plain)
    assert {"mask_token", "slot_embedding.weight", "encoder.positions.table"} <= spared
    assert {"tokenizer.weight", "encoder.patches.proj.weight"} <= names(model, decayed)
    assert all(parameter.ndim == 2 for parameter in decayed["params"])


def test_every_trainable_parameter_is_in_one_group_and_no_frozen_one() -> None:
    model = Model()
    groups = parameter_groups(model, weight_decay=0.1)
    found = [name for group in groups for name in names(model, group)]
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    assert len(found) == len(set(found))
    assert set(found) == trainable
    assert not any(name.startswith("teacher") for name in found)


def test_a_group_without_members_is_left_out() -> None:
    assert len(parameter_groups(nn.LayerNorm(4), weight_decay=0.1)) == 1
