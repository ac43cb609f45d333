import numpy as np
import pytest
from clevrer_files import compressed, run_lengths

from data_prep.sources.run_lengths import decode_runs


@pytest.mark.parametrize("seed", range(20))
def test_text_and_numbers_give_the_mask_back(seed):
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 70, 2).tolist()
    mask = random.random((height, width)) < random.random() ** 2
    mask[: height // 2] |= random.random() < 0.5
    runs = run_lengths(mask)
    assert np.array_equal(decode_runs(runs, height, width), mask)
    assert np.array_equal(decode_runs(compressed(runs), height, width), mask)


def test_text_of_pycocotools():
    y, x = np.ogrid[:20, :30]
    text = "P43?4M2N2O0O2O0001N101N2N3Lf6"  # by its version 2.0
    assert np.array_equal(decode_runs(text, 20, 30), (y - 9) ** 2 + (x - 12) ** 2 < 40)


def test_all_and_nothing():
    assert decode_runs([0, 12], 3, 4).all()
    assert not decode_runs([12], 3, 4).any()


@pytest.mark.parametrize(
    ("counts", "height", "width"),
    [
        ([5], 2, 2),
        ([-1, 5], 2, 2),
        ([1.0, 3], 2, 2),
        ([True, 3], 2, 2),
        ("", 2, 2),
        ("4 ", 2, 2),
        ("T", 2, 2),
        ([4], 0, 4),
        ([1 << 40], 1 << 20, 1 << 20),
    ],
)
def test_what_makes_no_mask(counts, height, width):
    with pytest.raises(ValueError, match=r"mask of|compressed run lengths|Compressed run lengths"):
        decode_runs(counts, height, width)
