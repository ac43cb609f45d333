"""Object tokens by a loop; background that never overlaps, by arrangement."""

import inspect
from itertools import combinations

import numpy as np
import pytest

from jepakit.interp.region_tokens import (
    background_tokens,
    capped,
    object_tokens,
    patch_fractions,
    pieces,
    token_budget,
)

ARRANGEMENTS = ("compact", "scattered", "same_shape", "radial_matched")


def rng(seed=0):
    return np.random.default_rng(seed)


def tokens(picture):
    """``#`` is object."""
    return np.array([[c == "#" for c in line] for line in picture.split()])


def disc(rows=16, columns=16, radius=4.0, centre=(7.5, 7.5)):
    y, x = np.indices((rows, columns))
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def is_translate(one, other):
    shapes = [np.argwhere(m) - np.argwhere(m).min(axis=0) for m in (one, other)]
    return np.array_equal(*shapes)


def distances(mask):
    centre = (np.array(mask.shape) - 1) / 2
    return np.sort(np.linalg.norm(np.argwhere(mask) - centre, axis=1))


def test_patches_with_any_pixel_of_the_object():
    mask = rng(1).random((24, 40)) < 0.02
    fractions, touched = patch_fractions(mask, (6, 5)), object_tokens(mask, (6, 5))
    for row in range(6):
        for column in range(5):
            inside = 0
            for y in range(row * 4, row * 4 + 4):
                for x in range(column * 8, column * 8 + 8):
                    inside += bool(mask[y, x])
            assert fractions[row, column] == inside / 32
            assert touched[row, column] == (inside > 0)
    assert 0 < touched.sum() < 30


def test_one_pixel_makes_an_object_token():
    mask = np.zeros((224, 224), dtype=bool)
    mask[13, 14] = True
    assert np.argwhere(object_tokens(mask, (16, 16))).tolist() == [[0, 1]]


def test_border_and_void_count_as_object_unless_told_otherwise():
    trimap = np.full((8, 8), 2)
    trimap[0, 0], trimap[0, 7], trimap[7, 0] = 1, 3, 255
    parts = {"border": trimap == 3, "void": trimap == 255}

    def found(**rules):
        return np.argwhere(object_tokens(trimap == 1, (2, 2), **parts, **rules)).tolist()

    assert found() == [[0, 0], [0, 1], [1, 0]]
    assert found(border_is="background") == [[0, 0], [1, 0]]
    assert found(void_is="background") == [[0, 0], [0, 1]]
    assert found(border_is="background", void_is="background") == [[0, 0]]


@pytest.mark.parametrize(
    ("size", "grid"), [((225, 224), (16, 16)), ((0, 8), (2, 2)), ((8, 8), (0, 2))]
)
def test_refuses_a_mask_that_does_not_divide(size, grid):
    with pytest.raises(ValueError, match="does not divide"):
        object_tokens(np.zeros(size, dtype=bool), grid)


def test_refuses_borders_of_another_size():
    mask = np.zeros((8, 8), dtype=bool)
    with pytest.raises(ValueError, match="size of the object mask"):
        object_tokens(mask, (2, 2), void=np.zeros((8, 4), dtype=bool))


@pytest.mark.parametrize(
    ("objects", "budget", "expected"),
    [
        (30, 1.0, 30),
        (100, 1.0, 64),
        (100, 0.5, 32),
        (100, 0.25, 16),
        (2, 0.25, 1),
        (250, 1.0, 6),
        (0, 1.0, 0),
        (256, 1.0, 0),
    ],
)
def test_budgets_and_caps(objects, budget, expected):
    touched = (np.arange(256) < objects).reshape(16, 16)
    assert token_budget(touched, budget=budget) == expected
    hidden = capped(touched, budget=budget)
    if not expected:
        assert hidden is None
    else:
        assert hidden.sum() == expected
        assert not (hidden & ~touched).any()


