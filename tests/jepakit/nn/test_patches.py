import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from jepakit.batch import BatchRequest, Packing
from jepakit.nn.patches import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PatchEmbedding,
    gather_patches,
    linear_from_conv,
)

REQUEST = BatchRequest(frames=4, size=(16, 24), patch=4, tubelet=2)
TOKENS = 2 * 4 * 6


def clips(batch: int = 3, request: BatchRequest = REQUEST) -> Tensor:
    random = torch.Generator().manual_seed(0)
    shape = (batch, request.frames, *request.size, 3)
    return torch.randint(0, 256, shape, generator=random).to(torch.uint8)


def convolved(frames: Tensor, weight: Tensor, bias: Tensor, request: BatchRequest) -> Tensor:
    """Normalise, then a 3-D convolution: ``(b n d)``."""
    mean = torch.tensor(IMAGENET_MEAN, dtype=torch.float64)
    std = torch.tensor(IMAGENET_STD, dtype=torch.float64)
    pixels = ((frames.double() / 255 - mean) / std).permute(0, 4, 1, 2, 3)
    stride = (request.tubelet, request.patch, request.patch)
    return F.conv3d(pixels, weight.double(), bias.double(), stride=stride).flatten(2).mT


@pytest.mark.parametrize(
    "request_", [REQUEST, BatchRequest(frames=1, size=(10, 5), patch=5, tubelet=1)]
)
def test_full_grid_equals_a_convolution(request_: BatchRequest) -> None:
    torch.manual_seed(0)
    frames, embed = clips(request=request_), PatchEmbedding(8, request=request_)
    weight = torch.randn(8, 3, request_.tubelet, request_.patch, request_.patch) / 10
    embed.proj.weight.data = linear_from_conv(weight)
    expected = convolved(frames, weight, embed.proj.bias, request_)
    full = Packing.full(3, expected.shape[1])
    came = embed(frames, full).double()
    torch.testing.assert_close(came, expected.flatten(0, 1), atol=2e-6, rtol=1e-5)


def test_kept_tokens_are_rows_of_the_full_grid() -> None:
    frames, embed = clips(), PatchEmbedding(8, request=REQUEST)
    keep = torch.rand(3, TOKENS, generator=torch.Generator().manual_seed(1)) < 0.3
    packing = Packing.from_mask(keep)
    everything = gather_patches(frames, torch.arange(3 * TOKENS), REQUEST)
    kept = gather_patches(frames, packing.index, REQUEST)
    assert kept.dtype == torch.uint8
    assert torch.equal(kept, everything[keep.flatten()])
    full = embed(frames, Packing.full(3, TOKENS))
    torch.testing.assert_close(embed(frames, packing), full[keep.flatten()])


def test_takes_frames_that_are_not_contiguous() -> None:
    frames, embed = clips(), PatchEmbedding(8, request=REQUEST)
    full = Packing.full(3, TOKENS)
    turned = frames.transpose(2, 3).contiguous().transpose(2, 3)
    assert torch.equal(embed(turned, full), embed(frames, full))


def test_refuses_clips_of_another_size() -> None:
    embed = PatchEmbedding(8, request=REQUEST)
    with pytest.raises(ValueError, match=r"of shape \(3, 4, 16, 24, 3\), came \(3, 4, 16, 20, 3\)"):
        embed(clips()[:, :, :, :20], Packing.full(3, TOKENS))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (BatchRequest(frames=3, size=(16, 16), patch=4, tubelet=2), r"frames \(3\).*tubelet"),
        (BatchRequest(frames=2, size=(18, 16), patch=4, tubelet=2), r"height \(18\).*patch"),
        (BatchRequest(frames=2, size=(16, 2), patch=4, tubelet=2), r"width \(2\).*patch"),
    ],
)
def test_refuses_sizes_that_do_not_divide(request_: BatchRequest, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PatchEmbedding(8, request=request_)
