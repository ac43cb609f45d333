"""Count rules of overlapping windows against sets of frames."""

import pytest

from explorer.windows import SharedSlices


def by_hand(window, shift, tubelet, start):
    """Slices of both windows as frame tuples, and those in both."""
    cut = [
        [tuple(range(f, f + tubelet)) for f in range(begin, begin + window, tubelet)]
        for begin in (start, start + shift)
    ]
    return [frames for frames in cut[0] if frames in cut[1]], cut


@pytest.mark.parametrize(
    ("window", "shift", "tubelet", "count"),
    [(20, 2, 2, 9), (40, 2, 2, 19), (40, 4, 4, 9), (20, 18, 2, 1), (16, 4, 1, 12), (24, 6, 3, 6)],
)
def test_counts(window, shift, tubelet, count):
    assert len(SharedSlices(window, shift, tubelet=tubelet)) == count


@pytest.mark.parametrize("tubelet", [1, 2, 3, 4])
@pytest.mark.parametrize("start", [0, 5])
def test_shared_slices_are_those_that_hold_the_same_frames(tubelet, start):
    for slices in range(2, 8):
        window = slices * tubelet
        for shift in range(1, window):
            same, cut = by_hand(window, shift, tubelet, start)
            if shift % tubelet:
                assert not same
                with pytest.raises(ValueError, match=r"tubelet phase.*multiple of"):
                    SharedSlices(window, shift, tubelet=tubelet, start=start)
                continue
            windows = SharedSlices(window, shift, tubelet=tubelet, start=start)
            assert len(windows) == len(same)
            for i, frames in enumerate(same):
                assert tuple(windows.frames_of(i)) == frames
                assert cut[0][windows.offset + i] == cut[1][i] == frames


def test_the_windows_of_the_blog():
    """Frames 1 to 20 and 3 to 22: frames 3 and 4 come second in the one, first in the other."""
    windows = SharedSlices(20, 2)
    assert (windows.first_window, windows.second_window) == (slice(0, 20), slice(2, 22))
    assert (windows.slices, windows.offset, windows.frames_needed) == (10, 1, 22)
    assert list(windows.frames_of(0)) == [2, 3]
    assert windows.middle == (4,)
    assert SharedSlices(20, 4).middle == (3, 4)


@pytest.mark.parametrize("shift", [1, 3, 19])
def test_odd_shifts_are_refused_with_the_reason(shift):
    with pytest.raises(ValueError, match=f"shift of {shift} frames changes the tubelet phase"):
        SharedSlices(20, shift)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"window": 21, "shift": 2}, "not made of slices of 2"),
        ({"window": 0, "shift": 2}, "not made of slices of 2"),
        ({"window": 20, "shift": 0}, "shifted by 2 to 18 frames, came a shift of 0"),
        ({"window": 20, "shift": 20}, "came a shift of 20"),
        ({"window": 20, "shift": -2}, "came a shift of -2"),
        ({"window": 20, "shift": 2, "start": -1}, "start -1"),
        ({"window": 20, "shift": 2, "tubelet": 0}, "tubelet 0"),
    ],
)
def test_impossible_windows_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        SharedSlices(**given)


def test_a_clip_that_is_too_short_is_refused():
    windows = SharedSlices(20, 2, start=3)
    windows.require_frames(25)
    with pytest.raises(ValueError, match="need 25 frames, the clip has 24"):
        windows.require_frames(24)
    with pytest.raises(ValueError, match="0 to 8, came 9"):
        windows.frames_of(9)
