import math

import numpy as np
import pytest

from worlds.physics import World, simulate
from worlds.scene import Body, Circle, Hinge, Polygon, Rod, Scene

BOX = Polygon(((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)))
FLOOR = Body(
    (Polygon(((-20.0, -0.5), (20.0, -0.5), (20.0, 0.5), (-20.0, 0.5))),), (0.0, -0.5), dynamic=False
)


def scene(*bodies, **constants):
    return Scene(bodies, 20.0, 20.0, **constants)


def disc(x, y, identity=1, **more):
    return Body((Circle(0.5),), (x, y), identity=identity, **more)


def heap():
    stack = [Body((BOX,), (0.1 * i, 0.6 + 1.1 * i), identity=2 * i + 1) for i in range(4)]
    return scene(FLOOR, *stack, disc(-3.0, 4.0, 9, velocity=(6.0, 0.0)))


def test_free_fall_is_symplectic_euler():
    played = simulate(scene(disc(1.0, 10.0, velocity=(2.0, 3.0))), 60)
    time = np.arange(61)
    velocity = 3.0 - 9.8 / 60 * time
    height = 10.0 + np.cumsum(np.r_[0.0, velocity[1:]]) / 60
    np.testing.assert_allclose(played.states[:, 0, 4], velocity, atol=1e-4)
    np.testing.assert_allclose(played.states[:, 0, 1], height, atol=1e-4)
    np.testing.assert_allclose(played.states[:, 0, 0], 1.0 + 2.0 * time / 60, atol=1e-4)
    assert len(played.contacts) == 0


def test_a_head_on_elastic_collision_swaps_velocities():
    fast = disc(0.0, 0.0, 1, velocity=(4.0, 0.0), restitution=1.0, friction=0.0)
    slow = disc(3.0, 0.0, 2, restitution=1.0, friction=0.0)
    played = simulate(scene(fast, slow, gravity=0.0), 60)
    np.testing.assert_allclose(played.final[:, 3], [0.0, 4.0], atol=1e-5)
    mass = math.pi * 0.25
    assert played.contacts["impulse"].sum() == pytest.approx(4.0 * mass, rel=1e-5)
    assert set(zip(played.contacts["a"], played.contacts["b"], strict=True)) == {(0, 1)}


@pytest.mark.parametrize("speed", [0.0, -3.0, -60.0])
def test_impulses_add_up_to_the_change_of_momentum(speed):
    # At 60 m/s the disc moves its own diameter in a step: the engine solves a sub-step on impact.
    played = simulate(scene(FLOOR, disc(0.0, 4.0, velocity=(0.0, speed))), 90)
    mass = math.pi * 0.25
    gained = mass * (played.final[1, 4] - speed) + mass * 9.8 * 90 / 60
    assert played.contacts["impulse"].sum() == pytest.approx(gained, rel=2e-3)


def test_a_resting_box_is_carried_by_its_weight_in_every_step():
    played = simulate(scene(FLOOR, Body((BOX,), (0.0, 0.515)), sleeping=False), 240)
    late = played.contacts[played.contacts["step"] > 120]
    assert len(late) == 120  # one row per step, although two points touch
    np.testing.assert_allclose(late["impulse"], 9.8 / 60, rtol=1e-3)


def test_points_and_parts_of_a_pair_are_added_up():
    feet = (Polygon(((-2.0, 0.0), (-1.0, 0.0), (-1.0, 1.0), (-2.0, 1.0))),
            Polygon(((1.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0))))  # fmt: skip
    played = simulate(scene(FLOOR, Body(feet, (0.0, 0.015)), sleeping=False), 240)
    late = played.contacts[played.contacts["step"] > 120]
    assert len(late) == 120
    np.testing.assert_allclose(late["impulse"], 2 * 9.8 / 60, rtol=1e-3)


def test_a_sleeping_pair_stays_in_the_log_without_impulse():
    played = simulate(scene(FLOOR, disc(0.0, 0.5)), 300)
    assert played.contacts["step"][-1] == 300
    assert played.contacts["impulse"][-1] == 0.0


def test_the_log_has_a_row_for_whatever_touches():
    world = World(heap())
    pairs = [(a, b) for a in range(6) for b in range(a + 1, 6)]
    seen = []
    for _ in range(200):
        world.step()
        seen += [(world.step_count, a, b) for a, b in pairs if world.touching(a, b)]
        assert all(world.touching(a, b) == world.touching(b, a) for a, b in pairs)
    rows = {(int(row["step"]), int(row["a"]), int(row["b"])) for row in world.contacts()}
    assert set(seen) <= rows
    assert len(rows) == len(world.contacts())
    assert len(rows - set(seen)) < 0.05 * len(rows)  # pairs that parted within the step


