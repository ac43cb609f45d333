import numpy as np
import pytest
from planted_states import planted

from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.probes.splits import kfold, parts_of

LABELS = np.arange(80) % 4
ALONE = np.arange(80)
SHARED = np.arange(80) // 4  # 20 sources, with a clip of each class


@pytest.mark.parametrize("groups", [ALONE, SHARED])
@pytest.mark.parametrize(("protocol", "times"), [("crossfit", 1), ("separate", 2), ("paper", 1)])
def test_every_clip_is_judged_equally_often(protocol, times, groups):
    parts = parts_of(LABELS, groups, protocol=protocol, folds=4)
    counts = sum(np.bincount(part.test, minlength=80) for part in parts)
    assert (counts == times).all()
    assert len(parts) == {"crossfit": 4, "separate": 8, "paper": 1}[protocol]


@pytest.mark.parametrize("groups", [ALONE, SHARED])
def test_judged_groups_are_new_to_subspace_and_classifier(groups):
    for part in parts_of(LABELS, groups, protocol="crossfit", folds=4):
        assert np.array_equal(part.subspace, part.classifier)
        assert len(part.training) + len(part.test) == 80
        assert not np.intersect1d(groups[part.training], groups[part.test]).size
        for rows in (part.training, part.test):
            assert set(LABELS[rows]) == {0, 1, 2, 3}


def test_separate_halves_share_no_group_with_each_other_or_the_judged():
    parts = parts_of(LABELS, SHARED, protocol="separate", folds=4)
    for first, second in zip(parts[::2], parts[1::2], strict=True):
        assert np.array_equal(first.subspace, second.classifier)
        assert np.array_equal(first.classifier, second.subspace)
        assert np.array_equal(first.test, second.test)
        sides = [SHARED[rows] for rows in (first.subspace, first.classifier, first.test)]
        for a, b in ((0, 1), (0, 2), (1, 2)):
            assert not np.intersect1d(sides[a], sides[b]).size
        assert len(first.training) + len(first.test) == 80


def test_the_paper_judges_what_it_fits():
    (part,) = parts_of(LABELS, ALONE, protocol="paper")
    for rows in (part.subspace, part.classifier, part.test, part.training):
        assert np.array_equal(rows, ALONE)


def test_a_seed_repeats_its_folds_and_another_draws_others():
    first, again, other = (kfold(LABELS, ALONE, folds=4, seed=s)[0][1] for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_too_few_clips_or_groups_are_refused():
    labels = np.array([0] * 10 + [1] * 3)
    with pytest.raises(ValueError, match=r"5 folds need at least 5 clips .*\[10, 3\]"):
        kfold(labels, np.arange(13), folds=5, seed=0)
    groups = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 4, 4])
    with pytest.raises(ValueError, match=r"3 folds need at least 3 groups .*\[4, 1\]"):
        kfold(labels, groups, folds=3, seed=0)


def test_groups_that_no_shuffle_can_split_are_refused():
    # Each class has two sources, but one of these is shared by all of class 0.
    labels, groups = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    assert len(kfold(labels, groups, folds=2, seed=0)) == 2
    labels, groups = np.array([0, 1, 0, 2, 1, 2]), np.array([0, 0, 1, 1, 2, 2])
    with pytest.raises(ValueError, match="No split of the 3 groups into 2 folds"):
        kfold(labels, groups, folds=2, seed=0)


def test_activations_refuse_what_cannot_be_analysed():
    found = planted()
    parts = (found.labels, found.groups, found.classes)
    with pytest.raises(ValueError, match="at least one layer"):
        Activations("m", {}, *parts)
    with pytest.raises(ValueError, match=r"96 labels, and rows of another number: \{'a': 5\}"):
        Activations("m", {"a": np.zeros((5, 2))}, *parts)
    one = (np.zeros(96, dtype=int), found.groups, ("only",))
    with pytest.raises(ValueError, match="At least 2 classes"):
        Activations("m", found.values, *one)
    with pytest.raises(ValueError, match="Every class needs clips"):
        Activations("m", found.values, found.labels, found.groups, (*found.classes, "absent"))
    with pytest.raises(ValueError, match="Every class needs clips"):
        Activations("m", found.values, found.labels, found.groups, found.classes[:-1])


def test_a_layer_that_is_not_there_constant_or_not_finite_is_refused():
    found = planted()
    with pytest.raises(ValueError, match=r"no layer 'norm'; there are: blocks\.00\.out, blocks"):
        found.at("norm")
    bad = np.ones((96, 3))
    bad[2, 1] = np.nan
    values = {"still": np.full((96, 3), 0.1), "bad": bad}
    odd = Activations("m", values, found.labels, found.groups, found.classes)
    with pytest.raises(ValueError, match="still are the same for all clips"):
        odd.at("still")
    with pytest.raises(ValueError, match="bad are not finite"):
        odd.at("bad")


def test_rows_come_in_float64():
    found = planted()
    half = {"a": found.at("blocks.00.out").astype(np.float32)}
    rows = Activations("m", half, found.labels, found.groups, found.classes).at("a")
    assert rows.dtype == np.float64
    assert np.array_equal(rows, half["a"])
