"""Tokens averaged over space and pixels of each token's place, against slow versions."""

import numpy as np
import pytest
import torch
from asked_clips import halves

from jepakit.batch import BatchRequest
from jepakit.data.shard_reader import ShardReader
from jepakit.evals.questions.clip_tokens import (
    clip_tokens,
    encoder_tokens,
    pixel_tokens,
    pooled_grid,
    reduce_pixel_tokens,
)

REQUEST = BatchRequest(frames=4, size=(32, 16), patch=4, tubelet=2)  # a grid of 2 x 8 x 4


class Numbered:
    """Gives every token its own number."""

    request, width = REQUEST, 3

    def encode(self, frames):
        numbers = torch.arange(64.0).reshape(1, 64, 1) + 100 * torch.arange(3)
        return numbers.expand(len(frames), -1, -1)


def test_tokens_are_means_over_blocks_of_space():
    got = encoder_tokens(Numbered(), 2)(torch.zeros(2, 4, 32, 16, 3, dtype=torch.uint8))
    assert got.shape == (2, 8, 3)
    numbers = np.arange(64).reshape(2, 8, 4)
    slow = [
        numbers[t, 4 * r : 4 * r + 4, 2 * c : 2 * c + 2].mean()
        for t in range(2)
        for r in range(2)
        for c in range(2)
    ]
    np.testing.assert_allclose(got[1, :, 0].numpy(), slow)
    np.testing.assert_allclose(got[1, :, 2].numpy(), np.add(slow, 200))


def test_a_grid_no_larger_than_asked_is_kept():
    frames = torch.zeros(1, 4, 32, 16, 3, dtype=torch.uint8)
    assert torch.equal(encoder_tokens(Numbered(), 8)(frames).float(), Numbered().encode(frames))
    assert pooled_grid((2, 8, 4), 6) == (2, 6, 4)
    with pytest.raises(ValueError, match="At least 1 token per row and column is kept, got 0"):
        pooled_grid((2, 8, 4), 0)


def test_pixels_belong_to_their_tokens_place_and_time():
    frames = torch.zeros(1, 4, 32, 16, 3, dtype=torch.uint8)
    frames[0, 3, 17, 6, 1] = 160  # second tubelet, second frame; row 4 of 8, column 1 of 4
    tokens = pixel_tokens(REQUEST, 8, pixels=2)(frames)
    assert tokens.shape == (1, 64, 2 * 2 * 2 * 3)
    assert tokens[0].amax(dim=1).nonzero().flatten().tolist() == [32 + 4 * 4 + 1]
    values = tokens[0, 32 + 17].reshape(2, 2, 2, 3)
    # Each of 2 x 2 values is the mean of 2 x 2 pixels: 160 / 4.
    assert values[1, 0, 1, 1] == 40
    assert values.sum() == 40


def test_clips_are_read_once_in_the_order_asked_for(tmp_path):
    reader = ShardReader(str(halves(tmp_path / "set")), split="train")
    request = BatchRequest(frames=4, size=(16, 16), patch=8, tubelet=2)
    seen = []

    def means(frames):
        seen.append(len(frames))
        return frames.float().mean(dim=(1, 2, 3)).unsqueeze(1)

    told = []
    found = clip_tokens(reader, [3, 0, 2], request, {"a": means}, batch_size=2, told=told.append)
    assert (seen, told) == ([2, 1], [2, 1])
    # Numbers 3, 0, 2 are red, red, blue; half of the pixels are 200.
    assert found["a"][:, 0].argmax(dim=1).tolist() == [0, 0, 2]
    assert found["a"].max() == 100


def test_what_is_not_finite_is_refused_by_name(tmp_path):
    reader = ShardReader(str(halves(tmp_path / "set")), split="train")
    request = BatchRequest(frames=4, size=(16, 16), patch=8, tubelet=2)

    def broken(frames):
        return torch.tensor([[[1.0]], [[float("nan")]]])

    with pytest.raises(ValueError, match=r"Tokens 'b' are not finite for \['train-1'\] \(1 clips"):
        clip_tokens(reader, [0, 1], request, {"b": broken})


def test_components_are_fitted_on_training_clips_alone():
    tokens = torch.randint(0, 255, (6, 4, 12), dtype=torch.uint8)
    other = torch.cat([tokens[:4], 255 - tokens[4:]])
    a, b = (reduce_pixel_tokens(t, range(4), width=3) for t in (tokens, other))
    assert a.shape == (6, 4, 3)
    assert torch.equal(a[:4], b[:4])
    assert not torch.equal(a[4:], b[4:])