def test_cap_is_an_argument():
    assert token_budget(disc(), max_tokens=10) == 10
    assert capped(disc(), max_tokens=10, budget=0.5).sum() == 5


@pytest.mark.parametrize(("cap", "budget"), [(0, 1.0), (64, 0.0), (64, 1.5)])
def test_refuses_impossible_budgets(cap, budget):
    with pytest.raises(ValueError, match="max_tokens must be at least 1 and budget in"):
        token_budget(disc(), max_tokens=cap, budget=budget)


def test_capped_object_is_its_middle_in_one_piece():
    # The centroid of a ring lies in its hole.
    ring = disc(radius=6.5) & ~disc(radius=4)
    hidden = capped(ring, max_tokens=12)
    assert pieces(hidden) == 1
    middle = capped(disc(17, 17, 6, (8, 8)), max_tokens=5)
    assert np.array_equal(middle, disc(17, 17, 1, (8, 8)))


def test_pieces_hang_together_over_edges_only():
    assert pieces(tokens("#.# .#. #.#")) == 5
    assert pieces(tokens("### .#. ...")) == 1


@pytest.mark.parametrize("how", ARRANGEMENTS)
def test_background_has_no_overlap_the_count_and_the_seeds_choice(how):
    different = set()
    for seed in range(12):
        draw = rng(seed)
        centre = tuple(draw.uniform(3, 8, size=2))
        touched = disc(14, 18, draw.uniform(1, 3.4), centre)
        hidden = capped(touched, max_tokens=20)
        count = int(hidden.sum())
        found = [
            background_tokens(touched, count, how=how, rng=rng(s), like=hidden) for s in (5, 5, 6)
        ]
        for background in found:
            assert background.shape == touched.shape
            assert background.sum() == count
            assert not (background & touched).any()
        assert np.array_equal(found[0], found[1])
        different.add(np.array_equal(found[0], found[2]))
    assert False in different  # another seed, another choice


def test_compact_is_connected_where_there_is_room():
    for seed in range(20):
        touched = disc(radius=3 + seed % 5)
        background = background_tokens(touched, 40, rng=rng(seed))
        assert pieces(background) == 1
    # Grown tokens lie about their seed: far closer together than scattered ones.
    spread = {}
    for how in ("compact", "scattered"):
        found = [background_tokens(disc(), 25, how=how, rng=rng(s)) for s in range(20)]
        spread[how] = np.mean([np.argwhere(m).std(axis=0).mean() for m in found])
    assert spread["compact"] < 0.5 * spread["scattered"]


def test_compact_takes_the_piece_that_has_room():
    touched = tokens("..#... ..#... ..#...")  # 6 tokens on the left, 9 on the right
    for seed in range(10):
        assert background_tokens(touched, 7, rng=rng(seed))[:, :2].sum() == 0


def test_compact_goes_on_in_the_nearest_piece():
    touched = tokens("..#.. ..#.. ..#..")
    background = background_tokens(touched, 8, rng=rng())
    assert background.sum() == 8
    assert pieces(background) == 2
    uneven = tokens("..#... ..#... ..#...")
    for seed in range(10):
        assert background_tokens(uneven, 11, rng=rng(seed))[:, 3:].all()
    large = tokens("..####. ..####. ..####.")
    for seed in range(10):
        assert background_tokens(large, 7, rng=rng(seed))[:, :2].all()


def test_scattered_reaches_every_place_alike():
    touched = disc(6, 6, 1.5, (2.5, 2.5))
    hits = sum(
        background_tokens(touched, 8, how="scattered", rng=rng(s)).astype(int) for s in range(400)
    )
    expected = 400 * 8 / (~touched).sum()
    assert np.abs(hits[~touched] - expected).max() < 5 * np.sqrt(expected)


