from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from flat_scenes import BLUE, GREEN, RED, SAND, WALL, box, disc, inner, iou, picture, same_masks
from PIL import Image
from scipy import ndimage

from data_prep.masks.regions import Regions
from worlds.scenes import sample, simulate


def regions(frame: np.ndarray, **options) -> np.ndarray:
    (found,) = Regions(**options).propose(frame[None])
    assert found.masks.shape == (len(found.scores), *frame.shape[:2])
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    return found.masks


THINGS = [(box(8, 8, 10, 14), RED), (disc(40, 20, 7), BLUE), (disc(30, 48, 3), SAND)]


@pytest.mark.parametrize("outline", [False, True])
@pytest.mark.parametrize("wall", [WALL, (0, 0, 0), (255, 255, 255), (30, 30, 36)])
def test_flat_things_on_a_wall_are_exact(wall, outline):
    frame = picture(*THINGS, wall=wall, outline=outline)
    assert same_masks(
        regions(frame, outlines=outline),
        [mask if outline else opened(mask) for mask, _ in THINGS],
    )


def opened(mask: np.ndarray) -> np.ndarray:
    """What a square of 3 pixels fits into: all that is promised without outlines."""
    return ndimage.binary_opening(mask, np.ones((3, 3), dtype=bool))


def test_outlines_are_noticed():
    halves = np.where(np.arange(64)[None, :, None] < 30, RED, BLUE) * np.ones((64, 1, 1))
    thing = box(20, 20, 16, 20)
    drawn = regions(picture((thing, halves), outline=True))
    assert same_masks(drawn, [thing])
    plain = regions(picture((thing, halves)))
    assert same_masks(plain, [box(20, 20, 16, 10), box(20, 30, 16, 10)])


