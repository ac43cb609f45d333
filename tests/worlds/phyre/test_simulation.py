import numpy as np
import pytest
from task_bytes import ball, bar, make_task

from worlds.phyre import PALETTE, Relation, Status, attempt, simulate
from worlds.phyre.task import COLOURS

AWAY = [0.1, 0.9, 0.1]  # a small ball at (25, 229)


def test_solved_after_180_steps_of_touching():
    touching = make_task(ball(100.0, 10.0), ball(120.0, 10.0, colour="blue"))
    played = simulate(touching, AWAY)
    assert played.status is Status.SOLVED
    assert played.solved_at == played.trajectory.stopped_at == 180
    assert played.trajectory.steps.tolist() == [1, 61, 121]
    longer = simulate(touching, AWAY, stop_when_solved=False)
    assert longer.solved_at == 180
    assert longer.trajectory.stopped_at is None
    assert longer.trajectory.steps[-1] == 961
    np.testing.assert_array_equal(longer.states[:3], played.states)


def test_balls_nearly_touching_count_and_balls_further_apart_do_not():
    for gap, status in ((0.09, Status.SOLVED), (0.12, Status.NOT_SOLVED)):
        task = make_task(ball(100.0, 10.0), ball(120.0 + gap, 10.0, colour="blue"))
        assert attempt(task, AWAY) is status


def test_an_interrupted_touch_starts_anew():
    # The ball bounces off the bar at first: the relation must hold without a break from then on.
    task = make_task(ball(100.0, 120.0), bar(100.0, 50.0, 80.0))
    played = simulate(task, AWAY, stride=1)
    log = played.contacts
    steps = set(log["step"][(log["a"] == 1) & (log["b"] == 2)].tolist())
    assert played.status is Status.SOLVED
    assert set(range(played.solved_at - 179, played.solved_at + 1)) <= steps
    assert played.solved_at - 180 not in steps
    assert min(steps) < played.solved_at - 180


def test_the_relation_works_in_both_orders_and_with_something_static():
    for subject, other in ((4, 5), (5, 4)):
        task = make_task(ball(100.0, 60.0), bar(100.0, 50.0, 80.0), subject=subject, other=other)
        assert attempt(task, AWAY) is Status.SOLVED
    assert attempt(make_task(ball(100.0, 60.0), bar(200.0, 50.0, 80.0)), AWAY) is Status.NOT_SOLVED


def test_invalid_actions_have_no_frames():
    task = make_task(ball(100.0, 60.0), bar(100.0, 50.0, 80.0))
    played = simulate(task, [100 / 255, 60 / 255, 0.1])
    assert played.status is Status.INVALID
    assert attempt(task, [100 / 255, 60 / 255, 0.1]) is Status.INVALID
    assert played.images.shape == (0, 256, 256)
    assert played.frames(32).shape == (0, 32, 32, 3)
    assert played.objects.shape == (0, 2, 14)
    assert played.states.shape == (0, 2, 6)
    assert len(played.contacts) == 0


def crowd(tier="BALL"):
    return make_task(
        ball(100.0, 160.0), bar(100.0, 50.0, 80.0), ball(105.0, 190.0, 8.0, "gray"),
        ball(220.0, 30.0, 12.0, "blue"), bar(60.0, 120.0, 40.0, 0.5, dynamic=True, colour="gray"),
        subject=4, other=7, tier=tier,
    )  # fmt: skip


