"""Blocks of space and time: their number, size, place and union."""

from __future__ import annotations

import pytest
import torch

from jepakit.masks import SpacetimeBlocks
from jepakit.protocols import MaskInput, SampleMask
from jepakit.seeds import generator

GRID = (8, 14, 14)


def draw(masker: SpacetimeBlocks, seed: int, grid: tuple[int, int, int] = GRID) -> SampleMask:
    frames = torch.zeros(1, 1, 1, 3, dtype=torch.uint8)
    clip = MaskInput(torch.zeros(0, *grid, dtype=torch.uint8), frames)
    return masker(clip, generator("spacetime", seed))


def test_the_union_is_what_the_paper_says() -> None:
    shares = torch.tensor(
        [(draw(SpacetimeBlocks(), s).slots >= 0).float().mean() for s in range(300)]
    )
    assert shares.min() >= 0.75
    assert shares.max() <= 0.90
    assert 0.80 < shares.mean() < 0.86


def test_context_is_the_complement_and_slots_are_dealt_at_random() -> None:
    counts = set()
    for seed in range(100):
        mask = draw(SpacetimeBlocks(), seed)
        assert torch.equal(mask.context > 0, mask.slots < 0)
        counts.add(int(mask.slots.max()) + 1)
    assert counts <= set(range(1, 9))
    assert {5, 6, 7, 8} <= counts


def test_every_place_is_hidden_equally_often_in_time_about_the_middle() -> None:
    """Blocks that last a part of the clip: the ends are hidden less, and both ends alike."""
    hidden = sum((draw(SpacetimeBlocks(), s).slots >= 0).double() for s in range(600)) / 600
    frames = hidden.view(GRID).mean(dim=(1, 2))
    assert frames[3:5].min() > frames[0] + 0.1
    torch.testing.assert_close(frames, frames.flip(0), atol=0.03, rtol=0)


def test_one_block_is_a_block() -> None:
    masker = SpacetimeBlocks((1, 1), scale=(0.25, 0.25), duration=(0.5, 0.5), hidden=(0.1, 0.2))
    for seed in range(50):
        hidden = (draw(masker, seed).slots >= 0).view(GRID)
        frames = hidden.flatten(1).any(1).nonzero().flatten()
        assert frames.tolist() == list(range(int(frames[0]), int(frames[0]) + 4))
        assert (hidden[frames] == hidden[frames[0]]).all()
        rows, columns = hidden[frames[0]].any(1).sum(), hidden[frames[0]].any(0).sum()
        assert rows * columns == hidden[frames[0]].sum()
        assert 0.2 < (rows * columns / 196).item() < 0.3


def test_a_union_out_of_reach_takes_the_nearest_draw() -> None:
    masker = SpacetimeBlocks((1, 1), scale=(0.15, 0.3), duration=(0.4, 1.0), hidden=(0.8, 0.9))
    one = SpacetimeBlocks((1, 1), scale=(0.15, 0.3), hidden=(0.8, 0.9), attempts=1)
    many = [(draw(masker, s).slots >= 0).float().mean() for s in range(60)]
    single = [(draw(one, s).slots >= 0).float().mean() for s in range(60)]
    assert sum(many) > 1.3 * sum(single)


def test_something_stays_visible_on_the_smallest_grid() -> None:
    for seed in range(30):
        mask = draw(SpacetimeBlocks(), seed, (1, 1, 2))
        assert mask.context.sum() == 1
        assert (mask.slots >= 0).sum() == 1
    with pytest.raises(ValueError, match="leaves none to hide"):
        draw(SpacetimeBlocks(), 0, (1, 1, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": (0, 4)}, "blocks must rise and be at least 1"),
        ({"duration": (0.5, 1.5)}, r"duration must rise within \(0, 1\]"),
        ({"hidden": (0.9, 0.8)}, "hidden must rise"),
        ({"attempts": 0}, "attempts must be at least 1"),
        ({"scale": (0.7, 0.1)}, "scale must rise"),
    ],
)
def test_sizes_that_make_no_sense(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpacetimeBlocks(**options)  # type: ignore[arg-type]
