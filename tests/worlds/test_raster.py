import numpy as np
import pytest

from worlds.raster import rasterise
from worlds.scene import Circle, Polygon


def slow_polygon(corners, height, width):
    """Pixels whose centre lies inside, and how far each centre is from the outline, in float64."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    inner = np.full((height, width), np.inf)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge = end - start
        side = edge[0] * (y - start[1]) - edge[1] * (x - start[0])
        inner = np.minimum(inner, side / np.hypot(*edge))
    return inner > 0, np.abs(inner)


def slow_circle(cx, cy, radius, height, width):
    """The official rule, pixel by pixel: a row is grown from the column of the centre."""
    picture = np.zeros((height, width), bool)
    cx, cy, radius = (
        np.float32(cx) - np.float32(0.5),
        np.float32(cy) - np.float32(0.5),
        np.float32(radius),
    )
    for row in range(height):
        room = radius * radius - (np.float32(row) - cy) ** 2
        start = np.float32(int(cx))
        for step in (-1, 1):
            column = start
            while (column - cx) ** 2 <= room:
                if 0 <= column < width:
                    picture[row, int(column)] = True
                column += np.float32(step)
    return picture


def random_polygon(generator):
    angles = np.sort(generator.random(generator.integers(3, 9))) * 2 * np.pi
    radii = generator.uniform(3, 20) * np.array([[1.0, generator.uniform(0.2, 1.0)]])
    return np.stack([np.cos(angles), np.sin(angles)], -1) * radii


def turned(points, pose):
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    return points @ np.array([[cos, sin], [-sin, cos]]) + pose[:2]


def test_polygons_cover_the_pixels_whose_centres_they_hold():
    generator = np.random.default_rng(0)
    for _ in range(40):
        local = random_polygon(generator)
        poses = generator.uniform([-5, -5, -9], [55, 35, 9], (3, 3))
        drawn = rasterise(
            [[Polygon(tuple(map(tuple, local)))]],
            poses[:, None],
            size=(30, 50),
            scale=1.0,
            top_first=False,
        )
        for picture, pose in zip(drawn, poses, strict=True):
            inside, distance = slow_polygon(turned(local, pose), 30, 50)
            clear = distance > 1e-3
            np.testing.assert_array_equal(picture[clear] == 1, inside[clear])
            assert clear.mean() > 0.99


def test_circles_follow_the_official_rule_to_the_pixel():
    generator = np.random.default_rng(1)
    for _ in range(60):
        radius = generator.uniform(0.3, 15)
        poses = generator.uniform([-5, -5, 0], [45, 35, 0], (2, 3)).astype(np.float32)
        if generator.random() < 0.5:
            poses, radius = np.round(poses * 2) / 2, round(radius * 2) / 2  # ties
        drawn = rasterise(
            [[Circle(radius)]], poses[:, None], size=(30, 40), scale=1.0, top_first=False
        )
        for picture, pose in zip(drawn, poses, strict=True):
            np.testing.assert_array_equal(picture == 1, slow_circle(*pose[:2], radius, 30, 40))


@pytest.mark.parametrize(
    ("x", "y", "radius"),
    [
        (178.52291870117188, 204.8232879638672, 45.05540466308594),
        (204.83392333984375, 114.08686828613281, 15.040505409240723),
    ],
)
def test_ends_of_rows_that_rounding_puts_too_far_out(x, y, radius):
    pose = np.array([[[x, y, 0.0]]])
    drawn = rasterise([[Circle(radius)]], pose, size=(256, 256), scale=1.0, top_first=False)[0]
    np.testing.assert_array_equal(drawn == 1, slow_circle(x, y, radius, 256, 256))


def test_half_pixels_round_to_even_as_in_the_official_renderer():
    square = Polygon(((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)))
    for shift, first in ((0.5, 0), (1.5, 2), (2.5, 2), (3.5, 4)):
        pose = np.array([[[shift, 1.0, 0.0]]])
        row = rasterise([[square]], pose, size=(8, 8), scale=1.0, top_first=False)[0, 1]
        assert np.flatnonzero(row)[0] == first


def clip(generator, frames=5):
    objects = [
        [Polygon(tuple(map(tuple, random_polygon(generator) / 10))), Circle(0.4, (0.5, 0.2))]
        for _ in range(6)
    ]
    states = np.repeat(generator.uniform(0, 6, (1, 6, 6)), frames, axis=0)
    states[:, ::2] += generator.uniform(0, 1, (frames, 3, 6))
    return objects, states


def test_all_frames_at_once_equal_each_frame_alone():
    objects, states = clip(np.random.default_rng(2))
    together = rasterise(objects, states, size=(64, 48), scale=8.0)
    alone = [rasterise(objects, state[None], size=(64, 48), scale=8.0)[0] for state in states]
    np.testing.assert_array_equal(together, alone)
    assert len(np.unique(together)) == 7


def test_later_objects_cover_earlier_ones_whether_they_move_or_not():
    objects, states = clip(np.random.default_rng(3))
    expected = np.zeros((5, 64, 64), np.uint8)
    for index, shapes in enumerate(objects):
        alone = rasterise([shapes], states[:, [index]], size=(64, 64), scale=8.0)
        expected[alone > 0] = index + 1
    np.testing.assert_array_equal(rasterise(objects, states, size=(64, 64), scale=8.0), expected)


def test_row_order_and_unit_of_length():
    objects, states = clip(np.random.default_rng(4))
    top = rasterise(objects, states, size=(64, 64), scale=8.0)
    low = rasterise(objects, states, size=(64, 64), scale=8.0, top_first=False)
    np.testing.assert_array_equal(top[:, ::-1], low)
    disc = rasterise([[Circle(3.0)]], np.array([[[5.0, 5.0, 0.0]]]), size=(400, 400), scale=40.0)
    assert disc.sum() == pytest.approx(np.pi * 120**2, rel=1e-3)


def test_empty_pictures():
    assert not rasterise([], np.zeros((2, 0, 3)), size=(4, 4), scale=1.0).any()
    objects, states = clip(np.random.default_rng(5))
    assert rasterise(objects, states[:0], size=(4, 6), scale=1.0).shape == (0, 4, 6)
    flat = Polygon(((0.0, 0.0), (2.0, 0.0), (1.0, 1e-5)))
    assert not rasterise([[flat]], np.full((1, 1, 3), 1.2), size=(4, 4), scale=1.0).any()


def test_shapes_and_states_must_fit():
    with pytest.raises(ValueError, match=r"\(T, 1, >= 3\).*\(2, 3, 6\)"):
        rasterise([[Circle(1.0)]], np.zeros((2, 3, 6)), size=(4, 4), scale=1.0)
    with pytest.raises(ValueError, match="255 objects; got 256"):
        rasterise([[]] * 256, np.zeros((1, 256, 3)), size=(4, 4), scale=1.0)