def test_pictures_agree_with_each_other():
    played = simulate(crowd(), [0.4, 0.9, 0.3])
    assert played.identities == (1, 2, 3, 4, 5, 6)
    assert played.images.shape == played.labels.shape == (17, 256, 256)
    np.testing.assert_array_equal(played.frames(256), PALETTE[played.images[:, ::-1]])
    np.testing.assert_array_equal(played.label_maps(256), played.labels[:, ::-1])
    colours = np.array([0, *(COLOURS.index(body.colour) for body in played.bodies[4:])])
    np.testing.assert_array_equal(colours[played.labels], played.images)
    assert set(np.unique(played.labels)) == set(range(7))
    # Each object is where its state says, at any size.
    for size in (64, 224):
        labels = played.label_maps(size)
        for identity in (1, 3, 4, 6):
            rows, columns = np.nonzero(labels[0] == identity)
            x, y = played.states[0, identity - 1, :2] * 6.0 * size / 256
            assert columns.mean() + 0.5 == pytest.approx(x, abs=0.5)
            assert size - rows.mean() - 0.5 == pytest.approx(y, abs=0.5)


def test_two_balls_are_the_last_objects():
    played = simulate(crowd("TWO_BALLS"), [0.4, 0.9, 0.3, 0.9, 0.9, 0.2])
    assert played.identities[-2:] == (6, 7)
    assert [body.colour for body in played.bodies[-2:]] == ["red", "red"]
    np.testing.assert_allclose(played.states[0, -2:, :2] * 6, [[102, 229], [229, 229]], atol=0.02)


def test_contacts_name_objects_and_walls_are_zero():
    log = simulate(crowd(), [0.4, 0.9, 0.3]).contacts
    assert (log["a"] < log["b"]).all()
    assert (np.diff(log["step"]) >= 0).all()
    assert set(log["b"]) <= set(range(1, 7))
    assert 4 in log["b"][log["a"] == 0]  # the blue ball falls to the floor
    assert len(simulate(crowd(), [0.4, 0.9, 0.3], log_contacts=False).contacts) == 0


def test_what_nothing_connects_to_a_removed_object_stays_as_it_is():
    fence = bar(190.0, 100.0, 200.0, np.pi / 2, colour="black")
    task = make_task(*crowd().bodies[4:], fence)
    full = simulate(task, [0.4, 0.9, 0.3], stop_when_solved=False)
    without = simulate(task, [0.4, 0.9, 0.3], stop_when_solved=False, without=3)
    assert without.identities == (1, 2, 4, 5, 6, 7)
    assert set(np.unique(without.labels)) == {0, 1, 2, 4, 5, 6, 7}
    np.testing.assert_allclose(without.states[:, 2], full.states[:, 3], atol=1e-5)
    assert not np.array_equal(without.states[:, 0], full.states[:, 0])
    assert without.objects.shape == (17, 6, 14)


def test_without_the_users_ball_and_without_a_body_of_the_relation():
    task = make_task(ball(100.0, 10.0), ball(120.0, 10.0, colour="blue"), bar(60.0, 90.0, 30.0))
    assert simulate(task, AWAY, without=4).status is Status.SOLVED
    assert simulate(task, AWAY, without=3).status is Status.SOLVED
    for identity in (1, 2):
        played = simulate(task, AWAY, without=identity)
        assert played.status is Status.NOT_SOLVED
        assert identity not in played.identities
    with pytest.raises(ValueError, match="No object 9"):
        simulate(task, AWAY, without=9)


def test_the_outcome_alone_is_the_same_outcome(official):
    generator = np.random.default_rng(0)
    chosen = [task for task in official.values() if task.tier == "BALL"][::250]
    actions = generator.random((3, 3)) * [1, 1, 0.5]
    for task in chosen:
        for action in actions:
            assert attempt(task, action) is simulate(task, action, log_contacts=False).status


def test_refusals():
    task = make_task(ball(100.0, 60.0), bar(100.0, 50.0, 80.0), relation=Relation.INSIDE)
    for play in (simulate, attempt):
        with pytest.raises(ValueError, match="00000:000 asks for INSIDE; only TOUCHING"):
            play(task, AWAY)
    with pytest.raises(ValueError, match="at least one pixel; got 0"):
        simulate(crowd(), AWAY, steps=2).frames(0)
    with pytest.raises(ValueError, match="record_every >= 1"):
        simulate(crowd(), AWAY, stride=0)
