"""What rotary encoders add: other sizes with the same weights, levels, images, several masks."""

from __future__ import annotations

import pytest
import torch

from jepakit.batch import Packing
from jepakit.nn import VisionTransformer
from jepakit.nn.ragged import take
from jepakit.seeds import generator

SIZES = {"depth": 3, "heads": 2, "frames": 4, "size": 16, "patch": 4, "tubelet": 2}


def vit(**named: object) -> VisionTransformer:
    torch.manual_seed(0)
    return VisionTransformer(24, **SIZES | {"position": "rope"} | named)  # type: ignore[arg-type]


def clips(batch: int = 2, frames: int = 4, size: tuple[int, int] = (16, 16)) -> torch.Tensor:
    shape = (batch, frames, *size, 3)
    return torch.randint(0, 256, shape, generator=generator("clips"), dtype=torch.uint8)


def test_resized_is_the_same_network() -> None:
    encoder = vit()
    wide = encoder.resized(frames=8, size=(16, 32))
    assert (encoder.grid, wide.grid) == ((2, 4, 4), (4, 4, 8))
    assert [p.data_ptr() for p in wide.parameters()] == [p.data_ptr() for p in encoder.parameters()]
    assert encoder(clips()).tokens.shape == (64, 24)
    frames = clips(frames=8, size=(16, 32))
    assert wide(frames).tokens.shape == (256, 24)
    same = encoder.resized()
    assert torch.equal(same(clips()).tokens, encoder(clips()).tokens)
    wide(frames).tokens.sum().backward()
    assert encoder.patches.proj.weight.grad is not None


def test_a_larger_clip_shows_a_smaller_one_in_its_corner() -> None:
    """Token numbers are positions: dropping all but the corner gives the small clip's latents."""
    encoder = vit()
    frames = clips(1, 8, (16, 32))
    wide = encoder.resized(frames=8, size=(16, 32))
    corner = torch.zeros(4, 4, 8, dtype=torch.bool)
    corner[:2, :, :4] = True
    kept = wide(frames, Packing.from_mask(corner.view(1, -1))).tokens
    small = encoder(frames[:, :4, :, :16].contiguous()).tokens
    torch.testing.assert_close(kept, small)


@pytest.mark.parametrize(
    ("position", "change", "message"),
    [
        ("learned", {"frames": 8}, "Learned positions exist only for clips of 4"),
        ("rope", {"frames": 5}, "positive multiple of the tubelet size"),
        ("rope", {"frames": 1}, "positive multiple of the tubelet size"),
        ("rope", {"size": (16, 18)}, "positive multiple of the patch size"),
    ],
)
def test_sizes_that_cannot_be(position: str, change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        vit(position=position).resized(**change)  # type: ignore[arg-type]


def test_clips_longer_than_the_encoder_takes_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"takes clips .* of shape \(2, 4, 16, 16, 3\), came \(2, 8"
    ):
        vit()(clips(frames=8))


def test_the_hierarchy_is_the_normed_outputs_of_its_levels() -> None:
    encoder = vit(levels=(0, 2))
    with torch.no_grad():
        for norm in (encoder.norm, *encoder.level_norms):
            norm.weight.uniform_(0.5, 2, generator=generator("norm"))
        found = encoder(clips(), capture=["blocks.00.out", "norm"], hierarchy=True)
    lower = encoder.level_norms[0](found.captured["blocks.00.out"])
    torch.testing.assert_close(found.tokens, torch.cat([lower, found.captured["norm"]], dim=1))
    torch.testing.assert_close(encoder(clips()).tokens, found.tokens[:, 24:])


@pytest.mark.parametrize("levels", [(2, 0), (0, 1), (0, 0, 2)])
def test_levels_must_rise_to_the_last_block(levels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must rise and end with the last block \(2\)"):
        vit(levels=levels)


def test_a_still_image_has_a_tokenizer_of_its_own() -> None:
    encoder = vit(images=True)
    image = clips(frames=1)
    assert encoder(image).tokens.shape == (32, 24)
    before = encoder(clips()).tokens
    with torch.no_grad():
        encoder.patches.image.proj.weight.zero_()
        encoder.patches.image_embedding.fill_(3.0)
    assert torch.equal(encoder(clips()).tokens, before)
    embedded = encoder(image, capture=["embed"]).captured["embed"]
    torch.testing.assert_close(embedded, torch.full((32, 24), 3.0))
    with pytest.raises(ValueError, match="takes clips"):
        vit()(image)


def test_several_masks_of_a_clip_in_one_pass_are_separate_passes() -> None:
    encoder = vit()
    keep = torch.rand(6, 32, generator=generator("keep")) < 0.5
    together = encoder(clips(), Packing.from_mask(keep)).tokens
    apart = [encoder(clips(), Packing.from_mask(keep[2 * v : 2 * v + 2])).tokens for v in range(3)]
    torch.testing.assert_close(together, torch.cat(apart))
    with pytest.raises(ValueError, match="takes clips"):
        encoder(clips(), Packing.from_mask(keep[:5]))


def test_normalised_floats_are_taken_as_they_are() -> None:
    encoder, frames = vit(), clips()
    mean = torch.tensor([0.485, 0.456, 0.406])
    std = torch.tensor([0.229, 0.224, 0.225])
    floats = (frames.float() / 255 - mean) / std
    torch.testing.assert_close(encoder(floats).tokens, encoder(frames).tokens, atol=1e-5, rtol=1e-5)


def test_wanted_tokens_are_those_of_the_whole_block() -> None:
    encoder = vit()
    block, rotary = encoder.blocks[1], encoder.rotary
    assert rotary is not None
    keep = torch.rand(3, 32, generator=generator("keep")) < 0.7
    every = Packing.from_mask(keep)
    wanted = Packing.from_mask(keep & (torch.rand(3, 32, generator=generator("some")) < 0.5))
    x = torch.randn(every.total, 24, generator=generator("x"), requires_grad=True)
    rotation = rotary(every.position)
    some = block(x, every, rotation=rotation, wanted=wanted)
    whole = take(block(x, every, rotation=rotation), every, wanted)
    torch.testing.assert_close(some, whole)
    grads = [torch.autograd.grad(y.square().sum(), x)[0] for y in (some, whole)]
    torch.testing.assert_close(*grads)


def test_recomputing_gives_the_same_gradients() -> None:
    results = []
    for recompute in (False, True):
        encoder = vit()
        encoder.recompute = recompute
        encoder(clips()).tokens.square().mean().backward()
        results.append([p.grad for p in encoder.parameters()])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)  # type: ignore[arg-type]
