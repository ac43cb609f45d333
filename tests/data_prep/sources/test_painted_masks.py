import numpy as np
import pytest

from data_prep.sources.painted_masks import MARGIN, painted_ids

RED, YELLOW, GREEN = (255.0, 0.0, 0.0), (255.0, 255.0, 0.0), (0.0, 128.0, 0.0)


def drawn(colour, box, *, floor=(0, 0, 0), size=40):
    picture = np.full((size, size, 3), floor, np.uint8)
    left, top, right, bottom = box
    picture[top : bottom + 1, left : right + 1] = colour
    return picture


def test_the_floor_is_what_lies_outside_of_the_boxes():
    box = (4, 4, 35, 35)
    picture = drawn(RED, box, floor=(200, 40, 40))  # nearer to red than to black, and rare
    ids = painted_ids(picture, np.array([RED]), np.array([box], float))
    assert np.array_equal(ids == 1, (picture == RED).all(axis=-1))


def test_an_object_stays_in_its_box():
    box = np.array([(10, 10, 15, 15)], float)
    ids = painted_ids(drawn(RED, (0, 0, 39, 39)), np.array([RED]), box)
    rows, columns = np.nonzero(painted_ids(drawn(RED, (5, 5, 20, 20)), np.array([RED]), box))
    assert (rows.min(), rows.max()) == (10 - MARGIN, 15 + MARGIN)
    assert (columns.min(), columns.max()) == (10 - MARGIN, 15 + MARGIN)
    assert not ids.any()  # all of it is floor


def test_an_edge_does_not_become_a_third_object():
    picture = drawn(YELLOW, (10, 10, 29, 29))
    picture[10:30, 30] = (128, 128, 0)  # half yellow, half black: as far from green as can be told
    boxes = np.array([(10, 10, 30, 29), (25, 5, 38, 35)], float)
    ids = painted_ids(picture, np.array([YELLOW, GREEN]), boxes)
    assert set(np.unique(ids)) == {0, 1}
    assert (ids[12:28, 12:29] == 1).all()


@pytest.mark.parametrize("box", [(0, 0, 0, 0), (10, 10, 10, 30), (20, 20, 5, 5)])
def test_a_box_without_area_shows_nothing(box):
    ids = painted_ids(drawn(RED, (5, 5, 20, 20)), np.array([RED]), np.array([box], float))
    assert not ids.any()


def test_a_box_may_leave_the_picture():
    ids = painted_ids(
        drawn(RED, (0, 0, 9, 9)), np.array([RED]), np.array([(-20.0, -20.0, 9.0, 9.0)])
    )
    assert ids[:10, :10].all()
    assert ids.sum() == 100


def test_no_objects():
    assert not painted_ids(drawn(RED, (0, 0, 9, 9)), np.zeros((0, 3)), np.zeros((0, 4))).any()
