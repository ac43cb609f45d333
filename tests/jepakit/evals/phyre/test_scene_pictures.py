"""Pictures of actions against the simulator's own first frames."""

import numpy as np
import pytest
from toy_tasks import ruled_bank, toy_task

from jepakit.evals.phyre.scene_pictures import draw_actions
from worlds.phyre import find_tasks, load_tasks, simulate


def first_frames(task, actions, size):
    return np.stack([simulate(task, action, steps=1).frames(size)[0] for action in actions])


@pytest.mark.parametrize("tier", ["BALL", "TWO_BALLS"])
def test_equal_the_first_simulated_frame(tier):
    bank = ruled_bank(toy_task(tier=tier), 6)
    for size in (64, 256):
        drawn = draw_actions(bank.task, bank.actions, size).pictures
        assert drawn.shape == (6, size, size, 3)
        # Within one step a ball falls 0.016 pixels; few pixels of its edge may turn.
        different = (drawn != first_frames(bank.task, bank.actions, size)).any(axis=-1)
        assert different.mean() < 2e-4
    red = (draw_actions(bank.task, bank.actions, 256).pictures == (243, 79, 70)).all(axis=-1)
    assert red.any(axis=(1, 2)).all()


@pytest.mark.parametrize("tier", ["BALL", "TWO_BALLS"])
def test_labels_are_the_simulators_and_centres_lie_in_the_balls(tier):
    bank = ruled_bank(toy_task(tier=tier), 6)
    drawn = draw_actions(bank.task, bank.actions, 256)
    labels = [simulate(bank.task, action, steps=1).label_maps(256)[0] for action in bank.actions]
    assert (drawn.labels != np.stack(labels)).mean() < 2e-4
    balls = drawn.centres.shape[1]
    assert balls == bank.actions.shape[1] // 3
    for picture, centres in zip(drawn.labels, drawn.centres, strict=True):
        for number, (x, y) in enumerate(centres):
            assert picture[int(y * 256 - 0.5), int(x * 256)] == 3 + number


@pytest.mark.slow
def test_official_scenes():
    path = find_tasks()
    if path is None:
        pytest.skip("no PHYRE task file")
    tasks = load_tasks(path)
    for identity in [f"{t:05d}:" for t in (1, 7, 15, 23, 103)]:
        bank = ruled_bank(next(t for name, t in tasks.items() if name.startswith(identity)), 3)
        drawn = draw_actions(bank.task, bank.actions, 128).pictures
        different = (drawn != first_frames(bank.task, bank.actions, 128)).any(axis=-1)
        assert different.mean() < 1e-3


def test_refuses_invalid_actions():
    with pytest.raises(ValueError, match=r"\[0\.0, 0\.0, 0\.5\] is invalid in task 00000:000"):
        draw_actions(toy_task(), np.array([[0.0, 0.0, 0.5]]), 32)
