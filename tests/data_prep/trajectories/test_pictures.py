import numpy as np
import pytest

from data_prep.trajectories.pictures import fitted


def test_the_centred_square_is_cut():
    picture = np.zeros((4, 8, 3), np.uint8)
    picture[:, 2:6] = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    assert np.array_equal(fitted(picture, 4, "crop"), picture[:, 2:6])


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
