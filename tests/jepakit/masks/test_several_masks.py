"""Several masks per clip: their order, their seeds, and how YAML names them."""

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser

from jepakit.masks import MultiblockMasker, ObjectMasker, SeveralMasks, Tubes, draw_masks
from jepakit.protocols import AnyMasker, BatchMasker, Masker, MaskInput
from jepakit.seeds import generator

GRID = (4, 8, 8)
SEEDS = [(7, 0, key) for key in ("a", "b", "c")]

YAML = """
masker:
  class_path: jepakit.masks.SeveralMasks
  init_args:
    maskers:
    - class_path: jepakit.masks.Tubes
      init_args: {blocks: 8, scale: 0.15}
    - class_path: jepakit.masks.Tubes
      init_args: {blocks: 2, scale: 0.7}
"""


def samples(count=3, grid=GRID):
    coverage = torch.zeros(0, *grid, dtype=torch.uint8)
    return [MaskInput(coverage, torch.zeros(grid[0], 8, 8, 3, dtype=torch.uint8))] * count


def row_of(masks, row):
    """Context and target positions of one masked sample."""
    inside = masks.context.sample == row, masks.target.sample == row
    return masks.context.position[inside[0]], masks.target.position[inside[1]]


def test_number_v_b_plus_i_is_clip_i_under_mask_v():
    maskers = [Tubes(), Tubes(2, scale=0.7), MultiblockMasker()]
    masks = draw_masks(SeveralMasks(maskers), samples(), SEEDS)
    assert masks.views == 3
    assert masks.clips == 3
    assert masks.context.batch == masks.target.batch == masks.joint.batch == 9
    assert len(masks.objects) == len(masks.fallback) == len(masks.hidden_ids) == 9
    for view, masker in enumerate(maskers):
        for clip, seed in enumerate(SEEDS):
            alone = masker(samples()[clip], generator(*seed, view))
            context, target = row_of(masks, 3 * view + clip)
            assert torch.equal(context, alone.context.nonzero().flatten())
            assert torch.equal(target, (alone.slots >= 0).nonzero().flatten())


def test_a_clip_keeps_its_masks_in_another_batch_and_draws_others_in_another_epoch():
    masker = SeveralMasks([Tubes(), Tubes()])
    masks = draw_masks(masker, samples(), SEEDS)
    alone = draw_masks(masker, samples(1), SEEDS[1:2])
    later = draw_masks(masker, samples(1), [(7, 1, "b")])
    for view in range(2):
        assert torch.equal(row_of(masks, 3 * view + 1)[1], row_of(alone, view)[1])
        assert not torch.equal(row_of(later, view)[1], row_of(alone, view)[1])
    assert not torch.equal(row_of(alone, 0)[1], row_of(alone, 1)[1])  # alike, drawn independently


def test_a_single_masker_draws_with_the_seed_of_its_sample():
    masks = draw_masks(Tubes(), samples(), SEEDS)
    assert masks.views == 1
    alone = Tubes()(samples()[2], generator(7, 0, "c"))
    assert torch.equal(row_of(masks, 2)[1], (alone.slots >= 0).nonzero().flatten())


def test_objects_are_named_per_masked_sample():
    coverage = torch.zeros(2, *GRID, dtype=torch.uint8)
    coverage[0, :, :3, :3], coverage[1, :, 4:7, 4:7] = 255, 255
    seen = MaskInput(coverage, torch.zeros(4, 8, 8, 3, dtype=torch.uint8))
    masks = draw_masks(SeveralMasks([ObjectMasker(1), Tubes()]), [seen] * 2, SEEDS[:2])
    assert all(len(ids) == 1 for ids in masks.objects[:2])
    assert masks.objects[2:] == ((), ())
    assert masks.hidden_ids[:2].sum(dim=1).tolist() == [1, 1]
    assert masks.hidden_ids[2:].all()


def parsed(text, accepted):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--masker", type=accepted)
    return parser.instantiate(parser.parse_object(yaml.safe_load(text))).masker


@pytest.mark.parametrize("accepted", [AnyMasker, BatchMasker, AnyMasker | None])
def test_yaml_builds_a_list_of_maskers(accepted):
    masker = parsed(YAML, accepted)
    assert isinstance(masker, SeveralMasks)
    short, long = masker.maskers
    assert (short.blocks, short.size.scale) == (8, (0.15, 0.15))
    assert (long.blocks, long.size.scale) == (2, (0.7, 0.7))
    assert masker.max_slots == 8


def test_yaml_builds_the_other_maskers_as_before():
    assert isinstance(parsed("masker: jepakit.masks.ObjectMasker", AnyMasker), ObjectMasker)
    assert parsed("masker: jepakit.masks.ReleasedTubes", AnyMasker).views == 2


@pytest.mark.parametrize(
    ("text", "accepted", "told"),
    [
        (YAML.replace("scale: 0.7", "scal: 0.7"), AnyMasker, "Option 'scal' is not accepted"),
        (YAML, Masker, "does not implement protocol Masker"),
        (YAML.replace("masks.Tubes", "masks.SeveralMasks"), AnyMasker, "does not implement"),
    ],
)
def test_yaml_refuses_what_is_no_list_of_maskers(text, accepted, told):
    with pytest.raises(Exception, match=told):
        parsed(text, accepted)


def test_refusals():
    with pytest.raises(ValueError, match="at least one masker, got none"):
        SeveralMasks([])
    with pytest.raises(ValueError, match="one token grid, got none"):
        draw_masks(Tubes(), [], [])
    with pytest.raises(ValueError, match=r"got \[\(1, 4, 4\), \(2, 4, 4\)\]"):
        draw_masks(
            Tubes(), [*samples(1, (2, 4, 4)), *samples(1, (1, 4, 4))], [(0, 0, "a"), (0, 0, "b")]
        )
    with pytest.raises(ValueError, match=r"blocks \(0\) and attempts \(10\) must be at least 1"):
        Tubes(0)
    with pytest.raises(ValueError, match="zip"):
        draw_masks(Tubes(), samples(2), SEEDS)
