"""Rectangles, the object and as much background, at the resolution of tokens."""

from typing import get_args

import numpy as np
import pytest
from masked_trees import box_mask, masked

from jepakit.evals.repair.images.clip_background import _part, clip_background
from jepakit.evals.repair.images.masked_images import UnusableImage
from jepakit.evals.repair.images.occlusion import (
    occlusion_pair,
    rectangle,
    rectangle_sweep,
    token_layers,
)
from jepakit.interp.region_tokens import Background

GRID = (1, 12, 16)  # 4 x 4 pixels a token


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def moving_mask(frames: int = 4, size: int = 32) -> np.ndarray:
    """A 4 x 4 box that goes right by a token per tubelet of 2 frames, and is absent in the last."""
    mask = np.zeros((frames, size, size), bool)
    for frame in range(frames - 2):
        left = 4 * (frame // 2)
        mask[frame, 12:16, left : left + 4] = True
    return mask


class TestRectangles:
    @pytest.mark.parametrize(
        ("area", "aspect", "shape"),
        [(0.25, 1.0, (8, 8)), (0.25, 4.0, (4, 16)), (0.25, 0.25, (16, 4)), (1 / 256, 1.0, (1, 1))],
    )
    def test_area_and_aspect(self, area, aspect, shape):
        hidden = rectangle((2, 16, 16), area=area, aspect=aspect).hidden
        rows, columns = np.flatnonzero(hidden[0].any(1)), np.flatnonzero(hidden[0].any(0))
        assert (len(rows), len(columns)) == shape
        assert hidden.sum() == 2 * shape[0] * shape[1]
        assert (hidden[0] == hidden[1]).all()
        assert abs(rows.mean() - 7.5) <= 0.5  # in the middle, up to half a token
        assert abs(columns.mean() - 7.5) <= 0.5

    def test_a_sweep_keeps_what_fits(self):
        sweep = rectangle_sweep((1, 16, 16))
        assert len(sweep) == 24  # of 30: no 1:4 or 4:1 from 30 % on
        assert all(abs(r.hidden.mean() - r.area) < 0.03 for r in sweep)
        assert {r.aspect for r in sweep if r.area == 0.5} == {0.5, 1.0, 2.0}

    def test_refuses_what_cannot_be(self):
        for area, aspect in ((0.0, 1.0), (1.0, 1.0), (0.5, 0.0)):
            with pytest.raises(
                ValueError, match=r"area is a share in \(0, 1\) and aspect positive"
            ):
                rectangle(GRID, area=area, aspect=aspect)
            with pytest.raises(ValueError, match=r"Areas lie in \(0, 1\), aspects are positive"):
                rectangle_sweep(GRID, areas=[area], aspects=[aspect])
        with pytest.raises(ValueError, match="50% of 16x16 tokens at aspect 4 would be 6x21"):
            rectangle((1, 16, 16), area=0.5, aspect=4.0)
        with pytest.raises(ValueError, match="at least one area and one aspect"):
            rectangle_sweep(GRID, areas=[])


class TestPairs:
    @pytest.mark.parametrize("how", get_args(Background))
    @pytest.mark.parametrize("budget", [0.25, 0.5, 1.0])
    def test_same_count_and_no_shared_pixel(self, how, budget):
        item = masked(box_mask())
        pair = occlusion_pair(item, GRID, how=how, budget=budget, rng=rng())
        assert pair.touched.sum() == 15  # rows 8..20, columns 20..40 of pixels
        assert pair.count == max(1, round(15 * budget)) == pair.background.sum()
        assert not (pair.object & ~pair.touched).any()
        pixels = pair.background[0].repeat(4, 0).repeat(4, 1)
        assert not (pixels & item.mask[0]).any()

    def test_one_pixel_makes_a_token_the_objects(self):
        mask = np.zeros((48, 64), bool)
        mask[0, 3:5] = True
        assert np.argwhere(token_layers(masked(mask), GRID)[0][0]).tolist() == [[0, 0], [0, 1]]

    def test_background_keeps_off_void_and_tokens_of_the_object_beyond_the_cap(self):
        void = np.zeros((48, 64), bool)
        void[:, 44:] = True
        item = masked(box_mask(), void=void)
        for seed in range(20):
            pair = occlusion_pair(item, GRID, max_tokens=4, how="scattered", rng=rng(seed))
            assert pair.count == 4
            assert not (pair.background & pair.touched).any()
            assert not pair.background[0, :, 11:].any()

    def test_no_more_tokens_than_there_is_background(self):
        mask = np.ones((48, 64), bool)
        mask[:4, :12] = False  # 3 tokens
        assert occlusion_pair(masked(mask), GRID, rng=rng()).count == 3
        item = masked(box_mask(), void=mask & ~box_mask())  # 15 tokens, and as few of background
        assert occlusion_pair(item, GRID, rng=rng()).count == 3

    def test_the_objects_mask_is_the_same_beside_every_background(self):
        item = masked(moving_mask(6))
        grid = (3, 8, 8)
        pairs = [occlusion_pair(item, grid, how=how, rng=rng()) for how in get_args(Background)]
        assert all((pair.object == pairs[0].object).all() for pair in pairs)
        assert pairs[0].object.sum(axis=(1, 2)).tolist() == [1, 1, 0]
        assert all(pair.background.sum(axis=(1, 2)).tolist() == [1, 1, 0] for pair in pairs)

    def test_draws_are_those_of_the_generator(self):
        item = masked(box_mask())
        one, same, other = (occlusion_pair(item, GRID, rng=rng(s)).background for s in (0, 0, 1))
        assert (one == same).all()
        assert (one != other).any()

    def test_refuses_objects_that_leave_no_background(self):
        full = np.ones((48, 64), bool)
        with pytest.raises(UnusableImage, match="object covers everything: a: 'cat'"):
            occlusion_pair(masked(full), GRID, rng=rng())
        with pytest.raises(UnusableImage, match="object covers everything"):
            occlusion_pair(masked(box_mask(), void=~box_mask()), GRID, rng=rng())
        wide = np.zeros((48, 64), bool)
        wide[8:40] = True  # 8 of 12 rows: no other place for 64 tokens of it, but room for 64
        with pytest.raises(UnusableImage, match="no room for background: a: same_shape, 64 tokens"):
            occlusion_pair(masked(wide), GRID, how="same_shape", rng=rng())
        assert occlusion_pair(masked(wide), GRID, rng=rng()).count == 64

    def test_refuses_frames_that_are_no_tubelets(self):
        with pytest.raises(ValueError, match="a has 4 frames, which are not 3 tubelets"):
            token_layers(masked(moving_mask()), (3, 8, 8))


class TestClips:
    def test_a_token_is_the_objects_if_any_frame_of_its_tubelet_is(self):
        mask = np.zeros((2, 8, 8), bool)
        mask[0, 0, 0] = mask[1, 7, 7] = True
        assert np.argwhere(token_layers(masked(mask), (1, 2, 2))[0]).tolist() == [
            [0, 0, 0],
            [0, 1, 1],
        ]

    def test_still_background_stays_where_the_object_never_is(self):
        blocked = np.zeros((3, 4, 4), bool)
        for t in range(3):
            blocked[t, 1, t : t + 2] = True
        blocked[2, 1, 2] = False  # one token in the last tubelet
        for how in ("compact", "scattered"):
            for seed in range(10):
                found = clip_background(blocked, blocked, how=how, rng=rng(seed))
                assert found.sum(axis=(1, 2)).tolist() == [2, 2, 1]
                assert (found[0] == found[1]).all()
                assert not (found[2] & ~found[0]).any()  # a part of the same tokens
                assert not (found & blocked.any(axis=0)).any()

    def test_same_shape_moves_as_the_object_does(self):
        mask = np.zeros((3, 6, 8), bool)
        for t in range(3):
            mask[t, t : t + 2, t : t + 2] = True
        starts = set()
        for seed in range(200):
            found = clip_background(mask, mask, how="same_shape", rng=rng(seed))
            offset = np.argwhere(found) - np.argwhere(mask)
            assert (offset == offset[0]).all()
            assert offset[0, 0] == 0
            starts.add(tuple(offset[0, 1:].tolist()))
        # By hand: the 3 x 5 offsets inside the grid, but those that overlap in some tubelet.
        assert starts == {(r, c) for r in range(3) for c in range(5)} - {
            (0, 0),
            (0, 1),
            (1, 0),
            (1, 1),
        }

    def test_distances_to_the_centre_are_matched_in_each_tubelet(self):
        hidden = np.zeros((2, 5, 5), bool)
        hidden[0, 0, 0] = hidden[1, 2, 1] = True
        found = clip_background(hidden, hidden, how="radial_matched", rng=rng())
        for t in range(2):
            gone, (place,) = np.argwhere(hidden[t])[0], np.argwhere(found[t])
            assert np.linalg.norm(place - 2) == np.linalg.norm(gone - 2)

    def test_no_room(self):
        hidden = np.zeros((2, 2, 2), bool)
        hidden[:, 0] = True
        full = np.ones((2, 2, 2), bool)
        for how in get_args(Background):
            assert clip_background(full, hidden, how=how, rng=rng()) is None


@pytest.mark.parametrize("count", [0, 1, 8, 12])
def test_a_part_of_a_large_region_has_its_count(count):
    region = np.ones((4, 4), bool)
    region[0] = False
    part = _part(region, count)
    assert part.sum() == count
    assert not (part & ~region).any()
