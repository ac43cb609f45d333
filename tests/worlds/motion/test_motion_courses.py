import math

import numpy as np
import pytest

from worlds.motion.courses import RADII, SIDE, SPEEDS, STEPS, pair_course, straight_course

TURN = math.pi / 4


def rng(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("uneven", [False, True])
def test_a_straight_course_keeps_its_direction_speed_and_frame(uneven):
    for seed in range(200):
        course = straight_course(rng(seed), direction=seed * TURN, frames=16, uneven=uneven)
        steps = np.diff(course.places[0], axis=0)
        lengths = np.hypot(*steps.T)
        angle = np.arctan2(steps[:, 1], steps[:, 0])
        off = (angle - seed * TURN + math.pi) % (2 * math.pi) - math.pi
        assert np.abs(off).max() < 1e-9
        assert SPEEDS[0] <= course.speed <= SPEEDS[1]
        assert RADII[0] <= course.radius <= RADII[1]
        assert lengths.mean() == pytest.approx(course.speed)
        assert np.ptp(lengths) > 0.3 * course.speed if uneven else np.ptp(lengths) < 1e-9
        assert course.places[0].min() - course.radius >= 1
        assert course.places[0].max() + course.radius <= SIDE - 1


def test_the_speed_of_an_uneven_course_is_one_plus_half_a_sine():
    course = straight_course(rng(3), direction=0.0, frames=16, uneven=True)
    shares = np.diff(course.places[0, :, 0]) / course.speed - 1
    waves = np.fft.rfft(shares) / len(shares) * 2
    assert abs(waves[1]) == pytest.approx(0.5)
    assert np.abs(np.delete(waves, 1)).max() < 1e-9


def test_the_same_way_is_shown_by_any_number_of_frames():
    few, many = (straight_course(rng(1), direction=1.0, frames=n) for n in (4, 16))
    np.testing.assert_allclose(few.places[0], many.places[0, ::5])


def test_the_mean_place_says_nothing_of_the_direction():
    """Clips of one seed and different directions have one centre: the very same box."""
    courses = [straight_course(rng(5), direction=k * TURN, frames=16) for k in range(8)]
    means = np.array([course.places[0].mean(axis=0) for course in courses])
    np.testing.assert_allclose(means, means[:1].repeat(8, axis=0))


def test_on_a_torus_the_first_place_is_even_whatever_the_direction():
    starts = np.array(
        [
            straight_course(rng(s), direction=0.0, frames=16, wrap=True).places[0, 0]
            for s in range(900)
        ]
    )
    counts, _ = np.histogram(starts[:, 0] % SIDE, bins=9, range=(0, SIDE))
    assert ((counts - 100) ** 2 / 100).sum() < 26.1  # chi squared, 8 degrees of freedom, p = 0.001


@pytest.mark.parametrize("frames", [16, 400])
def test_pairs_mirror_each_other_and_touch_only_when_they_bounce(frames):
    contacts = 0
    for seed in range(60):
        course = pair_course(rng(seed), direction=seed * TURN, frames=frames)
        first, second = course.places - course.centre
        np.testing.assert_allclose(first, -second)
        apart = np.hypot(*(first - second).T)
        assert apart.min() >= 2 * course.radius - 1e-9
        contacts += course.contact
        if frames == 400:  # fine enough to see the moment of contact
            near = apart.min() - 2 * course.radius
            assert near < 0.7 if course.contact else near > 0.1 * course.radius
        assert course.places.min() - course.radius >= 1
        assert course.places.max() + course.radius <= SIDE - 1
    assert 18 <= contacts <= 42


def test_a_bounce_keeps_the_energy_and_exchanges_the_normal_velocity():
    """Against the textbook: momentum and energy are kept, tangential velocity too."""
    for seed in range(20):
        course = pair_course(rng(seed), direction=0.7, frames=4000)
        velocity = np.diff(course.places, axis=1) * (3999 / STEPS)
        before, after = velocity[:, 0], velocity[:, -1]
        np.testing.assert_allclose(np.hypot(*before.T), course.speed)
        np.testing.assert_allclose(np.hypot(*after.T), course.speed)
        if not course.contact:
            np.testing.assert_allclose(before, after)
            continue
        moment = np.hypot(*(course.places[0] - course.places[1]).T).argmin()
        normal = course.places[0, moment] - course.places[1, moment]
        normal /= np.hypot(*normal)
        tangent = np.array([-normal[1], normal[0]])
        np.testing.assert_allclose(after @ normal, before[::-1] @ normal, atol=0.02 * course.speed)
        np.testing.assert_allclose(after @ tangent, before @ tangent, atol=0.02 * course.speed)


def test_discs_that_would_leave_are_refused():
    with pytest.raises(ValueError, match="smaller factor of speed or radius"):
        straight_course(rng(0), direction=0.0, frames=16, speed=2.0)
    with pytest.raises(ValueError, match="of 128 pixels"):
        pair_course(rng(0), direction=0.0, frames=16, radius=4.0)
