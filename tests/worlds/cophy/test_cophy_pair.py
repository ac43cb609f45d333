from dataclasses import replace

import numpy as np
import pytest

from worlds.cophy import COLOURS, TASKS, Confounders, half_clip, play, row_states, sample
from worlds.cophy.confounders import Hidden
from worlds.cophy.pair import EFFECT, Change, build, changed
from worlds.cophy.tasks import Solid
from worlds.physics import simulate
from worlds.scenes.clip import mass
from worlds.scenes.overlap import in_view, overlapping
from worlds.scenes.shapes import ball, block
from worlds.scenes.stage import FLOOR, GAP

SEEDS = range(6)
FRAMES, RATE = 8, 4.0


def run(task, solids, hidden, *, steps=60, sideways=0.0):
    """States of the solids ``(T, K, 6)`` of a hand-made scene."""
    confounders = Confounders(hidden, sideways)
    scene = build(TASKS[task], solids, confounders)
    return simulate(scene, steps).states[:, -len(solids) :]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seed", SEEDS)
def test_same_seed_same_pair_and_fair_start(task, seed):
    pair = sample(task, seed)
    assert pair == sample(task, seed)
    assert pair.solids != sample(task, seed + 100).solids
    low, high = TASKS[task].counts
    assert low <= len(pair.solids) <= high
    assert list(pair.identities) == sorted(set(pair.identities))
    scene = pair.scene("ab")
    assert in_view(scene)
    assert not overlapping(scene)
    for half in ("ab", "cd"):
        first = play(pair, half, frames=FRAMES, rate=RATE)
        np.testing.assert_array_equal(first, play(pair, half, frames=FRAMES, rate=RATE))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_change_is_one_and_has_an_effect(task, seed):
    pair = sample(task, seed)
    ab, cd = (play(pair, half, frames=21, rate=10.0) for half in ("ab", "cd"))
    row = pair.change.identity - 1
    others = [i - 1 for i in pair.identities if i != pair.change.identity]
    np.testing.assert_array_equal(ab[0, others], cd[0, others])
    if pair.change.position is None:
        assert not cd[:, row].any()
        assert pair.words.endswith("is removed")
    else:
        np.testing.assert_allclose(cd[0, row, :2], pair.change.position, atol=1e-5)
        np.testing.assert_array_equal(ab[0, row, 2:], cd[0, row, 2:])
    assert np.linalg.norm((cd - ab)[:, others, :2], axis=-1).max() >= EFFECT
    assert COLOURS[row] in pair.words


def test_objects_that_the_change_does_not_reach_are_identical():
    hidden = {i: Hidden(1.0, 0.05, 0.9) for i in (1, 2, 3)}
    solids = [
        Solid(1, ball(0.5), (1.5, 6.0), (3.0, 0.0)),
        Solid(2, ball(0.5), (6.0, 6.0)),
        Solid(3, ball(0.5), (2.0, 1.5), (2.0, 0.3)),
    ]
    with_it = run("balls", solids, hidden, steps=100)
    without = run("balls", changed(solids, Change(1, None)), hidden, steps=100)
    np.testing.assert_array_equal(with_it[:, 2], without[:, 1])
    assert np.abs(with_it[-1, 1, :2] - without[-1, 0, :2]).max() > 0.5


def test_equal_balls_exchange_velocities_and_a_heavy_one_does_not():
    solids = [Solid(1, ball(0.5), (2.0, 4.0), (3.0, 0.0)), Solid(2, ball(0.5), (4.5, 4.0))]
    # Without friction and with full restitution, as in the textbook.
    for masses in ((1.0, 1.0), (8.0, 1.0), (1.0, 8.0)):
        hidden = {i + 1: Hidden(m, 0.0, 1.0) for i, m in enumerate(masses)}
        end = run("balls", solids, hidden, steps=45)[-1]
        m1, m2 = masses
        expected = [3.0 * (m1 - m2) / (m1 + m2), 3.0 * 2 * m1 / (m1 + m2)]
        np.testing.assert_allclose(end[:, 3], expected, atol=2e-2)


