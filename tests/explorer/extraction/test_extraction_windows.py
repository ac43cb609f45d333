"""Windows cover a clip once, and each slice comes from where it is most central."""

from __future__ import annotations

import itertools

import pytest

from explorer.extraction import Window, plan_windows


def owners(windows: list[Window], tubelet: int) -> list[tuple[int, int]]:
    """Window and place in it of every slice, in order."""
    return [
        (window.start // tubelet + place, place)
        for window in windows
        for place in range(window.keep.start, window.keep.stop)
    ]


def test_one_window_is_the_whole_clip() -> None:
    assert plan_windows(16, tubelet=2) == [Window(0, 16, slice(0, 8))]
    assert plan_windows(16, tubelet=2, window=64, discard=3) == [Window(0, 16, slice(0, 8))]


def test_without_discarding_windows_lie_side_by_side() -> None:
    windows = plan_windows(32, tubelet=2, window=16)
    assert windows == [Window(0, 16, slice(0, 8)), Window(16, 32, slice(0, 8))]


def test_the_last_window_is_as_long_as_the_others() -> None:
    windows = plan_windows(20, tubelet=2, window=8)
    assert [(window.start, window.stop) for window in windows] == [(0, 8), (8, 16), (12, 20)]


CASES = [
    (window, window - 4 * discard - closer, discard)
    for window, discard, closer in itertools.product((6, 8, 16, 20), (0, 1, 2), (0, 2))
    if window - 4 * discard - closer >= 2
]


@pytest.mark.parametrize(("window", "stride", "discard"), CASES)
@pytest.mark.parametrize("frames", [8, 16, 22, 40, 44, 64])
def test_every_slice_has_one_owner_far_from_its_edges(
    frames: int, window: int, stride: int, discard: int
) -> None:
    windows = plan_windows(frames, tubelet=2, window=window, stride=stride, discard=discard)
    found = owners(windows, 2)
    length = min(window, frames) // 2
    assert [slice_ for slice_, _ in found] == list(range(frames // 2))
    for slice_, place in found:
        inside = discard <= place < length - discard
        at_an_end = slice_ < discard or slice_ >= frames // 2 - discard
        assert inside or at_an_end
    assert all(0 <= part.start < part.stop <= frames for part in windows)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"frames": 15}, "clip has 15 frames"),
        ({"window": 7}, "window has 7 frames"),
        ({"window": 8, "stride": 3}, "stride .3 frames. must be a multiple of the 2"),
        ({"window": 8, "stride": 10}, "leaves out slices"),
        ({"window": 8, "stride": 6, "discard": 1}, "take at most 4"),
        ({"window": 8, "discard": 2}, "leaves nothing"),
        ({"window": 8, "discard": -1}, "leaves nothing"),
    ],
)
def test_windows_that_do_not_fit_are_refused(options: dict[str, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        plan_windows(options.pop("frames", 32), tubelet=2, **options)
