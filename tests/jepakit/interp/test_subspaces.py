"""Subspaces of class means and weights against closed forms and explicit computations."""

import numpy as np
import pytest
import scipy.linalg
from sklearn.covariance import LedoitWolf

from jepakit.interp.subspaces import (
    Subspace,
    augment_subspace,
    class_mean_pca,
    class_means,
    difference_in_means,
    orthonormal,
    sparse_directions,
)

RNG = np.random.default_rng(0)
Y = np.repeat(np.arange(5), [4, 9, 30, 7, 12])  # classes of very different sizes
MEANS = RNG.normal(size=(5, 20)) * np.linspace(3, 0.5, 20)
X = MEANS[Y] + 0.3 * RNG.normal(size=(62, 20)) + 7.0
EYE = np.eye(6)


def projector(basis):
    return basis @ basis.T


def assert_same_span(first, second, tolerance=1e-10):
    np.testing.assert_allclose(projector(first), projector(second), atol=tolerance)


def test_gram_schmidt_keeps_order_and_drops_dependent_columns():
    a, b = RNG.normal(size=(2, 6))
    basis = orthonormal(np.stack([a, -2 * a, b, a + b, np.zeros(6)], axis=1))
    assert basis.shape == (6, 2)
    np.testing.assert_allclose(basis.T @ basis, np.eye(2), atol=1e-14)
    assert abs(basis[:, 0] @ a) == pytest.approx(np.linalg.norm(a))
    assert_same_span(basis, np.linalg.qr(np.stack([a, b], axis=1))[0])


def test_a_column_of_rounding_makes_no_direction():
    columns = np.stack([np.ones(6), 1e-16 * RNG.normal(size=6)], axis=1)
    assert orthonormal(columns).shape == (6, 1)


def test_nearly_dependent_columns_come_out_orthogonal():
    a, b = RNG.normal(size=(2, 50))
    basis = orthonormal(np.stack([a, a + 1e-6 * b], axis=1))
    np.testing.assert_allclose(basis.T @ basis, np.eye(2), atol=1e-14)


def test_float32_rounding_makes_no_direction():
    columns = RNG.normal(size=(40, 3)).astype(np.float32)
    dependent = columns @ np.float32([[1 / 3], [1 / 7], [-0.9]])
    assert orthonormal(np.hstack([columns, dependent])).shape == (40, 3)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_signs_do_not_depend_on_those_that_came(sign):
    vectors = RNG.normal(size=(6, 3))
    basis = orthonormal(sign * vectors)
    np.testing.assert_array_equal(basis, orthonormal(vectors))
    assert (basis.max(axis=0) == np.abs(basis).max(axis=0)).all()


def test_class_means_are_means():
    for label, mean in enumerate(class_means(X, Y)):
        np.testing.assert_allclose(mean, X[label == Y].mean(axis=0), rtol=1e-12)


def test_pca_centres_on_the_unweighted_mean_of_class_means():
    means = np.stack([X[label == Y].mean(axis=0) for label in range(5)])
    _, strengths, directions = np.linalg.svd(means - means.mean(axis=0))
    found = class_mean_pca(X, Y, rank=2)
    np.testing.assert_allclose(found.strengths, strengths[:2])
    assert_same_span(found.basis, directions[:2].T)
    # The grand mean of such unbalanced classes gives another plane.
    grand = np.linalg.svd(means - X.mean(axis=0))[2][:2].T
    assert np.abs(projector(grand) - projector(found.basis)).max() > 0.01


def test_full_rank_is_one_less_than_classes():
    assert class_mean_pca(X, Y).rank == 4
    assert class_mean_pca(X, Y).width == 20


def test_full_rank_follows_means_that_lie_in_less():
    line = np.arange(5.0)[Y][:, None] * np.ones(20)
    assert class_mean_pca(line, Y).rank == 1
    with pytest.raises(ValueError, match="1 to 1"):
        class_mean_pca(line, Y, rank=2)


@pytest.mark.parametrize(("spread", "rank"), [((10, 1, 1), 1), ((2, 1.9, 0.1), 2), ((1, 1, 1), 3)])
def test_var95_takes_the_fewest_directions(spread, rank):
    code = np.linalg.svd(np.eye(4) - 0.25)[0][:, :3]  # orthonormal columns of sum 0
    x = (code * np.array(spread, dtype=float)) @ np.eye(3, 8)
    assert class_mean_pca(x, np.arange(4), rank="var95").rank == rank


