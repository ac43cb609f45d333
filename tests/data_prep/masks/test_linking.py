import numpy as np
import pytest
from moving_discs import BLUE, GREEN, RED, clip, disc, line, of, shuffled

from data_prep.masks.linking import Linking
from data_prep.masks.mask_looks import look
from data_prep.masks.segmenter import Proposals


def ways_of(tracks, proposals):
    """What each track covers, as a set of (frame, mask)."""
    return {
        tuple((f, proposals[f].masks[r].tobytes()) for f, r in zip(t.frames, t.rows, strict=True))
        for t in tracks
    }


def true_ways(truth, hidden=()):
    return {
        tuple(
            (step, (labels == number).tobytes())
            for step, labels in enumerate(truth)
            if (labels == number).any() and (number - 1, step) not in hidden
        )
        for number in range(1, truth.max() + 1)
    }


def test_crossing_discs_of_other_colours_keep_their_ids():
    ways = [line((30, 8), (0, 5), 10), line((30, 53), (0, -5), 10), line((8, 28), (5, 0), 10)]
    frames, truth, proposals = clip(ways, [RED, GREEN, BLUE])
    tracks = Linking().link(frames, proposals)
    assert ways_of(tracks, proposals) == true_ways(truth)


def test_crossing_discs_of_one_colour_are_told_apart_by_their_motion():
    ways = [line((20, 8), (2, 5), 9), line((36, 52), (-2, -5), 9)]
    frames, truth, proposals = clip(ways, [RED, RED], radius=5)
    assert ways_of(Linking().link(frames, proposals), proposals) == true_ways(truth)


def test_a_disc_faster_than_its_own_size_is_followed():
    frames, truth, proposals = clip([line((30, 4), (0, 9), 7)], [RED], radius=4)
    assert ways_of(Linking().link(frames, proposals), proposals) == true_ways(truth)


@pytest.mark.parametrize(("missing", "tracks"), [(1, 1), (2, 1), (3, 2)])
def test_an_object_is_known_again_within_the_patience(missing, tracks):
    hidden = {(0, 4 + step) for step in range(missing)}
    frames, truth, proposals = clip([line((30, 8), (0, 3), 12)], [RED], hidden=hidden)
    linked = Linking(patience=2).link(frames, proposals)
    assert len(linked) == tracks
    if tracks == 1:
        assert ways_of(linked, proposals) == true_ways(truth, hidden)


def test_an_object_behind_another_for_two_frames_keeps_its_id():
    resting = [(30, 30)] * 14
    passing = line((30, 2), (0, 5), 14)
    hidden = {(0, 5), (0, 6)}
    frames, truth, proposals = clip([resting, passing], [RED, BLUE], radius=5, hidden=hidden)
    linked = Linking().link(frames, proposals)
    assert ways_of(linked, proposals) == true_ways(truth, hidden)


def test_another_object_in_the_place_of_a_vanished_one_is_new():
    first = [(30, 30)] * 4 + [None] * 4
    second = [None] * 4 + [(30, 30)] * 4
    frames, truth, proposals = clip([first, second], [RED, BLUE])
    assert ways_of(Linking().link(frames, proposals), proposals) == true_ways(truth)
    assert len(Linking(appearance=0.0).link(frames, proposals)) == 1


def test_the_same_look_far_away_is_new():
    first = [(10, 10)] * 4 + [None] * 4
    second = [None] * 4 + [(54, 54)] * 4
    frames, truth, proposals = clip([first, second], [RED, RED], radius=5)
    assert ways_of(Linking().link(frames, proposals), proposals) == true_ways(truth)


def test_birth_and_death():
    late = [None] * 3 + line((10, 10), (1, 1), 5)
    early = [*line((50, 20), (0, 2), 4), *[None] * 4]
    frames, truth, proposals = clip([late, early], [RED, GREEN])
    tracks = Linking().link(frames, proposals)
    assert [t.frames for t in tracks] == [(0, 1, 2, 3), (3, 4, 5, 6, 7)]
    assert tracks[0].areas == tuple((truth[:4] == 2).sum(axis=(1, 2)))
    assert tracks[0].mean_area == np.mean(tracks[0].areas)