@pytest.mark.parametrize("size", [64, 128])
def test_touching_things_with_patterns_are_divided_by_their_outlines(size):
    rows, columns = np.indices((size, size))[:, :, :, None]
    checks = np.where((rows // 4 + columns // 4) % 2, RED, GREEN)
    stripes = np.where(rows // 4 % 2, BLUE, (250, 250, 120))
    one, other = box(20, 10, 16, 20, size), box(20, 30, 20, 16, size)
    found = regions(picture((one, checks), (other, stripes), size=size, outline=True))
    assert same_masks(found, [one, other])


@pytest.mark.parametrize("seed", [7, 8])
def test_outlines_survive_compression(seed):
    clip = simulate(sample("slopes", seed), frames=1, size=224)
    stored = io.BytesIO()
    Image.fromarray(clip.frames[0]).save(stored, "JPEG", quality=90, subsampling=1)
    found = regions(np.asarray(Image.open(stored)))
    truth = [clip.labels[0] == identity for identity in clip.identities]
    assert np.mean([max(iou(mask, one) for mask in found) for one in truth]) > 0.8


def test_an_outline_of_another_colour_than_the_thing_divides_too():
    one, other = box(20, 10, 16, 20), box(20, 30, 20, 16)
    frame = picture((one, (120, 60, 60)), (other, (60, 60, 120)))
    frame[inner(one) | inner(other)] = 200
    assert same_masks(regions(frame), [one, other])


def test_touching_things_of_two_flat_colours_are_divided_without_outlines():
    one, other = box(20, 10, 16, 20), box(20, 30, 16, 16)
    assert same_masks(regions(picture((one, RED), (other, GREEN))), [one, other])


def test_touching_things_of_one_colour_are_one():
    # A known limit: nothing lies between them.
    one, other = box(20, 10, 16, 20), box(24, 30, 8, 16)
    for outline in (False, True):
        found = regions(picture((one, RED), (other, RED), outline=outline), outlines=outline)
        assert same_masks(found, [one | other])


def test_a_gradient_with_clouds_and_grain_is_backdrop():
    rows, columns = np.indices((96, 96))
    light = 150 + 0.6 * rows + 12 * np.sin(columns / 15)
    wall = np.stack([light, 0.95 * light, 0.9 * light], axis=2)
    wall += np.random.default_rng(0).uniform(-7, 7, (96, 96, 1))
    thing = disc(50, 40, 12, 96)
    frame = np.where(thing[..., None], BLUE, wall).astype(np.uint8)
    (found,) = regions(frame)
    assert iou(found, opened(thing)) > 0.97
    assert not len(regions(wall.astype(np.uint8)))


def test_wall_and_table_are_both_backdrop_and_a_soft_shadow_too():
    frame = picture().astype(float)
    frame[44:] = (120, 110, 100)
    frame[41:45] = np.linspace((205, 200, 190), (120, 110, 100), 6)[1:-1, None]  # a blurred seam
    shadow = ndimage.gaussian_filter(disc(30, 48, 8).astype(float), 4)
    frame *= 1 - 0.2 * shadow[..., None]
    thing = box(20, 14, 34, 10)
    frame[thing] = GREEN
    assert same_masks(regions(frame.astype(np.uint8)), [thing])


def test_a_thing_with_a_soft_edge_is_no_cloud():
    thing = box(24, 14, 30, 14)
    soft = ndimage.gaussian_filter(thing.astype(float), 3)[..., None]
    frame = (150, 142, 132) * (1 - soft) + soft * (112, 128, 138)
    (found,) = regions(np.rint(frame).astype(np.uint8))
    assert iou(found, thing) > 0.8


def test_a_surface_along_part_of_the_border_is_backdrop():
    corner, thing = box(0, 0, 30, 30), box(10, 8, 9, 12)
    frame = picture((corner, (110, 130, 150)), (thing, RED))
    assert same_masks(regions(frame), [thing])


def test_backdrop_far_inside_a_thing_is_still_backdrop():
    ring = disc(64, 64, 36, 128) & ~disc(64, 64, 18, 128)
    assert same_masks(regions(picture((ring, RED), size=128)), [opened(ring)])


def test_a_thing_within_a_hole_is_no_part_of_what_is_around():
    ring, dot = disc(32, 32, 14) & ~disc(32, 32, 6), disc(32, 32, 3)
    found = regions(picture((ring, RED), (dot, BLUE), outline=True), outlines=True)
    assert same_masks(found, [disc(32, 32, 14) & ~dot, dot])


def test_shaded_things_are_whole_and_divided_by_colour():
    light = np.linspace(0.75, 1.25, 96)[:, None, None]
    light = light * np.random.default_rng(0).normal(1, 0.03, (96, 96, 1))
    one, other = box(20, 20, 50, 24, 96), box(36, 44, 34, 30, 96)
    paints = [np.clip(np.array(colour) * light, 0, 255) for colour in (RED, BLUE)]
    found = regions(picture((one, paints[0]), (other, paints[1]), size=96))
    assert len(found) == 2
    for truth in (one, other):
        assert max(iou(mask, truth) for mask in found) > 0.93


def test_flat_colours_are_exact_however_few_the_superpixels():
    one, other = box(20, 10, 16, 20), box(20, 30, 16, 3)
    frame = picture((one, RED), (other, GREEN))
    assert same_masks(regions(frame, superpixels=1, part=0.0), [one, other])


def test_a_hole_that_shows_the_backdrop_is_filled_only_if_small():
    ring = disc(32, 32, 12) & ~disc(32, 32, 3)
    assert same_masks(regions(picture((ring, RED))), [opened(disc(32, 32, 12))])
    wide = disc(32, 32, 16) & ~disc(32, 32, 11)
    (found,) = regions(picture((wide, RED)))
    assert not found[32, 32]


def test_a_small_part_of_another_colour_belongs_to_the_thing():
    body, cap = box(20, 20, 30, 14), box(16, 24, 4, 6)
    assert same_masks(regions(picture((body, BLUE), (cap, RED))), [body | cap])
    found = regions(picture((body, BLUE), (cap, RED)), part=0.0)
    assert same_masks(found, [body, cap])


def test_floor_and_walls_are_not_proposed():
    floor, thing = box(54, 0, 10, 64), box(44, 30, 10, 8)
    for outline in (False, True):
        frame = picture((floor, (90, 80, 70)), (thing, RED), outline=outline)
        assert same_masks(regions(frame, outlines=outline), [thing])


def test_texture_all_over_gives_no_thing_of_its_size():
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert all(mask.mean() < 0.2 for mask in regions(frame))


@pytest.mark.parametrize("grain", [0.0, 2.0, 6.0])
def test_a_bare_wall_has_no_things(grain):
    assert not len(regions(picture(grain=grain)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 5), (17, 33)])
@pytest.mark.parametrize("outlines", [None, False, True])
def test_tiny_pictures(shape, outlines):
    rng = np.random.default_rng(0)
    for frame in (np.zeros((*shape, 3)), rng.integers(0, 256, (*shape, 3))):
        regions(frame.astype(np.uint8), outlines=outlines)


def test_a_clip_without_frames_has_no_proposals():
    assert not list(Regions().propose(np.zeros((0, 8, 8, 3), dtype=np.uint8)))


def test_the_same_masks_every_time_and_in_any_order_of_frames():
    clip = simulate(sample("crossing", 3), frames=3, size=64).frames
    first = [p.masks for p in Regions().propose(clip)]
    again = [p.masks for p in pickle.loads(pickle.dumps(Regions())).propose(clip[::-1])][::-1]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.sum(axis=0).max(initial=0) <= 1


def test_objects_of_a_designed_scene_are_found():
    clip = simulate(sample("stack", 7), frames=1, size=128)
    found = regions(clip.frames[0])
    for identity in clip.identities:
        truth = clip.labels[0] == identity
        assert max(iou(mask, truth) for mask in found) > 0.95


@pytest.mark.parametrize(
    "wrong", [{"tolerance": 0.0}, {"difference": -1.0}, {"superpixels": 0}, {"part": 1.5}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Regions(**wrong)


def test_the_name_tells_the_settings():
    assert "tolerance=7.0" in Regions(tolerance=7.0).name
    assert inner(box(0, 0, 3, 3))[1, 1]
