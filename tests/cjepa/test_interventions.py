import dataclasses

import pytest
import torch

from cjepa.interventions import hidden_pixels, intervened_latents
from jepakit.batch import SceneBatch, TokenMasks
from jepakit.nn.vit import VisionTransformer


def test_hidden_pixels_are_those_of_the_hidden_objects(
    batch: SceneBatch, masks: TokenMasks, encoder: VisionTransformer
) -> None:
    hidden = hidden_pixels(batch.labels, masks, encoder.request)
    assert torch.equal(hidden[0], batch.labels[0] == 1)
    assert torch.equal(hidden[1], batch.labels[1] == 2)
    assert torch.equal(hidden[2], batch.labels[2] > 0)


def test_where_regions_are_not_objects_the_target_tokens_are_hidden(
    batch: SceneBatch, encoder: VisionTransformer
) -> None:
    slots = torch.full((3, 32), -1)
    slots[:, 5] = 0  # tubelet 0, row 1, column 1
    masks = TokenMasks.build(slots < 0, slots, [(), (), ()], [True] * 3)
    hidden = hidden_pixels(batch.labels, masks, encoder.request)
    expected = torch.zeros_like(hidden)
    expected[:, 0:2, 8:16, 8:16] = True
    assert torch.equal(hidden, expected)


def test_zero_encodes_the_blanked_clip(
    batch: SceneBatch, masks: TokenMasks, encoder: VisionTransformer
) -> None:
    frames = batch.frames.clone()
    for sample, ids in enumerate(masks.objects):
        for identity in ids:
            frames[sample][batch.labels[sample] == identity] = 0
    expected = encoder(frames).tokens[masks.context.index]
    torch.testing.assert_close(intervened_latents(encoder, batch, masks, "zero"), expected)


def test_drop_encodes_each_sample_without_the_tokens(
    batch: SceneBatch, masks: TokenMasks, encoder: VisionTransformer
) -> None:
    result = intervened_latents(encoder, batch, masks, "drop")
    expected = encoder(batch.frames, masks.context).tokens
    torch.testing.assert_close(result, expected)
    assert not torch.allclose(result, encoder(batch.frames).tokens[masks.context.index])


def test_resimulated_encodes_the_other_clip(
    batch: SceneBatch, masks: TokenMasks, encoder: VisionTransformer
) -> None:
    other = dataclasses.replace(batch, counterfactual=255 - batch.frames)
    result = intervened_latents(encoder, other, masks, "resimulated")
    torch.testing.assert_close(result, encoder(255 - batch.frames).tokens[masks.context.index])


@pytest.mark.parametrize(("source", "word"), [("zero", "label maps"), ("resimulated", "simulated")])
def test_a_batch_without_what_is_needed_is_refused(
    source: str, word: str, batch: SceneBatch, masks: TokenMasks, encoder: VisionTransformer
) -> None:
    poor = dataclasses.replace(batch, labels=None)
    with pytest.raises(ValueError, match=word):
        intervened_latents(encoder, poor, masks, source)  # type: ignore[arg-type]
