import numpy as np
from moving_discs import BLUE, GREEN, RED, clip, disc, line, of, shuffled

from data_prep.masks.label_map import area_shares, paint
from data_prep.masks.linking import Linking, Track
from data_prep.masks.segmenter import Proposals


def track_of(proposals, members):
    """A track of rows by frame."""
    areas = tuple(int(proposals[f].masks[r].sum()) for f, r in members)
    score = float(np.mean([proposals[f].scores[r] for f, r in members]))
    return Track(tuple(f for f, _ in members), tuple(r for _, r in members), areas, score)


def slow_paint(tracks, proposals, shape):
    """Pixel by pixel: the id of the smallest object there, ids by descending mean area."""
    order = sorted(tracks, key=lambda t: -np.mean(t.areas))
    labels = np.zeros(shape, dtype=np.uint8)
    for frame, row, column in np.ndindex(shape):
        for number, track in enumerate(order, start=1):
            if frame in track.frames:
                member = track.rows[track.frames.index(frame)]
                if proposals[frame].masks[member, row, column]:
                    labels[frame, row, column] = number
    return labels


def test_the_smaller_lies_on_top():
    generator = np.random.default_rng(0)
    centres = generator.integers(4, 20, (2, 5, 2))
    proposals = [
        of(*(disc(centre, 3 + row, 24) for row, centre in enumerate(frame)), size=24)
        for frame in centres
    ]
    tracks = [track_of(proposals, [(0, row), (1, row)]) for row in (3, 0, 4, 1, 2)]
    found = paint(tracks, proposals, (2, 24, 24))
    np.testing.assert_array_equal(found.labels, slow_paint(tracks, proposals, (2, 24, 24)))
    assert found.scores == (0.5, 0.625, 0.75, 0.875, 1.0)
    assert found.dropped == {}


def test_what_is_wholly_hidden_gets_no_id():
    big, small, inner = disc((12, 12), 8, 24), disc((12, 12), 6, 24), disc((12, 12), 5, 24)
    ring = big & ~small
    masks = [big, small, ring | inner]
    proposals = [of(*masks, size=24)]
    tracks = [track_of(proposals, [(0, row)]) for row in range(3)]
    found = paint(tracks, proposals, (1, 24, 24))
    assert found.dropped == {"hidden": 1}
    assert len(found.scores) == 2
    assert found.scores == (proposals[0].scores[2], proposals[0].scores[1])
    np.testing.assert_array_equal(np.unique(found.labels), [0, 1, 2])
    np.testing.assert_array_equal(found.labels[0] == 2, small)


def test_hidden_in_one_frame_is_not_hidden():
    proposals = [
        of(disc((9, 9), 4, 24), disc((9, 9), 4, 24), size=24),
        of(disc((9, 9), 5, 24), size=24),
    ]
    tracks = [track_of(proposals, [(0, 0), (1, 0)]), track_of(proposals, [(0, 1)])]
    found = paint(tracks, proposals, (2, 24, 24))
    assert [np.unique(frame).tolist() for frame in found.labels] == [[0, 2], [0, 1]]


def test_the_order_of_proposals_and_tracks_does_not_matter():
    ways = [line((12 * i + 8, 8 + i), (0, 4), 8) for i in range(4)]
    frames, _, proposals = clip(ways, [RED, RED, GREEN, BLUE], radius=5)
    expected = paint(Linking().link(frames, proposals), proposals, (8, 64, 64))
    assert expected.labels.max() == 4
    for seed in range(4):
        generator = np.random.default_rng(seed)
        mixed = [shuffled(one, generator) for one in proposals]
        tracks = Linking().link(frames, mixed)
        found = paint([tracks[i] for i in generator.permutation(4)], mixed, (8, 64, 64))
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.scores == expected.scores


def test_equals_are_numbered_by_their_masks():
    proposals = [of(*(disc((12, 8 + 16 * i), 5, 64) for i in range(4)), scores=[1.0] * 4)]
    tracks = [track_of(proposals, [(0, row)]) for row in range(4)]
    expected = paint(tracks, proposals, (1, 64, 64)).labels
    found = paint(tracks[::-1], proposals, (1, 64, 64)).labels
    assert expected.max() == 4
    np.testing.assert_array_equal(found, expected)


def test_at_most_255_ids_the_smallest_are_left_out():
    masks = np.zeros((300, 40, 40), dtype=bool)
    for row, mask in enumerate(masks):
        mask.reshape(-1)[5 * row : 5 * row + 5 - (row % 2)] = True
    proposals = [Proposals(masks, np.ones(300))]
    found = paint([track_of(proposals, [(0, row)]) for row in range(300)], proposals, (1, 40, 40))
    assert found.dropped == {"top": 45}
    assert len(found.scores) == found.labels.max() == 255
    assert set(range(0, 300, 2)) <= set((np.flatnonzero(found.labels) // 5).tolist())


def test_no_objects():
    found = paint([], [Proposals.none(8, 8)] * 2, (2, 8, 8))
    assert found.labels.shape == (2, 8, 8)
    assert found.labels.dtype == np.uint8
    assert not found.labels.any()
    assert (found.scores, found.dropped) == ((), {})
    assert area_shares([], (2, 8, 8)).shape == (0, 2)


def test_area_shares_are_those_of_the_masks():
    frames, truth, proposals = clip(
        [line((20, 20), (3, 3), 4), [None, (50, 9), None, None]], [RED, BLUE]
    )
    tracks = Linking().link(frames, proposals)
    expected = [(truth == number).mean(axis=(1, 2)) for number in (1, 2)]
    np.testing.assert_allclose(area_shares(tracks, truth.shape), expected, rtol=1e-12)
