import math

import pytest
import torch
from torch import nn

from jepakit.batch import Packing
from jepakit.nn import Block, initialise
from jepakit.nn.attention import attend

KEEP = torch.tensor([[1, 0, 1, 1], [0, 1, 0, 0]], dtype=torch.bool)
HIDDEN, VISIBLE = Packing.from_mask(KEEP), Packing.from_mask(~KEEP)


def tokens(packing: Packing, seed: int) -> torch.Tensor:
    return torch.randn(packing.total, 8, generator=torch.Generator().manual_seed(seed))


def test_a_cross_block_is_self_attention_cross_attention_mlp() -> None:
    torch.manual_seed(0)
    block = Block(8, 2, cross=True)
    x, context = tokens(HIDDEN, 0), tokens(VISIBLE, 1)
    seen: list[str] = []

    def tap(name: str, value: torch.Tensor) -> torch.Tensor:
        seen.append(name)
        return value

    out = block(x, HIDDEN, context=context, context_packing=VISIBLE, tap=tap)
    names = ("q", "k", "v", "attn", "cross", "mlp.hidden", "mlp", "out")
    assert tuple(seen) == block.names == names

    q, k, v = block.qkv(block.norm1(x)).view(-1, 3, 2, 4).unbind(1)
    x = x + block.proj(attend(q, k, v, HIDDEN).reshape(-1, 8))
    q = block.cross_q(block.norm_query(x)).view(-1, 2, 4)
    k, v = block.cross_kv(block.norm_context(context)).view(-1, 2, 2, 4).unbind(1)
    x = x + block.cross_proj(attend(q, k, v, HIDDEN, VISIBLE).reshape(-1, 8))
    x = x + block.fc2(nn.functional.gelu(block.fc1(block.norm2(x))))
    torch.testing.assert_close(out, x)


def test_samples_of_a_cross_block_do_not_see_each_other() -> None:
    block = Block(8, 2, cross=True)
    x, context = tokens(HIDDEN, 0), tokens(VISIBLE, 1).requires_grad_()
    out = block(x, HIDDEN, context=context, context_packing=VISIBLE)
    out[: HIDDEN.lengths[0]].sum().backward()
    first = VISIBLE.lengths[0]
    assert context.grad[:first].abs().sum() > 0
    assert context.grad[first:].abs().sum() == 0


def test_norms_add_a_millionth_to_the_variance() -> None:
    norms = [part for part in Block(8, 2, cross=True).modules() if isinstance(part, nn.LayerNorm)]
    assert [norm.eps for norm in norms] == [1e-6] * 4


@pytest.mark.parametrize("cross", [False, True])
def test_refuses_context_where_it_does_not_belong(cross: bool) -> None:
    block = Block(8, 2, cross=cross)
    given = {} if cross else {"context": tokens(VISIBLE, 1), "context_packing": VISIBLE}
    with pytest.raises(ValueError, match=f"cross={cross} (needs context|takes no context)"):
        block(tokens(HIDDEN, 0), HIDDEN, **given)


def test_refuses_heads_that_do_not_divide_the_width() -> None:
    with pytest.raises(ValueError, match=r"width \(8\) must be a multiple of heads \(3\)"):
        Block(8, 3)


def test_initial_weights_shrink_with_depth() -> None:
    torch.manual_seed(0)
    blocks = nn.ModuleList(Block(64, 2, cross=True) for _ in range(3))
    initialise(blocks)
    spread = blocks[0].qkv.weight.std().item()
    assert spread == pytest.approx(0.02 * 0.880, rel=0.03)  # cut at two deviations
    assert blocks[0].qkv.weight.abs().max() <= 0.04
    for number, block in enumerate(blocks, start=1):
        for projection in block.outputs:
            scaled = projection.weight.std().item() * math.sqrt(2 * number)
            assert scaled == pytest.approx(0.02 * 0.880, rel=0.05)
        assert not block.fc1.bias.any()
        assert (block.norm1.weight == 1).all()
