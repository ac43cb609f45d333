import numpy as np
import pytest

from jepakit.data.video.sampling import FrameSampling

RATE = np.arange(60) / 30  # two seconds at 30 Hz


def slow_nearest(seconds, moments):
    return [min(range(len(seconds)), key=lambda n: (abs(seconds[n] - m), n)) for m in moments]


@pytest.mark.parametrize("at", [0.0, 0.3, 0.5, 0.999])
@pytest.mark.parametrize("frames", [1, 2, 8, 16])
def test_frames_per_second_are_the_nearest_frames_of_equally_spaced_moments(at, frames):
    random = np.random.default_rng(frames)
    for seconds in (RATE, 5 + np.sort(random.uniform(0, 4, 50)), RATE[:1], RATE[:2], RATE[:7]):
        start = seconds[0] + at * max(0, seconds[-1] - seconds[0] - (frames - 1) / 6)
        moments = start + np.arange(frames) / 6
        numbers = FrameSampling(fps=6.0).numbers(seconds, frames, at=at)
        assert numbers.tolist() == slow_nearest(seconds, moments)


def test_a_rate_that_divides_is_a_stride():
    by_time = FrameSampling(fps=10.0).numbers(RATE, 4, at=0.0)
    assert (
        by_time.tolist()
        == FrameSampling(stride=3).numbers(RATE, 4, at=0.0).tolist()
        == [0, 3, 6, 9]
    )


def test_a_stride_starts_anywhere_equally_often():
    sampling, random = FrameSampling(stride=2), np.random.default_rng(0)
    starts = [sampling.numbers(RATE[:12], 4, at=u)[0] for u in random.random(3000)]
    counts = np.bincount(starts)
    assert len(counts) == 6
    assert counts.min() > 400
    last = sampling.numbers(RATE[:12], 4, at=1.0)
    assert last.tolist() == [5, 7, 9, 11]


@pytest.mark.parametrize("sampling", [FrameSampling(stride=2), FrameSampling(fps=15.0)])
def test_a_short_video_repeats_its_last_frame(sampling):
    for at in (0.0, 0.5, 0.99):
        assert sampling.numbers(RATE[:5], 6, at=at).tolist() == [0, 2, 4, 4, 4, 4]
    assert sampling.numbers(RATE[:1], 4, at=0.7).tolist() == [0, 0, 0, 0]
    assert sampling.is_short(RATE[:5], 6)
    assert sampling.is_short(RATE[:1], 2)
    assert not sampling.is_short(RATE[:11], 6)
    assert not sampling.is_short(RATE[:1], 1)


def test_a_slow_video_repeats_frames():
    assert FrameSampling(fps=4.0).numbers(np.arange(5.0), 8, at=0.0).tolist() == [0] * 3 + [
        1
    ] * 4 + [2]


def test_one_clip_is_centred_and_several_are_spread_evenly():
    one = FrameSampling(stride=1)
    assert one.numbers(RATE[:11], 5, at=one.centre(0)).tolist() == [3, 4, 5, 6, 7]
    three = FrameSampling(fps=30.0, clips=3)
    starts = [three.numbers(RATE, 16, at=three.centre(clip))[0] for clip in range(3)]
    assert starts == [7, 22, 37]


@pytest.mark.parametrize("options", [{}, {"fps": 4.0, "stride": 2}])
def test_one_distance_is_needed(options):
    with pytest.raises(ValueError, match=r"Give fps .* or stride .* not both"):
        FrameSampling(**options)


@pytest.mark.parametrize(
    "options", [{"fps": 0.0}, {"fps": -1.0}, {"stride": 0}, {"fps": 4.0, "clips": 0}]
)
def test_sizes_are_positive(options):
    with pytest.raises(ValueError, match="must be positive"):
        FrameSampling(**options)
