import sys
import types

import pytest
import torch
from torch import Tensor

from jepakit.batch import Packing
from jepakit.nn.attention import attend, choose_kernel

HEADS, DIM = 2, 4


def packing(*lengths: int, grid: int = 9) -> Packing:
    keep = torch.zeros(len(lengths), grid, dtype=torch.bool)
    for row, length in zip(keep, lengths, strict=True):
        row[:length] = True
    return Packing.from_mask(keep)


def packed(layout: Packing, seed: int, count: int = 1) -> list[Tensor]:
    shape = (layout.total, HEADS, DIM)
    random = torch.Generator().manual_seed(seed)
    return [
        torch.randn(shape, generator=random, dtype=torch.float64).requires_grad_()
        for _ in range(count)
    ]


def slow_attention(q: Tensor, k: Tensor, v: Tensor, queries: Packing, keys: Packing) -> Tensor:
    """Every query on its own, written out."""
    out = []
    starts = zip(queries.offsets.tolist(), keys.offsets.tolist(), strict=True)
    for (a, c), m, n in zip(list(starts)[:-1], queries.lengths, keys.lengths, strict=True):
        for row in range(a, a + m):
            per_head = []
            for h in range(HEADS):
                scores = (k[c : c + n, h] @ q[row, h]) / DIM**0.5
                weights = scores.exp() / scores.exp().sum()
                per_head.append(weights @ v[c : c + n, h])
            out.append(torch.stack(per_head))
    return torch.stack(out)


LAYOUTS = [
    (packing(3, 7, 1), None),
    (packing(5, 5, 5), None),
    (packing(4, 4, 2, 2, 9), None),
    (packing(3, 7, 1), packing(2, 9, 4)),
    (packing(4, 4), packing(6, 6)),
    (packing(4, 4), packing(6, 5)),
    (packing(2, 0, 3), packing(4, 0, 1)),
]


