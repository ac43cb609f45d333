import pytest
import torch

from jepakit.batch import Packing
from jepakit.nn import mean_pool, pad, rows_of, segment_mean, take, unpad

KEEP = torch.tensor([[1, 0, 1, 1], [0, 1, 0, 0], [1, 1, 1, 1]], dtype=torch.bool)
RAGGED = Packing.from_mask(KEEP)
UNIFORM = Packing.from_index(torch.tensor([0, 3, 5, 6]), (2, 2), 4)


def rows(packing: Packing, width: int = 3) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    shape = (packing.total, width)
    return torch.randn(shape, generator=random, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("packing", [RAGGED, UNIFORM])
def test_segment_mean_is_the_mean_of_each_sample(packing: Packing) -> None:
    x = rows(packing)
    expected = torch.stack([part.mean(0) for part in x.split(packing.lengths)])
    torch.testing.assert_close(segment_mean(x, packing), expected, atol=1e-14, rtol=0)
    assert torch.autograd.gradcheck(lambda y: segment_mean(y, packing), x)


def test_segment_mean_of_a_sample_without_tokens_is_zero() -> None:
    empty = Packing.from_index(torch.tensor([0, 1]), (2, 0), 4)
    assert segment_mean(rows(empty), empty)[1].tolist() == [0, 0, 0]


def test_segment_mean_of_half_precision_rounds_once() -> None:
    index = torch.cat([torch.arange(300), torch.arange(1000, 2000)])
    packing = Packing.from_index(index, (300, 1000), 1000)
    x = torch.randn(1300, 64, generator=torch.Generator().manual_seed(0)) + 3
    x = x.to(torch.bfloat16)
    exact = torch.stack([part.double().mean(0) for part in x.split(packing.lengths)])
    assert torch.equal(segment_mean(x, packing), exact.to(torch.bfloat16))


@pytest.mark.parametrize("packing", [RAGGED, UNIFORM])
@pytest.mark.parametrize("length", [None, 4])
def test_pad_and_unpad_are_inverse_and_pad_with_zeros(packing: Packing, length: int | None) -> None:
    x = rows(packing)
    dense = pad(x, packing, length)
    assert dense.shape[1] == (length or packing.max_length)
    for sample, part in enumerate(x.split(packing.lengths)):
        assert torch.equal(dense[sample, : len(part)], part)
        assert not dense[sample, len(part) :].any()
    assert torch.equal(unpad(dense, packing), x)
    assert torch.autograd.gradcheck(lambda y: pad(y, packing, length).square(), x)
    assert torch.autograd.gradcheck(lambda y: unpad(pad(y, packing, length), packing), x)


def test_take_finds_the_same_tokens_in_another_layout() -> None:
    wanted = Packing.from_index(torch.tensor([3, 0, 5, 8, 11]), (2, 1, 2), 4)
    x = rows(RAGGED)
    by_token = dict(zip(RAGGED.index.tolist(), x.tolist(), strict=True))
    assert take(x, RAGGED, wanted).tolist() == [by_token[i] for i in wanted.index.tolist()]
    assert torch.autograd.gradcheck(lambda y: take(y, RAGGED, wanted), x)
    assert torch.equal(rows_of(RAGGED, RAGGED), torch.arange(RAGGED.total))


def test_take_of_a_missing_token_fails() -> None:
    missing = Packing.from_index(torch.tensor([1]), (1, 0, 0), 4)
    with pytest.raises(IndexError):
        take(rows(RAGGED), RAGGED, missing)


def test_mean_pool_packed_equals_dense() -> None:
    full = Packing.full(2, 4)
    x = rows(full)
    torch.testing.assert_close(mean_pool(x, full), mean_pool(x.unflatten(0, (2, 4))))


def test_mean_pool_refuses_packed_tokens_without_packing() -> None:
    with pytest.raises(ValueError, match="need their packing"):
        mean_pool(rows(RAGGED))


def test_refuses_rows_that_are_not_the_packings() -> None:
    with pytest.raises(ValueError, match=r"the packing has 8, the tensor has shape \(4, 3\)"):
        segment_mean(rows(UNIFORM), RAGGED)


def test_refuses_to_pad_below_the_longest_sample() -> None:
    with pytest.raises(ValueError, match=r"padded length \(3\) is below the longest sample \(4\)"):
        pad(rows(RAGGED), RAGGED, 3)


def test_refuses_to_take_from_other_samples() -> None:
    with pytest.raises(ValueError, match="the source has 3 x 4, wanted has 2 x 4"):
        take(rows(RAGGED), RAGGED, UNIFORM)