def test_shrinkage_gives_the_discriminant_directions():
    x = MEANS[Y] + RNG.normal(size=(62, 20)) @ (RNG.normal(size=(20, 20)) + np.eye(20))
    means = class_means(x, Y)
    centred = means - means.mean(axis=0)
    within = LedoitWolf(assume_centered=True).fit(x - means[Y]).covariance_
    values, vectors = scipy.linalg.eigh(centred.T @ centred, within)
    found = class_mean_pca(x, Y, shrinkage=True)
    assert_same_span(found.basis, np.linalg.qr(np.linalg.solve(within, centred[1:].T))[0], 1e-8)
    np.testing.assert_allclose(found.strengths**2, values[:-5:-1], rtol=1e-8)
    leading = class_mean_pca(x, Y, shrinkage=True, rank=2)
    assert_same_span(leading.basis, np.linalg.qr(vectors[:, -2:])[0], 1e-8)


def test_shrinkage_under_equal_noise_changes_little():
    y = np.repeat(np.arange(4), 200)
    x = 3 * np.eye(4, 10)[y] + RNG.normal(size=(800, 10))
    assert_same_span(
        class_mean_pca(x, y, shrinkage=True).basis, class_mean_pca(x, y).basis, tolerance=0.02
    )


@pytest.mark.parametrize("contrast", ["first", "adjacent", "one_vs_rest"])
def test_all_differences_span_what_pca_spans(contrast):
    assert_same_span(difference_in_means(X, Y, contrast=contrast).basis, class_mean_pca(X, Y).basis)


def test_difference_of_two_classes_is_the_unit_vector_between_them():
    y = np.repeat([0, 1], [10, 52])
    difference = X[10:].mean(axis=0) - X[:10].mean(axis=0)
    found = difference_in_means(X, y)
    np.testing.assert_allclose(
        np.abs(found.basis[:, 0]), np.abs(difference) / np.linalg.norm(difference)
    )
    np.testing.assert_allclose(found.strengths, [1.0])


@pytest.mark.parametrize("contrast", ["first", "adjacent", "one_vs_rest"])
def test_fewer_differences_are_the_leading_ones_of_unit_length(contrast):
    means = class_means(X, Y)
    rows = {
        "first": [means[c] - means[0] for c in range(1, 5)],
        "adjacent": [means[c + 1] - means[c] for c in range(4)],
        "one_vs_rest": [means[c] - np.delete(means, c, axis=0).mean(axis=0) for c in range(5)],
    }[contrast]
    unit = np.stack([row / np.linalg.norm(row) for row in rows])
    found = difference_in_means(X, Y, contrast=contrast, rank=2)
    assert_same_span(found.basis, np.linalg.svd(unit)[2][:2].T)
    pca = class_mean_pca(X, Y, rank=2)
    assert np.abs(projector(found.basis) - projector(pca.basis)).max() > 0.01


def test_classes_of_equal_mean_give_no_difference():
    x = np.array([[0.0, 0], [0, 0], [1, 0]])
    found = difference_in_means(x, np.arange(3))
    np.testing.assert_allclose(found.basis, [[1.0], [0.0]])


def test_weights_lose_the_scaler_and_the_shift_of_softmax():
    weights, scale = RNG.normal(size=(4, 9)), RNG.uniform(0.5, 3, size=9)
    found = sparse_directions(weights, scale=scale)
    explicit = weights / scale
    assert found.rank == 3
    assert_same_span(found.basis, np.linalg.qr((explicit[1:] - explicit[0]).T)[0])
    shifted = sparse_directions(weights + RNG.normal(size=9), scale=scale)
    assert_same_span(found.basis, shifted.basis)


def test_one_row_of_weights_is_a_direction():
    found = sparse_directions(np.array([[0.0, 3.0, -4.0]]))
    np.testing.assert_allclose(found.basis[:, 0], [0, -0.6, 0.8])
    np.testing.assert_allclose(found.strengths, [5.0])


def test_pattern_is_haufes():
    mixing = RNG.normal(size=(9, 9))
    x = RNG.normal(size=(200, 9)) @ mixing
    weights = RNG.normal(size=(4, 9))
    covariance = np.cov(x, rowvar=False)
    free = (weights - weights.mean(axis=0))[:3]
    source = x @ free.T  # the filter's outputs
    pattern = covariance @ free.T @ np.linalg.inv(np.cov(source, rowvar=False))
    found = sparse_directions(weights, covariance=covariance)
    assert_same_span(found.basis, np.linalg.qr(pattern)[0])
    assert np.abs(projector(found.basis) - projector(sparse_directions(weights).basis)).max() > 0.1


def test_pattern_points_along_a_signal_that_the_filter_must_cancel_noise_for():
    signal, noise = RNG.normal(size=(2, 500))
    x = np.stack([signal + noise, noise], axis=1)  # the filter (1, -1) reads the signal
    found = sparse_directions(np.array([[1.0, -1.0]]), covariance=np.cov(x, rowvar=False))
    np.testing.assert_allclose(found.basis[:, 0], [1.0, 0.0], atol=0.15)


