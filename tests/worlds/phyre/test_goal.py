from types import SimpleNamespace

from worlds.phyre.goal import Goal


def at(step):
    return SimpleNamespace(step_count=step)


def test_a_streak_that_is_long_enough_solves_once_and_for_all():
    holds = {"now": True}
    goal = Goal(lambda _: holds["now"])
    assert [goal.solved(at(step)) for step in range(1, 181)] == [False] * 179 + [True]
    holds["now"] = False
    assert goal.solved(at(181))
    assert goal.solved_at == 180


def test_a_running_streak_keeps_the_goal_in_reach():
    holds = {"now": False}
    goal = Goal(lambda _: holds["now"])
    goal.solved(at(820))
    assert not goal.out_of_reach(at(820), 1000)
    assert goal.out_of_reach(at(821), 1000)
    holds["now"] = True
    for step in range(821, 1000):
        goal.solved(at(step))
        assert not goal.out_of_reach(at(step), 1000)
    assert goal.solved_at is None
    assert goal.solved(at(1000))
