import json
import lzma

import pytest
from task_bytes import ball, make_task

from worlds.phyre import SETUPS, fold
from worlds.phyre.folds import in_tier
from worlds.phyre.task_file import PLACES

FOLDS = PLACES[1].parent / "folds.json.xz"


def made(templates=10, instances=20, tier="BALL"):
    names = [f"{t:05}:{i:03}" for t in range(templates) for i in range(instances)]
    bodies = ball(60.0, 80.0), ball(90.0, 80.0)
    return {name: make_task(*bodies, name=name, tier=tier) for name in names}


def test_all_official_folds_are_equal(official):
    if not FOLDS.is_file():
        pytest.skip(f"no official folds: {FOLDS} does not exist")
    with lzma.open(FOLDS) as stream:
        expected = json.load(stream)
    assert set(expected) == set(SETUPS)
    for setup, seeds in expected.items():
        assert len(seeds) == 10
        for seed, parts in seeds.items():
            assert [list(part) for part in fold(setup, int(seed), official)] == parts


@pytest.mark.parametrize("setup", ["ball_cross_template", "ball_within_template"])
def test_folds_share_out_all_tasks(setup):
    tasks = made()
    parts = fold(setup, 3, tasks)
    assert [len(part) for part in parts] == [120 if "cross" in setup else 128, *parts_left(setup)]
    assert sorted(sum(parts, ())) == sorted(tasks)
    templates = [{name.partition(":")[0] for name in part} for part in parts]
    if "cross" in setup:
        assert not templates[0] & templates[1]
        assert not (templates[0] | templates[1]) & templates[2]
    else:
        assert templates[2] == {task.template for task in tasks.values()}
    assert fold(setup, 4, tasks) != parts


def parts_left(setup):
    return (40, 40) if "cross" in setup else (32, 40)


def test_templates_of_mixed_tiers_belong_to_none():
    tasks = made(2)
    tasks["00001:000"] = make_task(
        ball(60.0, 80.0), ball(90.0, 80.0), name="00001:000", tier="GENERAL"
    )
    assert set(in_tier(tasks, "BALL")) == {"00000"}


def test_refusals():
    with pytest.raises(ValueError, match="Unknown setup 'ball'; choose one of ball_cross_template"):
        fold("ball", 0, made(1))
    with pytest.raises(ValueError, match="None of the 20 tasks belongs to tier TWO_BALLS"):
        fold("two_balls_cross_template", 0, made(1))
