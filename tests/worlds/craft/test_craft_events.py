import numpy as np
import pytest
from hand_scenes import STEPS, carried, dropped, pushed

from worlds.craft.arena import GRAVITY, GROUND, SIZES, WALL, Arena, interior
from worlds.craft.events import (
    COLLIDE_BASKET,
    COLLIDE_GROUND,
    COLLIDE_OBJECT,
    ENTER_BASKET,
    count_events,
    history,
    play,
    read_events,
)
from worlds.trajectory import CONTACT, Trajectory


def test_falling_into_a_basket():
    told = history(dropped(16.0), STEPS)
    entry, landing = told.first(ENTER_BASKET, 1), told.first(COLLIDE_BASKET, 1)
    assert entry.step < landing.step
    assert count_events(told.events)[ENTER_BASKET] == 1
    assert not told.happens(COLLIDE_GROUND, 1)
    rim, floor = GROUND + 4.0, GROUND + WALL
    for event, height in ((entry, rim), (landing, floor + SIZES["small"])):
        fall = 20.0 - height
        seconds = (-1 + np.sqrt(1 - 2 * GRAVITY * fall)) / -GRAVITY
        assert event.step / 60 == pytest.approx(seconds, abs=0.05)


def test_falling_beside_a_basket():
    told = history(dropped(25.0), STEPS)
    assert {event.kind for event in told.events} == {COLLIDE_GROUND}
    assert told.events == tuple(sorted(told.events))


def test_what_touches_from_the_start_does_not_collide():
    assert history(carried(), STEPS).events == ()


def test_pushing_is_a_collision_of_both():
    told = history(pushed(), STEPS)
    event = told.first(COLLIDE_OBJECT, 1)
    assert event == told.first(COLLIDE_OBJECT, 2)
    assert (event.thing, event.other) == (1, 2)
    assert not told.happens(COLLIDE_OBJECT, 3)
    # 1 starts 14 m/s fast, slows down by friction and meets 2 after 9 m less both half widths.
    distance, brake = 9.0 - SIZES["large"] - SIZES["small"], -0.1 * GRAVITY
    seconds = (14 - np.sqrt(14**2 - 2 * brake * distance)) / brake
    assert event.step / 60 == pytest.approx(seconds, abs=0.05)


def test_moving_is_having_a_velocity_at_the_start():
    assert history(pushed(), 1).moving == {1}
    assert history(pushed(speed=0.5), 1).moving == {1, 2}


def test_contacts_apart_are_events_of_their_own():
    craft = dropped(25.0)
    body = len(craft.scene.bodies) - 1
    rows = [(step, 0, body, 1.0) for step in (3, 4, 20, 21, 25, 40)]
    quiet = np.zeros((61, len(craft.scene.bodies), 6))
    played = Trajectory(quiet, np.arange(61), np.array(rows, CONTACT), quiet[0], None)
    events = read_events(craft.scene, played)
    assert [event.step for event in events] == [20, 40]
    assert count_events(events) == {
        COLLIDE_GROUND: 2,
        ENTER_BASKET: 0,
        COLLIDE_BASKET: 0,
        COLLIDE_OBJECT: 0,
    }


def test_interior_of_a_basket():
    arena = Arena(np.random.default_rng(0))
    arena.basket(10.0, 6.0, 4.0)
    left, right, bottom, rim = interior(arena.scene().bodies[3])
    assert (right - left, rim - bottom) == pytest.approx((6.0 - 2 * WALL, 4.0 - WALL))
    assert (left + right) / 2 == pytest.approx(10.0)
    assert bottom == pytest.approx(GROUND + WALL, abs=0.02)


@pytest.mark.parametrize("steps", [0, 601])
def test_refused_lengths(steps):
    with pytest.raises(ValueError, match="Expected 1 to 600 steps"):
        play(pushed(), steps)
