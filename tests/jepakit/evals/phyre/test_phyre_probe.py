"""The probe on features of actions: what it learns from, chooses and refuses."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from toy_tasks import ruled_bank, toy_tasks

from jepakit.batch import BatchRequest
from jepakit.evals.phyre.auccess import task_auccess
from jepakit.evals.phyre.feature_probe import FeatureProbe, balanced
from jepakit.evals.phyre.ranking import attempts_of
from jepakit.evals.phyre.scene_features import SceneFeatures, as_floats, of_frames
from jepakit.evals.phyre.scene_pictures import draw_actions


@pytest.fixture(scope="module")
def banks():
    return [ruled_bank(task, 40) for task in toy_tasks(9, 1).values()]


def distance(bank):
    """What the rule of the toy tasks looks at, and noise."""
    gap = np.abs(bank.actions[:, 0] * 255 - bank.task.bodies[4].position[0])
    noise = np.random.default_rng(len(bank)).random((len(bank), 3))
    return np.column_stack([gap, noise])


def auccess_of(learned, banks):
    return task_auccess(
        np.array([attempts_of(b, learned.scores(b.candidates)) for b in banks])
    ).mean()


def test_informative_features_solve_at_once(banks):
    learned = FeatureProbe(distance).learn(banks[:4], banks[4:6])
    assert auccess_of(learned, banks[6:]) == pytest.approx(1.0)
    assert learned.facts["dev_auccess"] == pytest.approx(1.0)
    assert learned.facts["strength"] == 10.0  # of equals the strongest
    assert learned.facts["at_edge"] == 1.0
    noise = FeatureProbe(lambda bank: distance(bank)[:, 1:]).learn(banks[:4], banks[4:6])
    assert auccess_of(noise, banks[6:]) < 0.9


def test_equals_a_logistic_regression_by_hand(banks):
    learned = FeatureProbe(distance, strengths=(0.1,)).learn(banks[:4], banks[4:6])
    chosen = [balanced(bank, 4, 0) for bank in banks[:6]]
    rows = np.concatenate([distance(bank) for bank in chosen])
    mean, std = rows.mean(axis=0), rows.std(axis=0)
    solved = np.concatenate([bank.solved for bank in chosen])
    model = LogisticRegression(C=1 / (0.1 * len(rows)), class_weight="balanced", max_iter=5000)
    model.fit((rows - mean) / std, solved)
    expected = (distance(banks[7]) - mean) / std @ model.coef_[0] + model.intercept_[0]
    np.testing.assert_allclose(learned.scores(banks[7].candidates), expected, atol=1e-6)
    assert learned.facts["pairs"] == len(rows)


def test_balance(banks):
    bank = banks[0]
    part = balanced(bank, 2, 0)
    assert part.solved.sum() == bank.solved.sum()
    assert (~part.solved).sum() == min(2 * bank.solved.sum(), (~bank.solved).sum())
    none = dataclasses.replace(bank, solved=np.zeros(len(bank), bool))
    assert len(balanced(none, 3, 0)) == 3
    np.testing.assert_array_equal(balanced(none, 3, 0).actions, balanced(none, 3, 0).actions)
    assert not np.array_equal(balanced(none, 3, 0).actions, balanced(none, 3, 1).actions)


def test_refuses_parts_with_one_outcome(banks):
    none = [dataclasses.replace(bank, solved=np.zeros(len(bank), bool)) for bank in banks[:2]]
    with pytest.raises(ValueError, match="0 of the 80 actions on the 2 training tasks"):
        FeatureProbe(distance).learn(none, banks[2:4])
    with pytest.raises(ValueError, match="0 of the 80 actions on the 2 dev tasks"):
        FeatureProbe(distance).learn(banks[2:4], none)


def test_pixels_keep_no_more_components_than_asked(banks):
    request = BatchRequest(frames=4, size=(16, 16), patch=8, tubelet=2)
    source = SceneFeatures({"pixels": of_frames(lambda f: f[:, 0].flatten(1))}, request)
    probe = FeatureProbe(source.named("pixels"), components=5)
    learned = probe.learn(banks[:4], banks[4:6])
    assert np.isfinite(learned.scores(banks[7].candidates)).all()


def test_features_see_the_picture_repeated(banks):
    seen = []
    request = BatchRequest(frames=3, size=(16, 16), patch=8, tubelet=1)

    def featurise(frames):
        assert torch.is_inference_mode_enabled()
        seen.append(frames)
        return frames.float().mean(dim=(1, 2, 3))

    source = SceneFeatures({"mean": of_frames(featurise)}, request, batch_size=16)
    rows = source.of(banks[0].candidates)["mean"]
    pictures = draw_actions(banks[0].task, banks[0].actions, 16).pictures
    assert [len(frames) for frames in seen] == [16, 16, 8]
    clips = torch.cat(seen)
    assert clips.shape == (40, 3, 16, 16, 3)
    for t in range(3):
        np.testing.assert_array_equal(clips[:, t], pictures)
    np.testing.assert_allclose(rows, pictures.mean(axis=(1, 2)), rtol=1e-5)
    source.of(banks[0].candidates)
    assert len(seen) == 3  # kept
    assert len(source.of(banks[0].only(np.arange(2)).candidates)["mean"]) == 2


def test_old_features_make_room(banks):
    seen = []
    request = BatchRequest(frames=1, size=(16, 16), patch=8, tubelet=1)

    def featurise(frames):
        seen.append(len(frames))
        return torch.zeros(len(frames), 10)

    # A row is 40 bytes and a bank 1600.
    source = SceneFeatures({"x": of_frames(featurise)}, request, kept_bytes=3300)
    for number in (0, 1, 0, 2, 0, 1):
        source.of(banks[number].candidates)
    assert seen == [40] * 4  # 0 and 1, 2 in place of 1, 1 again


def test_features_refuse(banks):
    with pytest.raises(ValueError, match="scenes are square; the encoder takes 16 x 24"):
        SceneFeatures({}, BatchRequest(frames=1, size=(16, 24), patch=8, tubelet=1))
    request = BatchRequest(frames=1, size=(16, 16), patch=8, tubelet=1)
    broken = SceneFeatures({"x": of_frames(lambda f: torch.full((len(f), 1), torch.nan))}, request)
    with pytest.raises(ValueError, match="'x' of task 00000:000 are not finite"):
        broken.of(banks[0].candidates)


def test_pixels_become_shares():
    np.testing.assert_allclose(as_floats(np.array([[0, 51, 255]], np.uint8)), [[0, 0.2, 1.0]])
    np.testing.assert_allclose(as_floats(np.array([[2.0]], np.float32)), [[2.0]])