def test_a_covered_object_that_grows_back_is_the_same():
    frames, truth, proposals = clip(
        [[(30, 32)] * 15, line((30, 4), (0, 4), 15)], [RED, BLUE], radius=7
    )
    assert ways_of(Linking().link(frames, proposals), proposals) == true_ways(truth)


def test_the_order_of_proposals_does_not_matter():
    ways = [line((12 * i + 8, 8 + i), (0, 4), 10) for i in range(4)]
    frames, _, proposals = clip(ways, [RED, RED, GREEN, RED], radius=5)
    known = [ways_of([t], proposals) for t in Linking().link(frames, proposals)]
    for seed in range(5):
        generator = np.random.default_rng(seed)
        mixed = [shuffled(one, generator) for one in proposals]
        assert [ways_of([t], mixed) for t in Linking().link(frames, mixed)] == known


def test_the_best_total_is_chosen_not_the_best_pair_first():
    # 26 is nearest to 24, but then 20 would have to be 30.
    frames = np.full((2, 64, 64, 3), 90, dtype=np.uint8)
    proposals = [of(*(disc((30, column), 6, 64) for column in at)) for at in ((20, 26), (24, 30))]
    tracks = Linking(gate=0.01).link(frames, proposals)
    assert sorted(track.rows for track in tracks) == [(0, 0), (1, 1)]


def slow_likeness(seen, mask, colour, gap):
    """The formulas of :class:`Linking`, step by step, for an object seen in successive frames."""
    centre = np.argwhere(seen[0][0]).mean(axis=0)
    area, whole, velocity = seen[0][0].sum(), seen[0][0].sum(), np.zeros(2)
    known = np.array(seen[0][1], dtype=float)
    for number, (shown, tint) in enumerate(seen[1:], start=1):
        moved = np.argwhere(shown).mean(axis=0) - centre
        trust = min(area, shown.sum()) / max(area, shown.sum())
        velocity = velocity + trust * (moved - velocity) / (1 if number == 1 else 2)
        centre, area = centre + moved, shown.sum()
        whole, known = max(area, 0.9 * whole), (known + tint) / 2
    last = seen[-1][0]
    iou = (last & mask).sum() / (last | mask).sum()
    away = np.linalg.norm(centre + gap * velocity - np.argwhere(mask).mean(axis=0))
    place = 0.5 * iou + 0.5 * np.exp(-away / (gap * np.sqrt(whole)))
    differ = np.abs(known - colour).mean() / (7 * 32)
    size = min(1, mask.sum() / area, whole / mask.sum())
    return np.sqrt(place * np.exp(-differ / 0.1) * np.sqrt(size))


FULL, HALF = disc((30, 24), 8, 64), disc((30, 24), 8, 64) & (np.arange(64) < 24)
HISTORIES = {
    "resting": [(FULL, (200, 40, 40))],
    "moving": [(disc((30, 18 + 3 * t), 8, 64), (200, 40, 40)) for t in range(3)],
    "half covered": [(FULL, (200, 40, 40)), (HALF, (200, 40, 40))],
    "half covered, then moving": [
        (FULL, (200, 40, 40)),
        (HALF, (200, 40, 40)),
        (np.roll(HALF, 3, axis=1), (200, 40, 40)),
    ],
    "changing colour": [(FULL, (100, 40, 40)), (FULL, (140, 40, 40)), (FULL, (170, 60, 40))],
}


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("gap", [1, 2, 4])
@pytest.mark.parametrize("radius", [5, 8, 10])
def test_the_likeness_of_a_link_is_the_formula(history, gap, radius):
    seen, mask, colour = HISTORIES[history], disc((32, 31), radius, 64), (180, 60, 40)
    frames = np.full((len(seen) + gap, 64, 64, 3), 90, dtype=np.uint8)
    for frame, (shown, tint) in zip(frames, seen, strict=False):
        frame[shown] = tint
    frames[-1][mask] = colour
    proposals = [of(shown) for shown, _ in seen] + [of()] * (gap - 1) + [of(mask)]
    likeness = slow_likeness(seen, mask, colour, gap)
    # The dither measures colours to about 1 of 256.
    for gate, number in ((likeness - 0.01, 1), (likeness + 0.01, 2)):
        tracks = Linking(gate=gate).link(frames, proposals)
        assert len(tracks) == number, likeness