def test_repetition_is_bit_equal_and_the_log_does_not_disturb():
    first, second = simulate(heap(), 300), simulate(heap(), 300)
    silent = simulate(heap(), 300, log_contacts=False)
    np.testing.assert_array_equal(first.states, second.states)
    np.testing.assert_array_equal(first.contacts, second.contacts)
    np.testing.assert_array_equal(first.states, silent.states)
    assert len(first.contacts) > 300
    assert len(silent.contacts) == 0


def test_what_is_recorded():
    full = simulate(heap(), 130)
    assert full.states.shape == (131, 6, 6)
    np.testing.assert_array_equal(full.states[0, 1, :2], np.float32([0.0, 0.6]))
    np.testing.assert_array_equal(full.final, full.states[-1])
    some = simulate(heap(), 130, record_every=60, record_from=1)
    assert some.steps.tolist() == [1, 61, 121]
    np.testing.assert_array_equal(some.states, full.states[some.steps])
    np.testing.assert_array_equal(some.final, full.final)
    assert simulate(heap(), 130, record_every=60, record_from=70).steps.tolist() == [70, 130]
    none = simulate(heap(), 0, record_from=1)
    assert none.states.shape == (0, 6, 6)
    assert simulate(scene(), 3).states.shape == (4, 0, 6)


def test_until_ends_the_run():
    played = simulate(scene(disc(0.0, 5.0)), 100, until=lambda world: world.position(0)[1] < 4.5)
    assert played.stopped_at == played.steps[-1]
    assert played.final[0, 1] < 4.5 <= played.states[-2, 0, 1]
    assert simulate(scene(disc(0.0, 5.0)), 5).stopped_at is None


def test_joints_hold():
    post = Body((Circle(0.1),), (0.0, 5.0), dynamic=False)
    bob = disc(2.0, 5.0, 1)
    for joint in (Hinge(0, 1, (0.0, 5.0)), Rod(0, 1, (0.0, 5.0), (2.0, 5.0))):
        played = simulate(scene(post, bob, joints=(joint,)), 200)
        place = played.states[:, 1, :2] - [0.0, 5.0]
        np.testing.assert_allclose(np.hypot(*place.T), 2.0, atol=0.02)
        assert place[:, 0].min() < -1.5  # it swings


def test_off_centre_circles_and_masses():
    lopsided = Body((Circle(0.3, (0.5, 0.0)),), (0.0, 3.0), identity=1)
    played = simulate(scene(FLOOR, lopsided), 400)
    np.testing.assert_allclose(
        played.final[1, 1] + 0.5 * math.sin(played.final[1, 2]), 0.3, atol=0.02
    )


@pytest.mark.parametrize(
    "wrong", [{"steps": -1}, {"steps": 1, "record_every": 0}, {"steps": 1, "record_from": -1}]
)
def test_counts_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"Expected steps >= 0.*-1|Expected.*0"):
        simulate(scene(), **wrong)


def test_a_kinematic_body_keeps_its_velocity_and_pushes_others_ahead():
    hand = disc(0.0, 0.0, 1, dynamic=False, kinematic=True)
    world = World(scene(hand, disc(2.0, 0.0, 2, linear_damping=5.0), gravity=0.0))
    world.set_velocity(0, (1.5, 0.0))
    for _ in range(120):
        world.step()
    assert world.position(0) == pytest.approx((3.0, 0.0), abs=1e-4)
    assert world.position(1) == pytest.approx((4.0, 0.0), abs=0.02)
    assert world.states()[0][3] == 1.5
    world.set_position(0, (-1.0, 2.0))
    assert world.pose(0) == (-1.0, 2.0, 0.0)
    assert world.states()[0][3] == 1.5


def beams():
    """Bodies of three parts that lie on each other in many points."""
    parts = [
        Polygon(tuple((0.45 * x + dx, 0.5 * y) for x, y in BOX.vertices)) for dx in (-0.6, 0.6, 0.1)
    ]
    stack = [Body(tuple(parts), (0.2 * i, 1 + 1.2 * i), identity=i + 1) for i in range(4)]
    return scene(FLOOR, *stack)


def test_a_restarted_world_forgets():
    poses = {i: (0.13 * i, 0.1 + 0.62 * i, 0.07 * i) for i in range(1, 5)}
    played = []
    for restarts in range(4):
        world = World(beams())
        for _ in range(restarts):
            world.restart(poses)
            for _ in range(20):
                world.step()
        before = len(world.contacts())
        world.restart(poses)
        assert world.states()[3][3:] == (0.0, 0.0, 0.0)
        states = []
        for _ in range(120):
            world.step()
            states.append(world.states())
        played.append((np.array(states), world.contacts()[before:]))
    for states, contacts in played[1:]:
        np.testing.assert_array_equal(states, played[0][0])
        np.testing.assert_array_equal(contacts["impulse"], played[0][1]["impulse"])
    assert len(played[0][1]) > 200


def test_a_body_cannot_both_obey_forces_and_not():
    with pytest.raises(ValueError, match="give it dynamic=False"):
        disc(0.0, 0.0, kinematic=True)
