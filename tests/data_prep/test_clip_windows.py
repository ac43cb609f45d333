import numpy as np
import pytest

from data_prep.windows import Windows

STEADY = np.arange(30) / 10.0  # 3 s at 10 Hz


def lists(found):
    return [window.tolist() for window in found]


def test_every_frame_end_to_end():
    assert lists(Windows(8).of(STEADY)) == [list(range(start, start + 8)) for start in (0, 8, 16)]


def test_a_rate_takes_the_nearest_frames():
    found = Windows(4, fps=5.0).of(STEADY)
    assert lists(found) == [[start + step for step in (0, 2, 4, 6)] for start in (0, 8, 16)]
    assert lists(Windows(3, fps=4.0).of(STEADY))[0] == [0, 2, 5]  # 0, 0.25, 0.5 s; earlier of ties
    assert lists(Windows(3, fps=20.0).of(STEADY))[0] == [0, 0, 1]


def test_against_a_slow_search():
    random = np.random.default_rng(0)
    for _ in range(50):
        seconds = np.cumsum(random.uniform(0.01, 0.2, random.integers(2, 60)))
        windows = Windows(int(random.integers(1, 9)), random.uniform(1, 20), random.uniform(0.1, 2))
        for number, window in enumerate(found := windows.of(seconds)):
            start = seconds[0] + number * windows.hop
            moments = start + np.arange(windows.frames) / windows.fps
            nearest = [int(np.abs(seconds - moment).argmin()) for moment in moments]
            if len(found) > 1 or moments[-1] <= seconds[-1]:
                assert window.tolist() == nearest
        last = seconds[0] + len(found) * windows.hop + (windows.frames - 1) / windows.fps
        half = 0.5 * np.median(np.diff(seconds))
        assert last > seconds[-1] + half - 1e-9  # one more would not fit


def test_overlapping_windows_and_at_most_so_many():
    assert [w[0] for w in Windows(8, hop=0.2).of(STEADY)] == list(range(0, 23, 2))
    assert [w[0] for w in Windows(8, hop=0.1, most=3).of(STEADY)] == [3, 11, 19]


def test_short_videos_and_still_images_repeat_their_last_frame():
    assert lists(Windows(4).of(np.zeros(1))) == [[0, 0, 0, 0]]
    assert lists(Windows(1).of(np.zeros(1))) == [[0]]
    assert lists(Windows(4).of(STEADY[:3])) == [[0, 1, 2, 2]]
    assert lists(Windows(4, fps=5.0).of(STEADY[:4])) == [[0, 2, 3, 3]]


@pytest.mark.parametrize("fps", [None, 5.0])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_parts_share_no_frame(fps, share):
    windows = Windows(2, fps)
    early = windows.of(STEADY, (0.0, 1 - share))
    late = windows.of(STEADY, (1 - share, 1.0))
    assert max(w[-1] for w in early) < min(w[0] for w in late)
    assert late[-1][-1] >= 27
    assert sum(map(len, early + late)) >= (26 if fps is None else 12)


def test_parts_lose_no_frame():
    """Also where the last moment, from its share of the time, is rounded down."""
    random = np.random.default_rng(0)
    for _ in range(500):
        seconds = np.cumsum(random.uniform(0.01, 0.1, random.integers(2, 50)))
        share = random.uniform(0.1, 0.9)
        parts = [Windows(1).of(seconds, part) for part in ((0.0, share), (share, 1.0))]
        assert [int(w[0]) for found in parts for w in found] == list(range(len(seconds)))


def test_a_part_without_room_has_no_clip():
    assert Windows(8).of(STEADY, (0.9, 1.0)) == []
    assert Windows(8).of(np.zeros(1), (0.9, 1.0)) == []


def test_rates():
    assert Windows(8).rate(STEADY) == pytest.approx(10.0)
    assert Windows(8, 4.0).rate(STEADY) == 4.0
    assert Windows(1).rate(np.zeros(1)) == 1.0


@pytest.mark.parametrize("fps", [12.0, 24000 / 1001, 25.0, 30000 / 1001, 60000 / 1001, 60.0])
def test_times_rounded_to_milliseconds_keep_their_rate(fps):
    """As mkv and webm store them; dropped frames leave gaps."""
    seconds = np.round(np.arange(3600) / fps, 3)
    kept = np.delete(seconds, [100, 101, 102, 900])
    for times in (seconds, kept):
        assert Windows(16).rate(times) == pytest.approx(fps, rel=1e-4)
    starts = [seconds[window[0]] for window in Windows(16, hop=10.0).of(seconds)]
    assert np.allclose(np.diff(starts), 10.0, atol=0.5 / fps + 1e-3)


def test_the_rate_of_steps_that_agree_in_nothing():
    assert Windows(2).rate(np.array([0.0, 0.1, 1.1])) == pytest.approx(10.0)


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"fps": -1.0}, {"hop": 0.0}, {"most": 0}])
def test_what_is_not_positive_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Windows(**{"frames": 8, **wrong})