def test_looks_are_centres_areas_and_colours():
    generator = np.random.default_rng(0)
    frame = generator.integers(0, 256, (40, 52, 3)).astype(np.uint8)
    masks = generator.random((6, 40, 52)) < 0.4
    masks[2] = False
    looks = look(frame, Proposals(masks, np.ones(6)))
    assert sorted(looks.rows.tolist()) == [0, 1, 3, 4, 5]
    for place, row in enumerate(looks.rows):
        assert looks.areas[place] == masks[row].sum()
        np.testing.assert_allclose(looks.centres[place], np.argwhere(masks[row]).mean(axis=0))
        expected = [(frame[masks[row]] > 32 * level - 1).mean(axis=0) for level in range(1, 8)]
        np.testing.assert_allclose(looks.colours[place], np.array(expected).T.ravel(), atol=0.06)


@pytest.mark.parametrize("shift", [3, 17, 40])
def test_colour_distance_is_the_shift_of_a_flat_colour(shift):
    frame = np.full((32, 32, 3), 100, dtype=np.uint8)
    frame[:, 16:] += np.uint8(shift)
    mask = np.zeros((2, 32, 32), dtype=bool)
    mask[0, :, :16] = mask[1, :, 16:] = True
    a, b = look(frame, Proposals(mask, np.array([1.0, 0.5]))).colours
    assert np.abs(a - b).mean() * 7 * 32 == pytest.approx(shift, abs=2)


def test_nothing_to_link():
    frames = np.zeros((3, 8, 8, 3), dtype=np.uint8)
    assert Linking().link(frames, [Proposals.none(8, 8)] * 3) == []
    assert Linking().link(frames[:0], []) == []
    empty = Proposals(np.zeros((2, 8, 8), dtype=bool), np.ones(2))
    assert Linking().link(frames, [empty] * 3) == []


def test_a_picture_of_one_pixel():
    frames = np.zeros((2, 1, 1, 3), dtype=np.uint8)
    one = Proposals(np.ones((1, 1, 1), dtype=bool), np.array([0.25]))
    (track,) = Linking().link(frames, [one, one])
    assert (track.frames, track.areas, track.score) == ((0, 1), (1, 1), 0.25)


def test_each_mask_ends_in_one_track():
    generator = np.random.default_rng(1)
    frames = generator.integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    proposals = [Proposals(generator.random((n, 32, 32)) < 0.2, np.ones(n)) for n in (7, 0, 12, 40)]
    tracks = Linking().link(frames, proposals)
    members = [m for t in tracks for m in zip(t.frames, t.rows, strict=True)]
    assert sorted(members) == [(f, r) for f, p in enumerate(proposals) for r in range(len(p))]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"appearance": 1.1}, "appearance"),
        ({"overlap": -0.1}, "overlap"),
        ({"gate": 0.0}, "gate"),
        ({"gate": 1.5}, "gate"),
        ({"patience": -1}, "patience"),
    ],
)
def test_wrong_settings_are_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        Linking(**wrong)


def test_frames_and_proposals_must_fit():
    frames = np.zeros((2, 8, 8, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="2 frames, 1 sets"):
        Linking().link(frames, [Proposals.none(8, 8)])
    with pytest.raises(ValueError, match=r"Frame 1 is \(8, 8\)"):
        Linking().link(frames, [Proposals.none(8, 8), Proposals.none(8, 9)])