def test_friction_of_a_table_is_linear_damping():
    for friction in (0.0, 0.5):
        solids = [Solid(1, ball(0.4), (1.5, 4.0), (2.0, 0.0))]
        states = run("balls", solids, {1: Hidden(1.0, friction, 0.5)}, steps=60)[:, 0]
        expected = 2.0 * (1 - friction / 60) ** 60  # explicit Euler of dv/dt = -friction v
        np.testing.assert_allclose(states[-1, 3], expected, rtol=1e-4)
        energy = (states[:, 3:5] ** 2).sum(axis=1)
        assert (np.diff(energy) <= 1e-6).all()


def tower():
    return [
        Solid(1, block(1.4, 1.0), (4.0, FLOOR + GAP + 0.5)),
        Solid(2, block(1.4, 1.0), (4.0, FLOOR + 2 * GAP + 1.5)),
    ]


def test_a_straight_tower_stands_and_a_slippery_one_slides_under_tilt():
    rough, smooth = Hidden(1.0, 0.8, 0.0), Hidden(1.0, 0.02, 0.0)
    start = np.array([one.position for one in tower()])
    still = run("blocks", tower(), {1: rough, 2: rough}, steps=120)
    np.testing.assert_allclose(still[-1, :, :2], start, atol=0.05)
    # A block slides where tan(tilt) exceeds the friction of the pair, sqrt(f1 f2).
    held = run("blocks", tower(), {1: rough, 2: rough}, steps=60, sideways=1.0)
    assert np.abs(held[-1, :, 0] - 4.0).max() < 0.05
    slid = run("blocks", tower(), {1: rough, 2: smooth}, steps=30, sideways=2.0)
    mu = np.sqrt(0.8 * 0.02)
    np.testing.assert_allclose(slid[-1, 1, 3], (2.0 - mu * 9.8) * 0.5, atol=0.06)
    assert abs(slid[-1, 0, 0] - 4.0) < 0.05


def test_free_fall_with_sideways_gravity():
    solids = [Solid(1, block(1.0, 1.0), (3.0, 6.0))]
    end = run("blocks", solids, {1: Hidden(1.0, 0.5, 0.0)}, steps=30, sideways=-1.5)[-1, 0]
    np.testing.assert_allclose(end[3:5], [-0.75, -4.9], rtol=1e-4)


@pytest.mark.parametrize(("task", "least"), [("balls", 0.3), ("blocks", 0.05)])
def test_confounders_matter(task, least):
    errors = []
    for seed in range(30):
        pair = sample(task, seed)
        true, other = (
            play(pair, "cd", frames=FRAMES, rate=RATE, confounders=c)
            for c in (None, pair.typical())
        )
        present = true[0, :, :2].any(axis=1)
        errors.append(((true - other)[1:, present, :2] ** 2).mean())
    assert np.mean(errors) > least


def test_masses_are_those_that_were_drawn():
    pair = sample("balls", 3)
    for body in pair.scene("cd").bodies:
        if body.identity:
            assert mass(body) == pytest.approx(pair.confounders.hidden[body.identity].mass)


def test_pixels_do_not_show_the_confounders():
    pair = sample("blocks", 1)
    other = replace(pair, confounders=pair.typical())
    one, two = (half_clip(p, "ab", frames=2, rate=RATE, size=64) for p in (pair, other))
    np.testing.assert_array_equal(one.frames[0], two.frames[0])
    assert one.identities == pair.identities
    np.testing.assert_array_equal(row_states(one, 4), play(pair, "ab", frames=2, rate=RATE))


def test_refusals():
    with pytest.raises(ValueError, match="No task 'stones'; choose one of balls, blocks"):
        sample("stones", 0)
    with pytest.raises(ValueError, match="'blocks' has 3 to 4 objects, not 7"):
        sample("blocks", 0, objects=7)
    assert len(sample("balls", 0, objects=2).solids) == 2
