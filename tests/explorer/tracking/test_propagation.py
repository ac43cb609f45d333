from itertools import product

import numpy as np
import pytest

from explorer.tracking import propagate_labels, propagation
from tests.explorer.tracking.planted import noise


def slow_shares(
    features: np.ndarray,
    first: np.ndarray,
    *,
    top_k: int,
    temperature: float,
    context: int,
    radius: int,
) -> np.ndarray:
    x = features.astype(np.float64)
    x = x / np.sqrt((x**2).sum(axis=-1, keepdims=True))
    slices, rows, columns, _ = x.shape
    classes = sorted(set(first.ravel().tolist()))
    soft = np.zeros((slices, rows, columns, len(classes)))
    for i, j in product(range(rows), range(columns)):
        soft[0, i, j, classes.index(first[i, j])] = 1
    for t, i, j in product(range(1, slices), range(rows), range(columns)):
        earlier = {0} | {s for s in range(t - context, t) if s >= 0}
        candidates = [
            (float(x[t, i, j] @ x[s, a, b]), (s, a, b))
            for s, a, b in product(sorted(earlier), range(rows), range(columns))
            if abs(a - i) <= radius and abs(b - j) <= radius
        ]
        best = sorted(candidates, key=lambda pair: -pair[0])[:top_k]
        weight = np.exp(np.array([cosine for cosine, _ in best]) / temperature)
        weight /= weight.sum()
        for share, (_, place) in zip(weight, best, strict=True):
            soft[t, i, j] += share * soft[place]
    return soft


@pytest.mark.parametrize(
    ("top_k", "context", "radius"), [(5, 15, 12), (1, 1, 1), (3, 2, 2), (50, 1, 1), (4, 1, 0)]
)
def test_propagation_is_the_slow_one(
    top_k: int, context: int, radius: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = noise((5, 4, 6, 8))
    first = np.random.default_rng(0).integers(0, 4, (4, 6)) * 3
    settings = {"top_k": top_k, "temperature": 0.2, "context": context, "radius": radius}
    slow = slow_shares(features, first, **settings)
    for block in (1, 3000, propagation.BLOCK_BYTES):
        monkeypatch.setattr(propagation, "BLOCK_BYTES", block)
        for rescaled in (True, False):
            found = propagate_labels(features, first, rescaled=rescaled, **settings)
            np.testing.assert_allclose(found.soft, slow, atol=1e-5)
            assert found.classes == (0, 3, 6, 9)
            np.testing.assert_array_equal(found.labels[0], first)
            shares = slow / slow.max(axis=(1, 2), keepdims=True) if rescaled else slow
            picked = np.array(found.classes)[shares.argmax(axis=-1)]
            clear = np.diff(np.sort(shares, axis=-1)[..., -2:], axis=-1)[..., 0] > 1e-4
            np.testing.assert_array_equal(found.labels[clear], picked[clear])


def test_an_object_of_one_token_is_outvoted_without_rescaling() -> None:
    features = np.zeros((2, 3, 3, 2), np.float32) + np.array([1, 0.2], np.float32)
    features[:, 1, 1] = [0.2, 1]  # cosine 0.38 with each of the other eight
    first = np.zeros((3, 3), np.int64)
    first[1, 1] = 1
    plain = propagate_labels(features, first, temperature=1.0, rescaled=False)
    rescaled = propagate_labels(features, first, temperature=1.0)
    assert not plain.labels[1].any()
    np.testing.assert_array_equal(rescaled.labels[1], first)


def test_objects_are_followed_where_their_tokens_go() -> None:
    values = 0.2 * noise((6, 9, 9, 32)) + noise((32,), 5)  # background: one feature and noise
    feature = {2: 4 * noise((32,), 6), 7: 4 * noise((32,), 7)}
    truth = np.zeros((6, 9, 9), np.int64)
    for time in range(6):
        truth[time, time : time + 3, 0:3] = 2
        truth[time, 5:8, 8 - time : 9 - time + 1] = 7
    for identity, token in feature.items():
        values[truth == identity] = token + 0.2 * noise((int((truth == identity).sum()), 32), 8)
    found = propagate_labels(values, truth[0])
    np.testing.assert_array_equal(found.labels, truth)
    np.testing.assert_allclose(found.soft.sum(axis=-1), 1, atol=1e-5)


def test_labels_stay_within_the_radius_and_lost_slices_are_seen_from_the_first() -> None:
    values = noise((3, 1, 8, 16))
    values[1:, 0, 6] = values[0, 0, 1]  # jumps five columns
    first = np.zeros((1, 8), np.int64)
    first[0, 1] = 1
    far = propagate_labels(values, first, top_k=1, radius=5).labels
    assert far[1, 0, 6] == 1
    near = propagate_labels(values, first, top_k=1, radius=4).labels
    assert near[1, 0, 6] == 0
    hidden = values.copy()
    hidden[1] = noise((1, 8, 16), 9)  # nothing is to be seen in slice 1
    seen = propagate_labels(hidden, first, top_k=1, context=1, radius=8).labels
    assert seen[2, 0, 6] == 1


def test_one_slice_one_label_and_scaled_tokens() -> None:
    values = noise((4, 3, 3, 8))
    first = np.eye(3, dtype=np.int64)
    np.testing.assert_array_equal(propagate_labels(values[:1], first).labels, first[None])
    alone = propagate_labels(values, np.full((3, 3), 4))
    assert (alone.labels == 4).all()
    np.testing.assert_array_equal(
        propagate_labels(values, first).soft, propagate_labels(8 * values, first).soft
    )


def test_identical_tokens_share_their_labels_evenly() -> None:
    found = propagate_labels(np.ones((2, 2, 2, 4), np.float32), np.array([[0, 0], [0, 5]]), top_k=4)
    np.testing.assert_allclose(found.soft[1, ..., 1], 0.25, atol=1e-6)
    assert not found.labels[1].any()


def test_impossible_settings_are_refused() -> None:
    values, first = noise((2, 3, 4, 5)), np.zeros((3, 4), np.int64)
    with pytest.raises(ValueError, match=r"\(3, 4\) tokens, came labels of \(4, 3\)"):
        propagate_labels(values, first.T)
    for name, wrong in {"top_k": 0, "context": 0, "radius": -1, "temperature": 0.0}.items():
        with pytest.raises(ValueError, match="must be at least 1"):
            propagate_labels(values, first, **{name: wrong})
