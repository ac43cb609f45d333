import numpy as np
import pytest

from data_prep.pictures import fitted, fitted_ids


def test_the_centred_square_is_cut():
    picture = np.zeros((8, 12, 3), np.uint8)
    picture[:, 2:10] = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    assert np.array_equal(fitted(picture, 8, "crop"), picture[:, 2:10])


def test_all_is_stretched():
    picture = np.zeros((8, 16, 3), np.uint8)
    picture[:, 8:] = 200
    small = fitted(picture, 4, "stretch")
    assert small.shape == (4, 4, 3)
    assert small[:, 0].max() == 0
    assert small[:, 3].min() == 200
    assert fitted(picture, 4, "crop")[0].tolist() == small[0].tolist()


def test_shrinking_averages():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[::2] = 100  # stripes that a resize without antialiasing would show or miss
    assert np.abs(fitted(picture, 8, "crop").astype(int) - 50).max() <= 3


@pytest.mark.parametrize("picture", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_other_pictures_are_refused(picture):
    with pytest.raises(ValueError, match=r"uint8 \(h, w, 3\) expected, came"):
        fitted(picture, 4, "crop")


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_ids_are_cut_like_pictures(fit):
    random = np.random.default_rng(0)
    for height, width, size in ((24, 32, 24), (48, 64, 16), (17, 9, 40)):
        ids = random.integers(0, 3, (height // 8 + 1, width // 8 + 1)).repeat(8, 0).repeat(8, 1)
        ids = ids[:height, :width].astype(np.int32)
        found = fitted_ids(ids, size, fit)
        top, left, rows, columns = 0, 0, height, width
        if fit == "crop":
            rows = columns = min(height, width)
            top, left = (height - rows) // 2, (width - columns) // 2
        for row in range(size):
            for column in range(size):
                source_row = top + int((row + 0.5) * rows / size)
                source_column = left + int((column + 0.5) * columns / size)
                assert found[row, column] == ids[source_row, source_column]


@pytest.mark.parametrize("shape", [(7, 100), (100, 16_385), (1, 1)])
def test_sides_that_are_refused(shape):
    with pytest.raises(ValueError, match="Sides of 8 to 16384 pixels expected"):
        fitted(np.zeros((*shape, 3), np.uint8), 16, "stretch")
    with pytest.raises(ValueError, match="Sides of 8"):
        fitted_ids(np.zeros(shape, np.uint8), 16, "crop")
