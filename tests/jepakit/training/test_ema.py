from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

from jepakit.training.ema import Ema


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))


def test_update_is_the_formula_in_float64() -> None:
    student, teacher = network(), network()
    expected = {
        name: 0.996 * old.double() + (1 - 0.996) * new.double()
        for (name, old), new in zip(teacher.named_parameters(), student.parameters(), strict=True)
    }
    Ema([(student, teacher)]).update(0.996)
    for name, parameter in teacher.named_parameters():
        torch.testing.assert_close(parameter.double(), expected[name], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("tau", "source"), [(1.0, "teacher"), (0.0, "student")])
def test_limits_are_exact(tau: float, source: str) -> None:
    models = {"student": network(), "teacher": network()}
    kept = copy.deepcopy(models[source])
    Ema([(models["student"], models["teacher"])]).update(tau)
    for one, other in zip(models["teacher"].parameters(), kept.parameters(), strict=True):
        assert torch.equal(one, other)


def test_buffers_are_copied_integers_too() -> None:
    student, teacher = network(), network()
    student.train()(torch.randn(8, 5))
    Ema([(student, teacher)]).update(0.9)
    assert teacher[1].num_batches_tracked == 1
    assert torch.equal(teacher[1].running_mean, student[1].running_mean)


def test_lists_stay_valid_when_weights_are_loaded() -> None:
    student, teacher, other = network(), network(), network()
    ema = Ema([(student, teacher)])
    student.load_state_dict(other.state_dict())
    ema.update(0.0)
    assert torch.equal(teacher[0].weight, other[0].weight)


def test_several_pairs_and_none() -> None:
    pairs = [(nn.Linear(3, 2), nn.Linear(3, 2)), (nn.Linear(2, 2), nn.Linear(2, 2))]
    Ema(pairs).update(0.0)
    for student, teacher in pairs:
        assert torch.equal(student.weight, teacher.weight)
    Ema([]).update(0.5)


def test_mode() -> None:
    student, teacher = network(), network()
    ema = Ema([(student, teacher)])
    ema.train(mode=False)
    assert student.training
    assert not any(module.training for module in teacher.modules())


def test_different_structure_is_refused() -> None:
    with pytest.raises(ValueError, match=r"differ in 1 tensors, first 'weight'.*\[2, 3\]"):
        Ema([(nn.Linear(3, 2), nn.Linear(4, 2))])
    with pytest.raises(ValueError, match="first 'bias'"):
        Ema([(nn.Linear(3, 2), nn.Linear(3, 2, bias=False))])


def test_bfloat16_is_refused() -> None:
    with pytest.raises(ValueError, match="needs float32 weights"):
        Ema([(nn.Linear(3, 2), nn.Linear(3, 2).bfloat16())])


@pytest.fixture
def one_rank() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("one_rank")
def test_sharded_weights_are_averaged_shard_by_shard() -> None:
    mesh = init_device_mesh("cpu", (1,))

    def sharded() -> nn.Module:
        layer = nn.Linear(4, 6)
        for name, parameter in layer.named_parameters(recurse=False):
            spread = nn.Parameter(distribute_tensor(parameter.detach(), mesh, [Shard(0)]))
            setattr(layer, name, spread)
        return layer

    student, teacher = sharded(), sharded()
    expected = torch.lerp(teacher.weight.full_tensor(), student.weight.full_tensor(), 0.25)
    Ema([(student, teacher)]).update(0.75)
    assert isinstance(teacher.weight, DTensor)
    assert torch.equal(teacher.weight.full_tensor(), expected)