@pytest.mark.parametrize("kernel", ["auto", "sdpa", "padded"])
@pytest.mark.parametrize(("queries", "keys"), LAYOUTS)
def test_equals_the_slow_reference_with_gradients(
    queries: Packing, keys: Packing | None, kernel: str
) -> None:
    layout = queries if keys is None else keys
    inputs = [*packed(queries, 0), *packed(layout, 1, 2)]
    weight = packed(queries, 2)[0].detach()
    expected = slow_attention(*inputs, queries, layout)
    wanted = torch.autograd.grad((expected * weight).sum(), inputs)
    out = attend(*inputs, queries, keys, kernel=kernel)
    came = torch.autograd.grad((out * weight).sum(), inputs)
    torch.testing.assert_close(out, expected, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(came, wanted, atol=1e-12, rtol=1e-12)


def test_equal_neighbours_are_one_dense_call(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    dense = torch.nn.functional.scaled_dot_product_attention

    def spy(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        sizes.append(tuple(q.shape))
        return dense(q, k, v)

    monkeypatch.setattr("torch.nn.functional.scaled_dot_product_attention", spy)
    for layout in (packing(5, 5, 5), packing(4, 4, 3)):
        attend(*packed(layout, 0, 3), layout, kernel="sdpa")
    assert sizes == [(3, HEADS, 5, DIM), (2, HEADS, 4, DIM), (1, HEADS, 3, DIM)]


def test_order_of_the_samples_does_not_matter() -> None:
    layout, turned = packing(3, 7, 1), packing(1, 3, 7)
    inputs = packed(layout, 0, 3)
    out = attend(*inputs, layout).split(layout.lengths)
    moved = [torch.cat([x.split(layout.lengths)[i] for i in (2, 0, 1)]) for x in inputs]
    torch.testing.assert_close(attend(*moved, turned), torch.cat([out[i] for i in (2, 0, 1)]))


def test_no_queries_at_all() -> None:
    layout = packing(0, 0)
    assert attend(*packed(layout, 0, 3), layout).shape == (0, HEADS, DIM)


@pytest.mark.parametrize(
    ("device", "dtype", "uniform", "kernel"),
    [
        ("cpu", torch.float32, False, "sdpa"),
        ("cpu", torch.bfloat16, False, "sdpa"),
        ("cuda", torch.bfloat16, True, "sdpa"),
        ("cuda", torch.bfloat16, False, "varlen"),
        ("cuda", torch.float16, False, "varlen"),
        ("cuda", torch.float32, False, "padded"),
    ],
)
def test_auto_chooses_by_device_dtype_and_lengths(
    device: str, dtype: torch.dtype, uniform: bool, kernel: str
) -> None:
    assert choose_kernel(device, dtype, uniform=uniform) == kernel


def test_refuses_rows_that_are_not_the_packings() -> None:
    layout = packing(3, 2)
    with pytest.raises(ValueError, match="5 query and 5 key tokens, the tensors 4 and 4 rows"):
        attend(*packed(packing(3, 1), 0, 3), layout)


def test_refuses_other_numbers_of_samples() -> None:
    a, b = packing(3, 2), packing(5)
    with pytest.raises(ValueError, match="2 samples and keys of 1"):
        attend(packed(a, 0)[0], *packed(b, 1, 2), a, b)


def test_refuses_queries_without_keys() -> None:
    a, b = packing(3, 2), packing(5, 0)
    with pytest.raises(ValueError, match=r"Samples \[1\] have queries but no key"):
        attend(packed(a, 0)[0], *packed(b, 1, 2), a, b)


def test_varlen_refuses_the_cpu() -> None:
    layout = packing(3, 2)
    with pytest.raises(ValueError, match=r"needs CUDA and float16 or bfloat16.*float64 on cpu"):
        attend(*packed(layout, 0, 3), layout, kernel="varlen")


def test_xformers_refuses_when_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xformers", None)
    monkeypatch.setitem(sys.modules, "xformers.ops", None)
    layout = packing(3, 2)
    with pytest.raises(ValueError, match="package xformers, which is not installed"):
        attend(*packed(layout, 0, 3), layout, kernel="xformers")


def test_xformers_refuses_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    ops = types.SimpleNamespace(memory_efficient_attention=None)
    monkeypatch.setitem(sys.modules, "xformers", types.SimpleNamespace(ops=ops))
    monkeypatch.setitem(sys.modules, "xformers.ops", ops)
    layout = packing(3, 2)
    with pytest.raises(ValueError, match="needs CUDA; the queries are on cpu"):
        attend(*packed(layout, 0, 3), layout, kernel="xformers")


@pytest.mark.gpu
@pytest.mark.parametrize("kernel", ["auto", "varlen", "padded", "xformers"])
@pytest.mark.parametrize(("queries", "keys"), LAYOUTS[:6])
def test_cuda_kernels_agree_with_the_reference(
    queries: Packing, keys: Packing | None, kernel: str
) -> None:
    if kernel == "xformers":
        pytest.importorskip("xformers")
    layout = queries if keys is None else keys
    random = torch.Generator().manual_seed(0)
    rows = (queries.total, layout.total, layout.total)
    shapes = [(count, HEADS, 32) for count in rows]
    exact = [torch.randn(s, generator=random, dtype=torch.float64) for s in shapes]
    half = [x.to("cuda", torch.bfloat16).requires_grad_() for x in exact]
    wide = [x.detach().double().cpu().requires_grad_() for x in half]
    on_device = (queries.to("cuda"), None if keys is None else keys.to("cuda"))
    out, wanted = attend(*half, *on_device, kernel=kernel), attend(*wide, queries, keys)
    torch.testing.assert_close(out.cpu().double(), wanted, atol=3e-2, rtol=3e-2)
    grads = torch.autograd.grad(out.sum(), half), torch.autograd.grad(wanted.sum(), wide)
    for came, exact_grad in zip(*grads, strict=True):
        torch.testing.assert_close(came.cpu().double(), exact_grad, atol=5e-2, rtol=5e-2)
