from collections import Counter

import numpy as np
import pytest

from worlds.causality import locality
from worlds.craft import LAYOUTS, sample
from worlds.craft.arena import COLOURS, SHAPES, SIZES
from worlds.craft.events import history, play
from worlds.scenes import simulate
from worlds.scenes.overlap import in_view, overlapping

SEEDS = range(4)


def test_there_are_at_least_five_layouts():
    assert len(LAYOUTS) >= 5


@pytest.mark.parametrize("layout", LAYOUTS)
def test_same_seed_same_scene_and_same_events(layout):
    assert sample(layout, 3) == sample(layout, 3)
    assert sample(layout, 3).scene != sample(layout, 4).scene
    assert history(sample(layout, 3), 60) == history(sample(layout, 3), 60)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_constants_and_objects_of_craft(layout):
    for seed in SEEDS:
        craft = sample(layout, seed)
        scene = craft.scene
        assert (scene.gravity, scene.step_hz) == (-15.0, 60.0)
        assert (scene.velocity_iterations, scene.position_iterations) == (8, 3)
        movable = [body for body in scene.bodies if body.dynamic]
        assert {(b.density, b.friction, b.restitution) for b in movable} == {(50.0, 0.1, 0.2)}
        assert [body.identity for body in movable] == [thing.identity for thing in craft.things]
        assert len({thing.phrase for thing in craft.things}) == len(craft.things) >= 3
        for thing in craft.things:
            assert thing.size in SIZES
            assert thing.colour in COLOURS
            assert thing.shape in SHAPES
        assert any(body.kind == "basket" for body in scene.bodies)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_objects_start_apart_in_view_and_at_rest_where_they_have_no_velocity(layout):
    for seed in SEEDS:
        craft = sample(layout, seed)
        for one in (craft, *(craft.perturbed(number) for number in range(3))):
            assert in_view(one.scene)
            assert overlapping(one.scene) == []
            assert one.moving == craft.moving
            states = play(one, 6).states
            still = [
                index
                for index, body in enumerate(one.scene.bodies)
                if body.dynamic and body.identity not in one.moving
            ]
            assert np.abs(states[-1, still, :2] - states[0, still, :2]).max(initial=0) < 0.06


@pytest.mark.parametrize("layout", LAYOUTS)
def test_perturbations_stay_within_two_percent_and_differ(layout):
    craft = sample(layout, 1)
    assert craft.perturbed(0) == craft.perturbed(0) != craft.perturbed(1)
    for before, after in zip(craft.scene.bodies, craft.perturbed(0).scene.bodies, strict=True):
        if not before.dynamic:
            assert before == after
            continue
        (thing,) = (t for t in craft.things if t.identity == before.identity)
        reach = 0.02 * 2 * SIZES[thing.size]
        assert 0 < abs(after.position[0] - before.position[0]) <= reach
        assert 0 <= after.position[1] - before.position[1] <= reach
        for name in ("density", "friction", "restitution"):
            assert getattr(after, name) == pytest.approx(getattr(before, name), rel=0.02)
        assert after.velocity == pytest.approx(before.velocity, rel=0.02)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_removal_changes_nothing_but_through_contacts(layout):
    craft = sample(layout, 2)
    for removal in locality(craft.scene, 90):
        assert all(removal.identical.values())


def test_removal_is_of_objects_alone():
    craft = sample("push", 0)
    rest = craft.without(2)
    assert [thing.identity for thing in rest.things] == [
        thing.identity for thing in craft.things if thing.identity != 2
    ]
    assert rest.scene == craft.scene.without(2)
    platform = max(craft.scene.identities)
    with pytest.raises(ValueError, match="Only objects can be removed"):
        craft.without(platform)


def test_frames_show_every_object():
    craft = sample("tower", 0)
    clip = simulate(craft.designed, frames=2, rate=3.0, size=128)
    assert set(np.unique(clip.labels[0])) == {0, *craft.scene.identities}
    colours = {thing.identity: thing.colour for thing in craft.things}
    assert {i.identity: i.colour for i in clip.objects if i.dynamic} == colours


def test_colours_tell_nothing_of_shapes():
    found = Counter(
        (thing.colour, thing.shape)
        for layout in LAYOUTS
        for seed in range(25)
        for thing in sample(layout, seed).things
    )
    table = np.array([[found[colour, shape] for shape in SHAPES] for colour in COLOURS])
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
    chi2 = ((table - expected) ** 2 / expected).sum()
    assert chi2 < 14 + 4 * np.sqrt(2 * 14)


def test_unknown_layout():
    with pytest.raises(ValueError, match="No layout 'pushh'; choose one of push"):
        sample("pushh", 0)
