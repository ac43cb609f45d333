"""The released collators, token for token, and what their cut does."""

from pathlib import Path

import pytest
import torch

from jepakit.masks import ReleasedMultiblock, ReleasedTubes, draw_masks
from jepakit.masks.released import cut_to_shortest
from jepakit.protocols import MaskInput

FIXTURES = Path(__file__).resolve().parents[4] / "shared" / "fixtures" / "vjepa2"


def recorded(name):
    path = FIXTURES / name
    if not path.exists():
        pytest.skip(f"the recorded masks are not here: ../shared/fixtures/vjepa2/{name}")
    return torch.load(path, weights_only=True)


def positions(keep):
    """``(b, kept)`` token positions of samples that keep equally many."""
    return torch.stack([row.nonzero().flatten() for row in keep])


def blank(grid):
    coverage = torch.zeros(0, *grid, dtype=torch.uint8)
    return MaskInput(coverage, torch.zeros(grid[0], 8, 8, 3, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("name", "grid", "batch"), [("256px_16f", (8, 16, 16), 8), ("112px_8f", (4, 7, 7), 4)]
)
def test_tubes_are_those_of_the_official_collator(name, grid, batch):
    calls = recorded("official_masks.pt")[name]
    masker, places = ReleasedTubes(), torch.Generator().manual_seed(1234)
    assert len(calls) == 6
    for number, call in enumerate(calls):
        kinds = masker.draw(grid, batch, size_seed=number, places=places)
        for (context, target), kind in zip(call, kinds, strict=True):
            assert torch.equal(positions(kind.cut().context), context)
            assert torch.equal(positions(kind.cut().target), target)
            assert torch.equal(kind.target, ~kind.context)


def test_multiblock_masks_are_those_of_the_released_ijepa():
    calls = recorded("official_ijepa_tiny.pt")["mask_calls"]
    masker, places = ReleasedMultiblock(), torch.Generator().manual_seed(1234)
    assert len(calls) == 3
    for number, ((context,), targets) in enumerate(calls):
        views = masker.draw((1, 16, 16), 4, size_seed=number, places=places)
        for target, view in zip(targets, views, strict=True):
            assert torch.equal(positions(view.cut().context), context)
            assert torch.equal(positions(view.cut().target), target)


def test_the_cut_takes_the_end_of_the_longer_samples():
    keep = torch.tensor([[1, 0, 1, 1, 0, 1], [0, 1, 0, 0, 1, 0]]).bool()
    assert cut_to_shortest(keep).long().tolist() == [[1, 0, 1, 0, 0, 0], [0, 1, 0, 0, 1, 0]]


@pytest.mark.parametrize(
    ("masker", "grid", "views"),
    [(ReleasedTubes(), (4, 8, 8), 2), (ReleasedMultiblock(), (1, 14, 14), 4)],
)
def test_a_batch_is_cut_and_follows_from_its_samples_alone(masker, grid, views):
    seeds = [(3, 0, key) for key in "abcd"]
    masks = draw_masks(masker, [blank(grid)] * 4, seeds)
    assert masks.views == masker.views == views
    assert masks.clips == 4
    for packing in (masks.context, masks.target):
        for view in range(views):
            assert len(set(packing.lengths[4 * view : 4 * view + 4])) == 1
    assert masker.max_slots == 1
    assert not masks.slot.any()
    again = draw_masks(masker, [blank(grid)] * 4, seeds)
    assert torch.equal(masks.joint_order, again.joint_order)
    assert torch.equal(masks.target.index, again.target.index)
    for other in ([(3, 1, key) for key in "abcd"], [(4, 0, key) for key in "abcd"], seeds[::-1]):
        changed = draw_masks(masker, [blank(grid)] * 4, other)
        assert not torch.equal(masks.target.index, changed.target.index)


def test_both_kinds_of_a_batch_share_the_number_of_their_aspect_ratio():
    """So that tall small tubes come with tall large ones."""
    shapes = []
    for seed in range(40):
        places = torch.Generator().manual_seed(seed)
        kinds = ReleasedTubes((1, 1)).draw((1, 40, 40), 1, size_seed=seed, places=places)
        shapes.append([_height(kind.target) / _width(kind.target) for kind in kinds])
    small, large = torch.tensor(shapes).T
    assert torch.corrcoef(torch.stack([small, large]))[0, 1] > 0.95
    assert small.std() > 0.1


def _height(target):
    return int(target.reshape(40, 40).any(dim=1).sum())


def _width(target):
    return int(target.reshape(40, 40).any(dim=0).sum())


def test_every_sample_sees_something_however_large_the_tubes():
    masker = ReleasedTubes((6,), scale=(0.7,))
    for seed in range(20):
        places = torch.Generator().manual_seed(seed)
        (kind,) = masker.draw((2, 7, 7), 8, size_seed=seed, places=places)
        assert kind.context.any(dim=1).all()
    targets = ReleasedMultiblock(6, scale=(0.5, 0.6))
    for seed in range(20):
        places = torch.Generator().manual_seed(seed)
        views = targets.draw((1, 7, 7), 8, size_seed=seed, places=places)
        assert views[0].context.any(dim=1).all()
        assert len({int(view.target.sum()) for view in views}) == 1


def test_refusals():
    with pytest.raises(ValueError, match=r"blocks must be at least 1 for each mask, got \(\)"):
        ReleasedTubes(())
    with pytest.raises(ValueError, match=r"blocks must be at least 1 for each mask, got \(8, 0\)"):
        ReleasedTubes((8, 0))
    with pytest.raises(ValueError, match="one number per mask, got 2 and 1"):
        ReleasedTubes((8, 2), scale=(0.15,))
    with pytest.raises(ValueError, match=r"scale must rise within \(0, 1\]"):
        ReleasedTubes((8,), scale=(0.0,))
    places = torch.Generator()
    with pytest.raises(ValueError, match=r"A tube of 1\.0 covers all 4 x 4 tokens"):
        ReleasedTubes((1,), scale=(1.0,), aspect=(1.0, 1.0)).draw(
            (1, 4, 4), 1, size_seed=0, places=places
        )
    with pytest.raises(ValueError, match=r"A block of 0\.15 of 2 x 2 tokens has none"):
        ReleasedTubes((8,), scale=(0.15,)).draw((1, 2, 2), 1, size_seed=0, places=places)
    with pytest.raises(ValueError, match="blocks must be at least 1, got 0"):
        ReleasedMultiblock(0)
    with pytest.raises(
        ValueError, match=r"masks images of 2 x 2 tokens or more, got .*\(2, 8, 8\)"
    ):
        ReleasedMultiblock().draw((2, 8, 8), 1, size_seed=0, places=places)
