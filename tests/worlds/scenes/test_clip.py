import numpy as np
import pytest

from worlds.causality import causal_descendants
from worlds.scene import Body, Circle
from worlds.scenes import LAYOUTS, sample, simulate
from worlds.scenes.clip import mass
from worlds.scenes.shapes import ball, bob, cup
from worlds.trajectory import CONTACT


def test_shapes_and_types():
    clip = simulate(sample("ramp", 1), frames=5, rate=6.0, size=48)
    objects = len(clip.identities)
    assert clip.frames.shape == (5, 48, 48, 3)
    assert clip.frames.dtype == clip.labels.dtype == np.uint8
    assert clip.labels.shape == (5, 48, 48)
    assert clip.states.shape == (5, objects, 6)
    assert clip.states.dtype == np.float64
    assert clip.contacts.dtype == CONTACT
    assert [thing.identity for thing in clip.objects] == list(clip.identities)
    np.testing.assert_array_equal(clip.trajectory.steps, [0, 10, 20, 30, 40])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_repetition_is_bit_equal(layout):
    first, second = (simulate(sample(layout, 2), frames=6, size=32) for _ in range(2))
    for name in ("frames", "labels", "states", "contacts"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_lie_where_the_states_say(layout):
    clip = simulate(sample(layout, 0), frames=6, size=128)
    scale = clip.size / clip.designed.scene.width
    assert set(np.unique(clip.labels)) <= {0, *clip.identities}
    assert set(np.unique(clip.labels[0])) == {0, *clip.identities}
    for thing, track in zip(clip.objects, clip.states.transpose(1, 0, 2), strict=True):
        if thing.shape in ("compound", "circle") and thing.kind != "ball":
            continue
        for labels, state in zip(clip.labels, track, strict=True):
            rows, columns = np.nonzero(labels == thing.identity)
            centre = (columns.mean() + 0.5) / scale, (clip.size - rows.mean() - 0.5) / scale
            assert np.hypot(*(centre - state[:2])) * scale < 1.0, thing


def test_balls_cover_their_area():
    clip = simulate(sample("billiards", 0), frames=1, size=256)
    scale = clip.size / clip.designed.scene.width
    for body in clip.designed.scene.bodies:
        if body.kind == "ball":
            (circle,) = body.shapes
            assert isinstance(circle, Circle)
            area = np.sum(clip.labels == body.identity) / scale**2
            assert area == pytest.approx(np.pi * circle.radius**2, rel=0.03)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_counterfactual_lacks_only_the_object_at_the_start(layout):
    clip = simulate(sample(layout, 1), frames=2, size=64)
    for identity in clip.identities:
        other = clip.without(identity)
        elsewhere = clip.labels[0] != identity
        assert other.identities == tuple(i for i in clip.identities if i != identity)
        assert not (other.labels == identity).any()
        np.testing.assert_array_equal(other.labels[0][elsewhere], clip.labels[0][elsewhere])
        np.testing.assert_array_equal(other.frames[0][elsewhere], clip.frames[0][elsewhere])
        assert (other.frames[0] != clip.frames[0])[~elsewhere].any()
        kept = [clip.identities.index(i) for i in other.identities]
        np.testing.assert_array_equal(other.states[0], clip.states[0][kept])


@pytest.mark.parametrize("layout", ["pegs", "ramp", "billiards", "seesaw"])
def test_pixels_of_unreached_objects_stay_equal(layout):
    clip = simulate(sample(layout, 4), frames=12, size=64)
    scene = clip.designed.scene
    static = {body.identity for body in scene.bodies if not body.dynamic}
    names = [body.identity for body in scene.bodies]
    joints = [(names[joint.a], names[joint.b]) for joint in scene.joints]
    compared = 0
    for identity in clip.identities:
        other = clip.without(identity)
        log = np.concatenate([clip.contacts, other.contacts], dtype=CONTACT)
        reached = causal_descendants(log, identity, static=static, joints=joints)
        for unreached in set(other.identities) - set(reached):
            both = (clip.labels == unreached) & (other.labels == unreached)
            np.testing.assert_array_equal(clip.frames[both], other.frames[both])
            place = clip.identities.index(unreached), other.identities.index(unreached)
            before, after = clip.states[:, place[0]], other.states[:, place[1]]
            assert before.tobytes() == after.tobytes()
            compared += 1
    assert compared > 10


def test_look_does_not_change_with_the_size_or_the_removal():
    designed = sample("dominoes", 0)
    assert designed.without(3).look == designed.look
    assert [body.colour for body in designed.without(3).scene.bodies] == [
        body.colour for body in designed.scene.bodies if body.identity != 3
    ]


def test_contacts_name_objects_and_scenery():
    clip = simulate(sample("ramp", 0), frames=8, size=16)
    assert set(clip.contacts["a"]) | set(clip.contacts["b"]) <= {0, *clip.identities}
    assert (clip.contacts["a"] < clip.contacts["b"]).all()
    pairs = clip.contacts[["step", "a", "b"]]
    assert len(np.unique(pairs)) == len(pairs)
    total = clip.trajectory.contacts["impulse"].sum(dtype=np.float64)
    assert clip.contacts["impulse"].sum(dtype=np.float64) == pytest.approx(total)


def test_objects_table():
    clip = simulate(sample("seesaw", 0), frames=1, size=16)
    for thing in clip.objects:
        body = next(b for b in clip.designed.scene.bodies if b.identity == thing.identity)
        assert (thing.kind, thing.colour) == (body.kind, body.colour)
        assert (thing.friction, thing.restitution) == (body.friction, body.restitution)
        assert thing.pattern == clip.designed.look.paints[thing.identity].pattern
        assert thing.dynamic == body.dynamic == (thing.mass > 0)
    shapes = {thing.kind: thing.shape for thing in clip.objects}
    assert shapes["fulcrum"] == "triangle"
    assert shapes["plank"] == "quadrilateral"


def test_mass_is_density_times_area():
    assert mass(Body(ball(2.0), (0, 0), density=0.5)) == pytest.approx(0.5 * np.pi * 4)
    assert mass(Body(cup(2.0, 1.0, 0.1), (0, 0))) == pytest.approx(0.2 + 2 * 0.09)
    assert mass(Body(bob(3.0, 0.5, 0.2), (0, 0))) == pytest.approx(0.2 * 2.5 + np.pi * 0.25)
    assert mass(Body(ball(2.0), (0, 0), dynamic=False)) == 0.0


def test_rate_that_misses_the_steps_is_refused():
    with pytest.raises(ValueError, match="must divide 60 steps per second; got 7"):
        simulate(sample("ramp", 0), rate=7.0)


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"size": 0}, {"rate": 0.0}])
def test_counts_below_one_are_refused(wrong):
    with pytest.raises(ValueError, match="Expected frames, size, rate > 0"):
        simulate(sample("ramp", 0), **wrong)


def test_unknown_object_is_refused():
    clip = simulate(sample("ramp", 0), frames=1, size=16)
    with pytest.raises(ValueError, match="No object 99"):
        clip.without(99)
