"""Several levels behind one another: the last one is the encoder's output, the norms are right."""

import pytest
import torch

from jepakit.evals.classification.level_tokens import LevelTokens
from jepakit.nn.vit import VisionTransformer
from jepakit.protocols import Encoder


def vit(**options):
    torch.manual_seed(0)
    encoder = VisionTransformer(
        24, depth=4, heads=2, frames=4, size=16, patch=8, tubelet=2, **options
    )
    for name, parameter in encoder.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(parameter)
    return encoder.eval()


def frames():
    return torch.randint(0, 256, (3, 4, 16, 16, 3), generator=torch.Generator().manual_seed(1)).to(
        torch.uint8
    )


def test_keeps_the_protocol():
    levels = LevelTokens(vit(), (1, 3))
    assert isinstance(levels, Encoder)
    assert levels.width == 24
    assert levels.request == vit().request


def test_the_last_level_alone_is_the_encoder():
    assert torch.equal(LevelTokens(vit(), (3,)).encode(frames()), vit().encode(frames()))


def test_levels_are_those_of_a_shorter_encoder_with_the_same_norm():
    """Cut the network after the block: its output is the level."""
    found = LevelTokens(vit(), (0, 2, 3)).encode(frames())
    assert found.shape == (3, 3 * 8, 24)
    assert not found.requires_grad
    for place, level in enumerate((0, 2, 3)):
        cut = vit()
        cut.blocks = cut.blocks[: level + 1]
        assert torch.equal(found[:, 8 * place : 8 * place + 8], cut.encode(frames()))


def test_levels_with_norms_of_their_own_are_the_hierarchy():
    encoder = vit(levels=(1, 3))
    found = LevelTokens(encoder, (1, 3)).encode(frames())
    with torch.no_grad():
        every = encoder(frames(), hierarchy=True).dense()
    assert torch.equal(found, torch.cat(every.chunk(2, dim=2), dim=1))


@pytest.mark.parametrize("levels", [(), (-1, 2), (2, 4), (2, 1), (2, 2)])
def test_refuses_blocks_that_are_not_there(levels):
    with pytest.raises(ValueError, match="rising numbers of blocks from 0 to 3"):
        LevelTokens(vit(), levels)


def test_refuses_levels_without_a_norm():
    with pytest.raises(ValueError, match=r"norms for the levels \(1, 3\) only, came \(0, 3\)"):
        LevelTokens(vit(levels=(1, 3)), (0, 3))
