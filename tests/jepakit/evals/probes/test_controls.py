"""Controls can be repeated, and see nothing that they must not see."""

import numpy as np
import torch
from torch import nn

from jepakit.evals.probes.controls import pixel_featuriser, random_init, reduce_pixels


def build():
    return nn.Linear(3, 4)


def test_random_init_depends_on_the_seed_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = random_init(build, 0).weight
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)
    torch.manual_seed(2)
    assert torch.equal(first, random_init(build, 0).weight)
    assert not torch.equal(first, random_init(build, 1).weight)


def test_pixels_are_area_means_in_frame_order():
    frames = torch.randint(0, 256, (2, 3, 8, 8, 3), dtype=torch.uint8)
    pixels = pixel_featuriser(2)(frames)
    assert pixels.shape == (2, 3 * 2 * 2 * 3)
    block = frames[1, 2, 4:, :4].float().mean(dim=(0, 1)).round().to(torch.uint8)
    assert torch.equal(pixels[1].reshape(3, 2, 2, 3)[2, 1, 0], block)


def test_reduction_keeps_the_variance_of_the_training_rows():
    rng = np.random.default_rng(0)
    low = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 40))
    pixels = np.clip(128 + 10 * low, 0, 255).astype(np.uint8)
    fitted = np.arange(50)
    reduced = reduce_pixels(pixels, fitted, width=5, seed=0)
    assert reduced.shape == (60, 5)
    centred = pixels / 255 - (pixels[fitted] / 255).mean(axis=0)
    kept = (reduced[fitted] ** 2).sum() / (centred[fitted] ** 2).sum()
    assert kept > 0.99


def test_reduction_ignores_the_test_rows():
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (700, 30), dtype=np.uint8)
    fitted = np.arange(600)
    poisoned = pixels.copy()
    poisoned[600:] = 255 - poisoned[600:]
    clean, other = (reduce_pixels(p, fitted, width=6, seed=3) for p in (pixels, poisoned))
    np.testing.assert_array_equal(clean[:600], other[:600])


def test_reduction_never_keeps_more_than_there_is():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 30), dtype=np.uint8)
    assert reduce_pixels(pixels, np.arange(8), width=64, seed=0).shape == (12, 7)
