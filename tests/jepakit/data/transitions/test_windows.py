import pytest

from jepakit.data.transitions.windows import Windows


def test_training_windows_differ_and_reach_every_start():
    windows = Windows(8, 4, count=3, seed=1)
    seen = set()
    for epoch in range(40):
        starts = windows.starts(epoch, "a")
        assert len(set(starts)) == 3
        seen.update(starts)
    assert seen == set(range(5))


def test_a_draw_depends_on_seed_epoch_and_key_alone():
    draws = {
        (seed, epoch, key): tuple(Windows(32, 4, count=8, seed=seed).starts(epoch, key))
        for seed in (0, 1)
        for epoch in (0, 1)
        for key in ("a", "b")
    }
    assert len(set(draws.values())) == 8
    assert Windows(32, 4, count=8, seed=1).starts(1, "b") == list(draws[1, 1, "b"])


def test_starts_are_uniform():
    counts = [0] * 5
    for epoch in range(5000):
        counts[Windows(8, 4).starts(epoch, "a")[0]] += 1
    assert all(abs(count - 1000) < 5 * 800**0.5 for count in counts)  # five standard deviations


@pytest.mark.parametrize(
    ("episode", "frames", "count", "starts"),
    [
        (8, 4, 1, [2]),
        (9, 4, 1, [3]),
        (8, 8, 1, [0]),
        (8, 4, 5, [0, 1, 2, 3, 4]),
        (32, 4, 2, [7, 21]),
    ],
)
def test_validation_windows_are_spread_evenly(episode, frames, count, starts):
    assert Windows(episode, frames, count=count, random=False).starts(3, "a") == starts


def test_short_episodes_are_refused():
    with pytest.raises(ValueError, match=r"windows of 9 frames, the episodes have 8\. Ask for 2"):
        Windows(8, 9)


def test_more_windows_than_there_are_are_refused():
    with pytest.raises(ValueError, match="windows_per_episode=6, but episodes of 8 frames have 5"):
        Windows(8, 4, count=6)
