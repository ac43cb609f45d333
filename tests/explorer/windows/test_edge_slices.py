"""Advice on edges by hand."""

import numpy as np
import pytest

from explorer.windows import EdgeSlices


@pytest.mark.parametrize(
    ("profile", "first", "last"),
    [
        ([1.0, 0.2, 0.01, 0.01, 0.01, 0.3, 2.0], 2, 2),
        ([1.0, 0.05, 0.0, 0.0, 1.0], 2, 1),  # a share of exactly 5 % is not below it
        ([1.0, 0.9, 0.8, 0.9, 1.0], None, None),
        ([0.0, 0.0, 0.0], 0, 0),
        ([0.0, 0.0, 0.5], 0, 1),
        ([1.0], None, None),
    ],
)
def test_count_to_the_first_settled_slice(profile, first, last):
    found = EdgeSlices.of(np.array(profile))
    assert (found.first, found.last) == (first, last)


def test_another_share():
    profile = np.array([1.0, 0.4, 0.2, 0.1, 0.4, 1.0])
    assert EdgeSlices.of(profile, share=0.5) == EdgeSlices(1, 1, 0.5)
    assert EdgeSlices.of(profile, share=0.15) == EdgeSlices(3, 2, 0.15)


def test_the_advice_is_a_sentence():
    assert str(EdgeSlices(2, 1)) == (
        "Discard 2 slices at the start of a window. Discard 1 slice at the end of a window."
    )
    assert "never falls below 5%" in str(EdgeSlices(None, 0))
    assert "no slice need be discarded" in str(EdgeSlices(None, 0))


@pytest.mark.parametrize("profile", [[], [1.0, -1.0], [np.nan, 1.0]])
def test_impossible_profiles_are_refused(profile):
    with pytest.raises(ValueError, match="finite differences"):
        EdgeSlices.of(np.array(profile, dtype=np.float64))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_impossible_shares_are_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        EdgeSlices.of(np.ones(3), share=share)
