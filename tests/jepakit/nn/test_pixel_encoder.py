"""Pixels as latents."""

from __future__ import annotations

import torch
from einops import rearrange

from jepakit.nn.pixel_encoder import PixelEncoder

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def test_tokens_are_the_normalised_pixels_of_their_patches() -> None:
    frames = torch.randint(0, 256, (2, 4, 16, 24, 3), dtype=torch.uint8)
    encoder = PixelEncoder(frames=4, size=(16, 24), patch=8, tubelet=2)
    found = encoder.encode(frames)
    pixels = (frames / 255 - MEAN) / STD
    expected = rearrange(pixels, "b (t u) (h p) (w q) c -> b (t h w) (u p q c)", u=2, p=8, q=8)
    assert found.shape == (2, 12, 384)
    # The order of a token's numbers does not matter, that there are the same ones does.
    assert torch.allclose(found.sort(dim=-1).values, expected.sort(dim=-1).values, atol=1e-4)
    assert torch.equal(encoder.resized(frames=2).encode(frames[:, :2]), found[:, :6])
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
