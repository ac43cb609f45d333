"""What is hidden from the interventional probe, and what it makes of a model's answer."""

import numpy as np
import pytest
import torch
from toy_tasks import box, ruled_bank, toy_task

from jepakit.batch import BatchRequest
from jepakit.evals.phyre.intervention import (
    goal_ids,
    intervention_featuriser,
    one_left,
    removals,
    scene_coverage,
)
from jepakit.evals.phyre.scene_features import SceneClips, SceneFeatures
from jepakit.evals.phyre.scene_pictures import draw_actions
from jepakit.protocols import Intervention

REQUEST = BatchRequest(frames=4, size=(64, 64), patch=16, tubelet=2)


def scenes_of(bank, size=64, frames=4):
    drawn = draw_actions(bank.task, bank.actions, size)
    clips = torch.from_numpy(drawn.pictures)[:, None].expand(-1, frames, -1, -1, -1)
    return SceneClips(bank.task, clips, drawn)


class Asked:
    """Answers with what it was asked: hidden tokens say 1 + their number, visible ones -1."""

    def __init__(self):
        self.objects = []

    def intervene(self, frames, coverage, objects):
        self.objects.append(objects)
        rows = torch.stack([coverage[i, [k - 1 for k in ids]] for i, ids in enumerate(objects)])
        hidden = (rows > 0).any(dim=1).flatten(1)
        number = torch.arange(1, hidden.shape[1] + 1.0)
        pooled = (hidden * number).sum(dim=1, keepdim=True) / hidden.sum(dim=1, keepdim=True)
        visible = (~hidden).long()
        residual = -visible[..., None].float()
        return Intervention(predicted=residual, residual=residual, visible=visible, pooled=pooled)


def test_coverage_equals_a_loop_over_pixels():
    bank = ruled_bank(toy_task(), 3)
    scenes = scenes_of(bank)
    found = scene_coverage(scenes.drawn, 3, REQUEST)
    assert found.shape == (3, 3, 2, 4, 4)
    for number, labels in enumerate(scenes.drawn.labels):
        for identity in (1, 2, 3):
            for row in range(4):
                for column in range(4):
                    part = labels[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
                    share = -(-255 * (part == identity).sum() // 256)
                    own = found[number, identity - 1, :, row, column]
                    assert (own >= share).all()
                    assert (own <= max(share, 1)).all()
    assert (found[:, 2].reshape(3, -1) > 0).any(axis=1).all()


def test_a_ball_smaller_than_a_pixel_is_still_hidden():
    task = toy_task()
    action = np.array([[0.5, 0.8, 0.0]])
    drawn = draw_actions(task, action, 8)
    drawn.labels[drawn.labels == 3] = 0
    request = BatchRequest(frames=2, size=(8, 8), patch=2, tubelet=1)
    found = scene_coverage(drawn, 3, request)[0, 2, 0]
    assert np.argwhere(found).tolist() == [[0, 1]]  # y = 0.8 from below, x = 127 of 256 pixels


def test_what_is_removed():
    scenes = scenes_of(ruled_bank(toy_task(), 2))
    assert goal_ids(scenes.task) == [1, 2]
    assert removals(scenes, "ball") == [[[3], [3]]]
    assert removals(scenes, "goal") == [[[1, 2], [1, 2]]]
    assert removals(scenes, "each") == [[[3], [3]], [[1, 2], [1, 2]]]
    double = scenes_of(ruled_bank(toy_task(tier="TWO_BALLS"), 1))
    assert removals(double, "ball") == [[[3, 4]]]
    wall = toy_task(other=0)
    assert goal_ids(wall) == [1]
    outside = toy_task(bodies=(box(-30.0, 10.0, 5.0, 5.0, "purple", "bar"),), subject=6, other=0)
    with pytest.raises(ValueError, match="Neither body of the goal of task 00000:000 is seen"):
        removals(scenes_of(ruled_bank(outside, 1)), "goal")


def test_features_are_the_models_answers_side_by_side():
    bank = ruled_bank(toy_task(), 5)
    model = Asked()
    source = SceneFeatures({"x": intervention_featuriser(model, REQUEST, "each")}, REQUEST)
    rows = source.of(bank.candidates)["x"]
    assert rows.shape == (5, 4)
    assert model.objects == [[[3]] * 5, [[1, 2]] * 5]
    coverage = scene_coverage(scenes_of(bank).drawn, 3, REQUEST)
    for number, row in enumerate(rows):
        ball = np.flatnonzero(coverage[number, 2].ravel())
        goal = np.flatnonzero((coverage[number, :2] > 0).any(axis=0).ravel())
        expected = [np.mean(ball + 1), -1.0, np.mean(goal + 1), -1.0]
        np.testing.assert_allclose(row, expected, rtol=1e-6)
    one = SceneFeatures({"x": intervention_featuriser(Asked(), REQUEST, "ball")}, REQUEST)
    np.testing.assert_array_equal(one.of(bank.candidates)["x"], rows[:, :2])


def test_something_stays_visible():
    coverage = np.full((2, 2, 3, 2, 2), 100, np.uint8)
    coverage[0, 1, :, 1, 0] = 7
    coverage[1, 0, :, 0, 1] = 0
    found = one_left(coverage, [[2], [1]])
    np.testing.assert_array_equal(found[1], coverage[1])  # a token stays visible anyway
    assert not found[0, :, :, 1, 0].any()
    found[0, :, :, 1, 0] = coverage[0, :, :, 1, 0]
    np.testing.assert_array_equal(found, coverage)
