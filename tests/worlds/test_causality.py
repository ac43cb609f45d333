from dataclasses import replace

import numpy as np
import pytest

from worlds.causality import causal_descendants, displacement, locality
from worlds.scenes import LAYOUTS, sample
from worlds.trajectory import CONTACT


def log(*rows):
    return np.array([(step, a, b, 1.0) for step, a, b in rows], CONTACT)


def test_influence_travels_forward_in_time():
    contacts = log((1, 1, 2), (3, 2, 3), (2, 3, 4), (9, 4, 5))
    assert causal_descendants(contacts, 1) == {2: 1, 3: 3}
    assert causal_descendants(contacts, 5) == {4: 9}
    assert causal_descendants(contacts, 6) == {}


def test_contacts_of_one_step_are_closed_in_any_order():
    contacts = log((5, 4, 5), (5, 3, 4), (5, 2, 3), (5, 1, 2), (4, 5, 6))
    assert causal_descendants(contacts, 1) == {2: 5, 3: 5, 4: 5, 5: 5}


def test_earliest_influence_wins():
    contacts = log((2, 1, 2), (8, 1, 3), (4, 2, 3), (6, 3, 2))
    assert causal_descendants(contacts, 1) == {2: 2, 3: 4}


def test_static_objects_and_scenery_transmit_nothing_unless_removed():
    contacts = log((1, 0, 1), (1, 0, 2), (2, 1, 7), (3, 2, 7))
    assert causal_descendants(contacts, 1, static={7}) == {}
    assert causal_descendants(contacts, 7, static={7}) == {1: 2, 2: 3}
    assert causal_descendants(contacts, 1) == {7: 2, 2: 3}


def test_joints_connect_at_any_time():
    contacts = log((4, 1, 2))
    joints = [(2, 3), (3, 9), (9, 5), (0, 2), (0, 5)]
    assert causal_descendants(contacts, 1, static={9}, joints=joints) == {2: 4, 3: 4}
    assert causal_descendants(contacts, 9, static={9}, joints=joints) == {3: 0, 5: 0, 2: 0, 1: 4}


def slow_descendants(contacts, identity, static, joints):
    """Step by step: grow the reached set over the contacts of the step until it stops growing."""
    reached = {identity: 0}
    for step in range(int(contacts["step"].max(initial=0)) + 1):
        rows = contacts[contacts["step"] == step]
        pairs = [(int(a), int(b)) for a, b in zip(rows["a"], rows["b"], strict=True)] + joints
        grown = True
        while grown:
            grown = False
            for a, b in [*pairs, *((b, a) for a, b in pairs)]:
                inert = b in static or b == 0
                if a in reached and b not in reached and not inert:
                    reached[b] = step
                    grown = True
    return {i: step for i, step in reached.items() if i != identity}


def test_equals_slow_reference_on_random_logs():
    rng = np.random.default_rng(0)
    for _ in range(100):
        rows = np.zeros(int(rng.integers(0, 25)), CONTACT)
        rows["step"] = rng.integers(0, 12, len(rows))
        pairs = np.array([rng.choice(9, 2, replace=False) for _ in rows]).reshape(-1, 2)
        rows["a"], rows["b"] = pairs.min(axis=1), pairs.max(axis=1)
        static = {int(i) for i in rng.choice(np.arange(1, 9), 2, replace=False)}
        joints = [(1, 2)] if rng.random() < 0.3 else []
        for identity in range(1, 9):
            fast = causal_descendants(rows, identity, static=static, joints=joints)
            assert fast == slow_descendants(rows, identity, static, joints)


def test_displacement_counts_turning():
    before, after = np.zeros((2, 6)), np.zeros((2, 6))
    after[1, :3] = 3.0, 4.0, -0.5
    np.testing.assert_allclose(displacement(before, after, 2.0), [0.0, 6.0])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_removal_changes_nothing_before_its_influence_arrives(layout):
    for removal in locality(sample(layout, 3).scene):
        assert all(removal.identical.values()), removal
        assert set(removal.leaked.values()) == {0.0}


@pytest.mark.parametrize(
    ("layout", "shortcut"), [("spinner", "sleeping"), ("slopes", "continuous")]
)
def test_check_sees_what_the_shortcuts_of_the_engine_leak(layout, shortcut):
    removals = locality(replace(sample(layout, 2).scene, **{shortcut: True}))
    leaks = [i for removal in removals for i in removal.unreached if not removal.identical[i]]
    assert leaks


def test_removal_changes_what_it_supports():
    scene = sample("stack", 0).scene
    supports = [body.identity for body in scene.bodies if body.kind == "support"]
    removals = {removal.removed: removal for removal in locality(scene, steps=30)}
    for support in supports:
        assert removals[support].reached
        assert max(removals[support].moved.values()) > 0.1


def test_locality_refuses_movable_bodies_without_identity():
    scene = sample("ramp", 0).scene
    bodies = (*scene.bodies[:-1], replace(scene.bodies[-1], identity=0))
    with pytest.raises(ValueError, match="identity of its own"):
        locality(replace(scene, bodies=bodies))


def test_locality_refuses_shared_identities():
    scene = sample("ramp", 0).scene
    bodies = (*scene.bodies[:-1], replace(scene.bodies[-1], identity=1))
    with pytest.raises(ValueError, match="identity of its own"):
        locality(replace(scene, bodies=bodies))
