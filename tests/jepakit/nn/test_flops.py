import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from jepakit.batch import Packing
from jepakit.nn import Block, VisionTransformer
from jepakit.nn.flops import TRAINING, block_flops


def layout(*lengths: int, grid: int = 64) -> Packing:
    keep = torch.arange(grid) < torch.tensor(lengths).unsqueeze(1)
    return Packing.from_mask(keep)


@pytest.mark.parametrize("lengths", [(64, 64), (13, 50), (7, 1)])
def test_formula_agrees_with_counted_operations(lengths: tuple[int, int]) -> None:
    encoder = VisionTransformer(48, depth=2, heads=2, frames=2, size=64, patch=8, mlp_ratio=3.0)
    frames = torch.zeros(2, 2, 64, 64, 3, dtype=torch.uint8)
    with FlopCounterMode(display=False) as forward, sdpa_kernel(SDPBackend.MATH):
        out = encoder(frames, layout(*lengths)).tokens
    assert encoder.flops(lengths) == pytest.approx(forward.get_total_flops(), rel=0.01)
    with FlopCounterMode(display=False) as backward, sdpa_kernel(SDPBackend.MATH):
        out.sum().backward()
    step = forward.get_total_flops() + backward.get_total_flops()
    # Pixels need no gradient, which the factor 3 counts: 1 part in 6 of two small blocks' work.
    embed = 2 * 48 * 3 * 2 * 8 * 8 * sum(lengths)
    assert TRAINING * encoder.flops(lengths) - embed == pytest.approx(step, rel=0.01)


def test_cross_attention_formula() -> None:
    queries, keys = layout(5, 9), layout(20, 30)
    block = Block(16, 2, cross=True)
    with FlopCounterMode(display=False) as counted, sdpa_kernel(SDPBackend.MATH):
        block(torch.zeros(14, 16), queries, context=torch.zeros(50, 16), context_packing=keys)
    expected = block_flops(16, (5, 9), context_lengths=(20, 30))
    assert expected == pytest.approx(counted.get_total_flops(), rel=0.01)


def test_work_follows_the_kept_tokens_not_the_grid() -> None:
    encoder = VisionTransformer(48, depth=1, heads=2, frames=2, size=64, patch=8)
    assert (
        encoder.flops([10, 20])
        == encoder.flops([20, 10])
        == encoder.flops([10]) + encoder.flops([20])
    )
