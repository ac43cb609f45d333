import numpy as np
import pytest

from worlds.scene import Polygon
from worlds.scenes import LAYOUTS, Layout, sample
from worlds.scenes.overlap import in_view, overlapping
from worlds.scenes.shapes import ball, block
from worlds.scenes.stage import Stage, mirrored

SEEDS = range(4)


def test_there_are_at_least_ten_layouts():
    assert len(LAYOUTS) >= 10


@pytest.mark.parametrize("layout", LAYOUTS)
def test_same_seed_same_scene(layout):
    assert sample(layout, 5) == sample(layout, 5)
    assert sample(layout, 5).scene != sample(layout, 6).scene


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bodies_start_apart_and_in_view(layout):
    for seed in SEEDS:
        scene = sample(layout, seed).scene
        assert overlapping(scene) == []
        assert in_view(scene)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_identities_are_counted_and_three_to_eight_things_move(layout):
    for seed in SEEDS:
        designed = sample(layout, seed)
        bodies = designed.scene.bodies
        assert designed.identities == tuple(range(1, len(designed.identities) + 1))
        assert 3 <= sum(body.dynamic for body in bodies) <= 8
        assert all(body.identity for body in bodies if body.dynamic)
        assert {body.kind for body in bodies if not body.identity} == {"wall"}
        assert set(designed.look.paints) == {0, *designed.identities}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_engine_is_set_for_exact_removal(layout):
    scene = sample(layout, 0).scene
    assert not scene.sleeping
    assert not scene.continuous


def test_polygons_are_counter_clockwise_mirrored_or_not():
    for layout in LAYOUTS:
        for seed in SEEDS:
            for body in sample(layout, seed).scene.bodies:
                for shape in body.shapes:
                    if isinstance(shape, Polygon):
                        x, y = np.array(shape.vertices).T
                        assert np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) > 0
                        assert len(x) <= 8


def test_mirroring_twice_gives_the_scene_back():
    scene = sample("cradle", 1).scene
    back = mirrored(mirrored(scene))
    for one, other in zip(scene.bodies, back.bodies, strict=True):
        assert one.position == pytest.approx(other.position)
        assert one.angle == other.angle
        assert one.velocity == other.velocity
    assert mirrored(scene).bodies[-1].position[0] == scene.width - scene.bodies[-1].position[0]
    for one, other in zip(scene.joints, back.joints, strict=True):
        assert one.anchor == pytest.approx(other.anchor)


def test_both_mirror_images_occur():
    # The ramp stands at the left wall of the unmirrored scene.
    ramps = [sample("ramp", seed).scene.bodies[4].position[0] for seed in range(12)]
    assert min(ramps) < 2 < 6 < max(ramps)


def test_colour_tells_nothing_about_kind_or_mass():
    kinds, colours, weights = [], [], []
    for seed in range(20):
        for layout in LAYOUTS:
            for body in sample(layout, seed).scene.bodies:
                if body.dynamic:
                    kinds.append(body.kind)
                    colours.append(body.colour)
                    weights.append(body.density)
    colours = np.array(colours)
    names = sorted(set(colours))
    table = np.array(
        [[np.sum((colours == c) & (np.array(kinds) == k)) for c in names] for k in set(kinds)]
    )
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
    chi2 = np.sum((table - expected) ** 2 / expected)
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    assert chi2 < freedom + 4 * np.sqrt(2 * freedom)
    means = [np.mean(np.log(np.array(weights)[colours == c])) for c in names]
    assert np.ptp(means) < 0.4  # the standard deviation of the log density is 0.5


def test_unknown_layout_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"No layout 'rampp'; choose one of .*ramp"):
        sample("rampp", 0)


def test_layout_without_room_is_refused(monkeypatch):
    def crowd(stage: Stage) -> None:
        stage.place("ball", ball(1.0), (4.0, 4.0))
        stage.place("box", block(1.0, 1.0), (4.0, 4.0))

    monkeypatch.setitem(LAYOUTS, "crowd", Layout(crowd))
    with pytest.raises(RuntimeError, match="'crowd': bodies overlap in 100 placements"):
        sample("crowd", 0)