def test_a_held_direction_is_not_appended_again():
    base = Subspace(EYE[:, :2], np.array([3.0, 2.0]))
    inside = np.array([[0.6], [0.6], [np.sqrt(0.28)], [0], [0], [0]])  # cosine 0.8485
    augmented = augment_subspace(base, Subspace(inside, np.ones(1)), threshold=0.84)
    assert augmented.rank == 2
    appended = augment_subspace(base, Subspace(inside, np.array([4.0])))
    np.testing.assert_allclose(appended.basis, EYE[:, :3], atol=1e-12)
    np.testing.assert_allclose(appended.strengths, [3, 2, 4 * np.sqrt(0.28)])


def test_what_was_appended_counts_for_the_next():
    base = Subspace(EYE[:, :1], np.ones(1))
    two = Subspace(EYE[:, 1:3], np.ones(2))
    assert augment_subspace(base, two, two, max_rank=5).rank == 3
    assert augment_subspace(base, two).rank == 2  # twice the base
    assert augment_subspace(base, two, max_rank=1).rank == 1


def test_refuses_vectors_that_are_not_finite():
    with pytest.raises(ValueError, match="1 of 12 values are not"):
        orthonormal(np.array([[np.nan, 1.0]] + [[1.0, 2.0]] * 5))


def test_refuses_to_orthonormalise_nothing():
    with pytest.raises(ValueError, match="All 2 vectors are zero"):
        orthonormal(np.zeros((3, 2)))


@pytest.mark.parametrize("extract", [class_mean_pca, difference_in_means])
def test_refuses_more_directions_than_classes_allow(extract):
    with pytest.raises(ValueError, match=r"1 to 4, .*got 5"):
        extract(X, Y, rank=5)
    with pytest.raises(ValueError, match="got 0"):
        extract(X, Y, rank=0)


def test_refuses_one_class():
    with pytest.raises(ValueError, match=r"at least two classes.*\{0: 62\}"):
        class_means(X, np.zeros(62, dtype=int))


def test_refuses_a_class_without_clips():
    with pytest.raises(ValueError, match=r"\{0: 10, 2: 52\}"):
        class_mean_pca(X, np.repeat([0, 2], [10, 52]))


def test_refuses_negative_labels():
    with pytest.raises(ValueError, match=r"0 \.\. C-1"):
        class_means(X, Y - 1)


def test_refuses_constant_activations():
    with pytest.raises(ValueError, match="All 62 activations are equal"):
        class_mean_pca(np.full((62, 3), 0.1), Y)


def test_refuses_classes_of_equal_means():
    x = np.array([[1.0, 0], [-1, 0], [1, 0], [-1, 0]])
    for extract in (class_mean_pca, difference_in_means):
        with pytest.raises(ValueError, match="do not differ at all"):
            extract(x, np.array([0, 0, 1, 1]))


def test_refuses_labels_that_do_not_match_the_clips():
    with pytest.raises(ValueError, match="62 clips and 61 labels"):
        class_means(X, Y[1:])


def test_refuses_activations_that_are_not_finite():
    x = X.copy()
    x[3, 4] = np.inf
    with pytest.raises(ValueError, match="Activations must be finite, 1 of 1240"):
        class_mean_pca(x, Y)


def test_refuses_to_whiten_by_nothing():
    with pytest.raises(ValueError, match="nothing to whiten by"):
        class_mean_pca(np.eye(5), np.arange(5), shrinkage=True)


@pytest.mark.parametrize("part", [{"scale": np.ones(3)}, {"covariance": np.eye(4)[:3]}])
def test_refuses_another_width_than_that_of_the_weights(part):
    with pytest.raises(ValueError, match="Weights of width 4"):
        sparse_directions(np.ones((2, 4)), **part)


def test_refuses_weights_that_are_not_finite():
    with pytest.raises(ValueError, match="Weights, scale and covariance must be finite"):
        sparse_directions(np.full((2, 4), np.nan))


def test_refuses_a_scale_of_zero():
    with pytest.raises(ValueError, match=r"positive, the smallest is 0\.0"):
        sparse_directions(np.eye(2), scale=np.array([1.0, 0.0]))


def test_refuses_weights_of_zero():
    with pytest.raises(ValueError, match="weights do not differ"):
        sparse_directions(np.zeros((3, 4)))


@pytest.mark.parametrize("options", [{"threshold": 1.1}, {"threshold": 0.0}, {"max_rank": 1}])
def test_refuses_impossible_limits_of_augmentation(options):
    with pytest.raises(ValueError, match="max_rank be at least 2"):
        augment_subspace(Subspace(EYE[:, :2], np.ones(2)), **options)


def test_refuses_to_augment_across_widths():
    parts = [Subspace(np.eye(n)[:, :1], np.ones(1)) for n in (3, 4)]
    with pytest.raises(ValueError, match=r"one width, got \[3, 4\]"):
        augment_subspace(*parts)
