import json
import math
from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from data_prep.masks.quality import adjusted_rand, persistence_of, quality_of


def random_labels(seed, ids, shape=(5, 12, 16)):
    """Blocks of ids, so that overlaps are partial."""
    generator = np.random.default_rng(seed)
    blocks = generator.integers(0, ids + 1, (shape[0], shape[1] // 4, shape[2] // 4))
    labels = blocks.repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)
    return np.roll(labels, seed, axis=(1, 2))


def slow_iou(a, b):
    return (a & b).sum() / max(1, (a | b).sum())


def slow_quality(labels, truth, visible):
    """The definitions, object by object and frame by frame."""
    found = [i for i in range(1, 256) if (labels == i).any()]
    volume, frames, kept, switches = [], [], [], 0
    for g in (i for i in range(1, 256) if (truth == i).any()):
        volume.append(max((slow_iou(labels == i, truth == g) for i in found), default=0))
        per_frame, ids = [], []
        for ours, true in zip(labels, truth, strict=True):
            if not (true == g).any():
                continue
            ious = [slow_iou(ours == i, true == g) for i in found]
            per_frame.append(max(ious, default=0))
            if (true == g).sum() >= max(1, visible * true.size):
                ids.append(found[int(np.argmax(ious))] if max(ious, default=0) > 0 else 0)
        frames.append(np.mean(per_frame))
        if ids:
            kept.append(len(set(ids)) == 1 and ids[0] > 0)
        met = [i for i in ids if i]
        switches += sum(a != b for a, b in pairwise(met))
    return np.mean(volume), np.mean(frames), np.mean(kept), switches


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("visible", [0.0, 0.2])
def test_figures_are_those_of_the_definitions(seed, visible):
    labels, truth = random_labels(seed, 3 + seed), random_labels(seed + 100, 3)
    found = quality_of(labels, truth, visible=visible)
    expected = slow_quality(labels, truth, visible)
    assert found.best_overlap == pytest.approx(expected[0], abs=1e-12)
    assert found.frame_overlap == pytest.approx(expected[1], abs=1e-12)
    assert found.consistency == pytest.approx(expected[2], abs=1e-12)
    assert found.switches == expected[3]
    assert found.objects == len(np.unique(truth)) - 1


@pytest.mark.parametrize("seed", range(6))
def test_fg_ari_is_that_of_scikit_learn_on_the_true_objects(seed):
    labels, truth = random_labels(seed, 4), random_labels(seed + 50, 4)
    expected = adjusted_rand_score(truth[truth > 0], labels[truth > 0])
    assert quality_of(labels, truth).fg_ari == pytest.approx(expected, abs=1e-12)


def test_adjusted_rand_at_its_limits():
    assert math.isnan(adjusted_rand(np.zeros((3, 2), dtype=int)))
    assert adjusted_rand(np.array([[9]])) == adjusted_rand_score([0] * 9, [1] * 9) == 1
    assert adjusted_rand(np.eye(4, dtype=int)) == adjusted_rand_score(range(4), range(4)) == 1
    assert adjusted_rand(np.array([[5, 5]])) == adjusted_rand_score([0] * 10, [0, 1] * 5) == 0
    # Pairs of a large clip are beyond 32 bits.
    assert adjusted_rand(np.array([[10**8, 0], [0, 10**8]])) == pytest.approx(1)


def test_perfect_whatever_the_numbers_of_the_ids():
    truth = random_labels(7, 5)
    table = np.array([0, 9, 200, 3, 255, 1], dtype=np.uint8)
    found = quality_of(table[truth], truth)
    assert (found.best_overlap, found.frame_overlap, found.fg_ari) == (1, 1, 1)
    assert (found.consistency, found.switches) == (1, 0)
    assert found == quality_of(truth, truth)


def bars(ids, shape=(8, 8)):
    """Frames in which one bar bears these ids; 0 leaves it out."""
    labels = np.zeros((len(ids), *shape), dtype=np.uint8)
    for frame, number in zip(labels, ids, strict=True):
        frame[2:4] = number
    return labels


def test_an_id_that_changes_costs_the_volume_but_not_the_frames():
    found = quality_of(bars([1, 1, 1, 2]), bars([1] * 4))
    assert found.best_overlap == 0.75
    assert found.frame_overlap == 1
    assert (found.consistency, found.switches) == (0, 1)
    assert found.persistence == 0.5


@pytest.mark.parametrize(
    ("ids", "consistency", "switches", "overlap"),
    [
        ([4, 4, 0, 4], 0, 0, 0.75),
        ([4, 0, 5, 4], 0, 2, 0.5),
        ([0, 0, 0, 0], 0, 0, 0.0),
        ([4, 4, 4, 4], 1, 0, 1.0),
    ],
)
def test_a_missed_frame_is_not_kept_but_no_switch(ids, consistency, switches, overlap):
    found = quality_of(bars(ids), bars([3] * 4))
    assert (found.consistency, found.switches) == (consistency, switches)
    assert found.best_overlap == overlap


def test_an_object_that_is_never_found_does_not_keep_an_id():
    truth = bars([1] * 3)
    labels = truth.copy()
    truth[:, 6:] = 2
    assert quality_of(labels, truth).consistency == 0.5


def test_frames_in_which_an_object_hardly_shows_are_not_asked():
    truth = bars([1] * 3)
    truth[1] = 0
    truth[1, 0, 0] = 1
    labels = np.where(truth > 0, 7, 0).astype(np.uint8)
    labels[1] *= 0
    assert quality_of(labels, truth).consistency == 0
    assert quality_of(labels, truth, visible=2 / 64).consistency == 1
    assert math.isnan(quality_of(labels, truth, visible=0.5).consistency)


def test_persistence_counts_frames_of_each_id():
    np.testing.assert_array_equal(persistence_of(bars([1, 1, 3, 0])), [0.5, 0.25])
    assert persistence_of(bars([0, 0])).shape == (0,)


def test_nothing_there_is_undefined_and_null_in_json():
    found = quality_of(bars([1, 1]), bars([0, 0]))
    assert found.objects == 0
    assert found.to_json() == {
        "objects": 0.0,
        "best_overlap": None,
        "frame_overlap": None,
        "fg_ari": None,
        "consistency": None,
        "switches": 0.0,
        "persistence": 1.0,
    }
    json.dumps(found.to_json(), allow_nan=False)


def test_one_pixel():
    one = np.ones((1, 1, 1), dtype=np.uint8)
    found = quality_of(one, one)
    assert (found.best_overlap, found.fg_ari, found.consistency) == (1, 1, 1)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(2, 8, 8\) and truth \(3, 8, 8\)"):
        quality_of(bars([1, 1]), bars([1, 1, 1]))