def test_same_shape_is_any_translate_that_fits():
    touched = tokens("##..... #...... ....... .......")
    seen = set()
    for seed in range(200):
        background = background_tokens(touched, 3, how="same_shape", rng=rng(seed))
        assert is_translate(background, touched)
        seen.add(background.tobytes())
    places = 0
    for row in range(3):
        for column in range(6):
            moved = {(row, column), (row, column + 1), (row + 1, column)}
            places += not moved & {(0, 0), (0, 1), (1, 0)}
    assert len(seen) == places


def test_same_shape_may_lie_between_the_tokens_of_the_object():
    touched = tokens("#.. .#.")
    seen = [background_tokens(touched, 2, how="same_shape", rng=rng(s)) for s in range(5)]
    assert all(np.array_equal(found, tokens(".#. ..#")) for found in seen)


def test_same_shape_does_not_fit_everywhere():
    assert background_tokens(tokens("###. #... ###."), 7, how="same_shape", rng=rng()) is None
    cross = disc(5, 5, 1, (2, 2))
    assert background_tokens(cross, 5, how="same_shape", rng=rng()) is None


def test_same_shape_of_the_hidden_part_avoids_the_whole_object():
    touched = tokens("####.... ####.... ........ ........")
    hidden = tokens("##...... ##...... ........ ........")
    for seed in range(30):
        background = background_tokens(touched, 4, how="same_shape", rng=rng(seed), like=hidden)
        assert is_translate(background, hidden)
        assert not (background & touched).any()


@pytest.mark.parametrize("picture", ["#.... ##... ..... .....", ".#.. .##. .... ....", "###..#.."])
def test_radial_matching_is_the_best_there_is(picture):
    touched = tokens(picture)
    count = int(touched.sum())
    wanted = distances(touched)

    def error(chosen):
        # Sorted against sorted is the best pairing of numbers on a line.
        return np.abs(wanted - distances(chosen)).sum()

    best = np.inf
    for places in combinations(np.flatnonzero(~touched), count):
        chosen = np.zeros_like(touched)
        chosen.flat[list(places)] = True
        best = min(best, error(chosen))
    for seed in range(5):
        found = background_tokens(touched, count, how="radial_matched", rng=rng(seed))
        assert error(found) == pytest.approx(best)


def test_off_centre_objects_are_matched_exactly():
    touched = disc(16, 16, 2.5, (4, 4))
    found = background_tokens(touched, int(touched.sum()), how="radial_matched", rng=rng())
    np.testing.assert_allclose(distances(found), distances(touched))


@pytest.mark.parametrize("how", ARRANGEMENTS)
def test_no_room(how):
    everything = np.ones((4, 4), dtype=bool)
    assert background_tokens(everything, 16, how=how, rng=rng()) is None
    most = everything.copy()
    most[0, :3] = False
    assert background_tokens(most, 4, how=how, rng=rng()) is None


@pytest.mark.parametrize("how", ["compact", "scattered"])
def test_all_of_the_background(how):
    touched = disc()
    rest = int((~touched).sum())
    assert np.array_equal(background_tokens(touched, rest, how=how, rng=rng()), ~touched)


def test_refuses_to_match_other_counts_or_grids():
    touched = disc()
    for how in ("same_shape", "radial_matched"):
        with pytest.raises(ValueError, match="needs as 'like' the 5 hidden tokens"):
            background_tokens(touched, 5, how=how, rng=rng())
        with pytest.raises(ValueError, match=r"on \(4, 4\)"):
            background_tokens(touched, 16, how=how, rng=rng(), like=np.ones((4, 4), dtype=bool))


def test_refuses_no_tokens():
    with pytest.raises(ValueError, match="at least 1 token"):
        background_tokens(disc(), 0, rng=rng())


def test_refuses_rules_and_arrangements_it_does_not_know():
    with pytest.raises(ValueError, match="'object' or 'background', got 'edge'"):
        inspect.unwrap(object_tokens)(disc(), (16, 16), void_is="edge")
    with pytest.raises(ValueError, match=r"one of compact, scattered.*'square'"):
        inspect.unwrap(background_tokens)(disc(), 4, how="square", rng=rng())
