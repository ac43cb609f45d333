"""Pairs of occlusions in batches: none of one image, the same every time, only hidden pixels."""

import numpy as np
import pytest
import torch
from masked_trees import masked
from tiny_encoders import GRID, PATCH, SIDE, occluded_images

from jepakit.evals.repair.images.occluded_images import (
    BACKGROUND,
    OBJECT,
    OccludedImages,
    OcclusionRule,
)


@pytest.mark.parametrize(
    ("count", "size", "expected"),
    [(5, 2, [2, 3]), (6, 2, [2, 2, 2]), (5, 4, [5]), (4, 16, [4]), (7, 3, [3, 4]), (1, 4, [1])],
)
def test_no_batch_of_one_image(count, size, expected):
    batches = list(occluded_images(count).batches(size))
    assert [len(batch.clean) for batch in batches] == expected
    covered = [number for batch in batches for number in range(count)[batch.rows]]
    assert covered == list(range(count))


def test_only_hidden_tokens_turn_black():
    images = occluded_images()
    (batch,) = images.batches(5)
    for region in (OBJECT, BACKGROUND):
        tokens = batch.hidden[region].view(5, *GRID[1:])
        pixels = tokens.repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)
        dark = batch.occluded[region][:, 0]
        assert (dark[pixels] == 0).all()
        assert torch.equal(dark[~pixels], batch.clean[:, 0][~pixels])
        assert torch.equal(images.hidden(region), batch.hidden[region])
    assert not (batch.hidden[OBJECT] & batch.hidden[BACKGROUND]).any()
    counts = [batch.hidden[region].sum(dim=1).tolist() for region in (OBJECT, BACKGROUND)]
    assert counts[0] == counts[1] == images.counts.tolist()
    assert images.tokens == 64
    assert images.labels.tolist() == [f"class {n % 2}" for n in range(5)]


def test_the_same_every_time_and_another_with_another_seed():
    rule = OcclusionRule(how="scattered", fill="noise", seed=3)
    first, again = (next(iter(occluded_images(rule=rule).batches(5))) for _ in range(2))
    assert torch.equal(first.occluded[BACKGROUND], again.occluded[BACKGROUND])
    assert torch.equal(first.occluded[OBJECT], again.occluded[OBJECT])
    seeded = OcclusionRule(how="scattered", fill="noise", seed=4)
    other = next(iter(occluded_images(rule=seeded).batches(5)))
    assert torch.equal(first.hidden[OBJECT], other.hidden[OBJECT])
    assert not torch.equal(first.hidden[BACKGROUND], other.hidden[BACKGROUND])


def test_batches_do_not_change_the_noise():
    rule = OcclusionRule(fill="noise")
    whole = next(iter(occluded_images(rule=rule).batches(5))).occluded[OBJECT]
    parts = [batch.occluded[OBJECT] for batch in occluded_images(rule=rule).batches(2)]
    assert torch.equal(torch.cat(parts), whole)
    corner = whole[:, 0, 8:12, 8:12]  # of the object in all of them
    assert not torch.equal(corner[0], corner[1])  # nor do images share it


def test_images_without_room_are_left_out_and_named():
    full, half = np.ones((2, SIDE, SIDE), bool)
    half[:, SIDE // 2 :] = False
    items = [masked(full, key="full"), masked(half, key="half")]
    images = OccludedImages.make(items, GRID, OcclusionRule())
    assert [item.key for item in images.items] == ["half"]
    assert images.skipped["full"].reason == "object covers everything"
    with pytest.raises(ValueError, match=r"None of 1 images can be used\. Such as: object covers"):
        OccludedImages.make(items[:1], GRID, OcclusionRule())


def test_the_budget_is_kept():
    images = occluded_images(rule=OcclusionRule(max_tokens=6, budget=0.5))
    assert images.counts.tolist() == [3] * 5
