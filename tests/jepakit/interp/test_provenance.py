from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from traced_clips import clips, encoder

from jepakit.interp.provenance import Provenance, data_hash, model_hash


def test_order_and_copies_do_not_matter() -> None:
    torch.manual_seed(0)
    a, b = nn.Linear(2, 3), nn.Linear(3, 2)
    one, other = nn.Module(), nn.Module()
    one.a, one.b = a, b
    other.b, other.a = b, a
    assert list(one.state_dict()) != list(other.state_dict())
    assert model_hash(one) == model_hash(other) == model_hash(copy.deepcopy(one))


def test_every_weight_its_dtype_and_its_name_matter() -> None:
    torch.manual_seed(0)
    module = nn.Linear(2, 3)
    first = model_hash(module)
    with torch.no_grad():
        module.bias[2] += 1
    second = model_hash(module)  # not the kept one
    assert len({first, second, model_hash(copy.deepcopy(module).double())}) == 3
    assert model_hash(nn.Sequential(module)) != second


def test_scalars_and_half_precision_are_hashed() -> None:
    module = nn.BatchNorm1d(3).bfloat16()
    assert len(model_hash(module)) == 64


def test_data_are_keys_groups_and_pixels() -> None:
    hashes = {
        data_hash(clips()),
        data_hash(clips(seed=1)),
        data_hash(clips(count=8)),
        data_hash(replace(clips(), keys=tuple("abcdefghij"))),
        data_hash(replace(clips(), groups=("video",) * 10)),
    }
    assert len(hashes) == 5
    assert data_hash(replace(clips(), labels=clips().labels[::-1].copy())) in hashes


def test_what_weights_do_not_tell_is_part_of_it() -> None:
    made = encoder()
    wide = made.resized(size=(16, 32))
    assert model_hash(made) == model_hash(wide)
    one, other = Provenance.of(made, clips()), Provenance.of(wide, clips())
    assert one.key != other.key
    assert Provenance.of(encoder(heads=4), clips()).encoder != one.encoder
    assert Provenance.of(made, clips(), transform="blur 2").key != one.key


def test_all_differences_are_said() -> None:
    one = Provenance.of(encoder(), clips())
    other = Provenance.of(encoder(seed=1), clips(), transform="blur 2")
    one.check_same(one.__dict__, where="store")
    with pytest.raises(ValueError, match=r"store holds other.*model there is .*transform there is"):
        other.check_same(one.__dict__, where="store")
