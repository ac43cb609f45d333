import numpy as np
import pytest
from moving_discs import disc, of, random_proposals, shuffled

from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.segmenter import Proposals, Segmentation


def square(row, column, side, size=64):
    mask = np.zeros((size, size), dtype=bool)
    mask[row : row + side, column : column + side] = True
    return mask


def slow_select(proposals, settings):
    """The same choice, pixel by pixel and rule by rule."""
    order = sorted(
        range(len(proposals)),
        key=lambda i: (
            -proposals.scores[i],
            -proposals.masks[i].sum(),
            np.packbits(proposals.masks[i]).tobytes(),
        ),
    )
    kept, dropped = [], {}
    for i in order:
        mask = proposals.masks[i]
        reason = ""
        if mask.mean() > settings.max_area:
            reason = "large"
        if mask.mean() < settings.min_area or not mask.any():
            reason = "small"
        if proposals.scores[i] < settings.min_score:
            reason = "score"
        for j in kept if not reason else ():
            other = proposals.masks[j]
            shared = (mask & other).sum()
            if shared / (mask | other).sum() > settings.max_iou:
                reason = "duplicate"
                break
            if shared / min(mask.sum(), other.sum()) > settings.max_containment:
                reason = "contained"
        if reason:
            dropped[reason] = dropped.get(reason, 0) + 1
        else:
            kept.append(i)
    largest = sorted(kept, key=lambda i: -proposals.masks[i].sum())[: settings.top]
    if len(kept) > settings.top:
        dropped["top"] = len(kept) - settings.top
    return [i for i in kept if i in largest], dropped


@pytest.mark.parametrize(
    "settings",
    [
        ObjectFilter(),
        ObjectFilter(min_score=0.4, min_area=0.05, max_area=0.15, top=5),
        ObjectFilter(min_area=0.0, max_area=1.0, max_iou=0.3, max_containment=0.5, top=255),
        ObjectFilter(min_area=0.0, max_area=1.0, max_iou=1.0, max_containment=1.0, top=3),
    ],
)
@pytest.mark.parametrize("number", [0, 1, 60, 300])
def test_select_agrees_with_the_rules_one_by_one(settings, number):
    proposals = random_proposals(number, seed=number)
    kept, dropped = settings.select(proposals)
    rows, reasons = slow_select(proposals, settings)
    np.testing.assert_array_equal(kept.masks, proposals.masks[rows])
    np.testing.assert_array_equal(kept.scores, proposals.scores[rows])
    assert dropped == reasons
    assert len(kept) + sum(dropped.values()) == number


def test_the_order_of_proposals_does_not_matter():
    proposals = random_proposals(120, seed=3)
    kept, dropped = ObjectFilter(top=6).select(proposals)
    for seed in range(4):
        again = ObjectFilter(top=6).select(shuffled(proposals, np.random.default_rng(seed)))
        np.testing.assert_array_equal(again[0].masks, kept.masks)
        assert again[1] == dropped


def test_of_duplicates_the_surer_one_stays():
    a, b = square(10, 10, 20), square(10, 11, 20)
    kept, dropped = ObjectFilter().select(of(a, b, scores=[0.6, 0.9]))
    np.testing.assert_array_equal(kept.masks, [b])
    assert dropped == {"duplicate": 1}


@pytest.mark.parametrize(("scores", "stays"), [([0.9, 0.8], 0), ([0.8, 0.9], 1), ([0.5, 0.5], 0)])
def test_of_a_whole_and_its_part_the_surer_one_stays_the_whole_among_equals(scores, stays):
    masks = square(10, 10, 30), square(12, 12, 10)
    kept, dropped = ObjectFilter().select(of(*masks, scores=scores))
    np.testing.assert_array_equal(kept.masks, [masks[stays]])
    assert dropped == {"contained": 1}


def test_limits_belong_to_what_is_kept():
    mask = square(0, 0, 16)
    kept, _ = ObjectFilter(min_area=1 / 16, max_area=1 / 16, min_score=0.5).select(
        of(mask, scores=[0.5])
    )
    assert len(kept) == 1
    half = square(0, 0, 16) & square(0, 8, 16)
    kept, _ = ObjectFilter(max_iou=0.5, max_containment=1.0).select(of(mask, half))
    assert len(kept) == 2


def test_a_score_that_is_no_number_and_an_empty_mask_are_dropped():
    proposals = of(square(0, 0, 9), square(20, 20, 0), scores=[np.nan, 0.5])
    kept, dropped = ObjectFilter(min_area=0.0).select(proposals)
    assert not len(kept)
    assert dropped == {"score": 1, "small": 1}


def test_a_picture_of_one_pixel():
    proposals = Proposals(np.ones((3, 1, 1), dtype=bool), np.array([0.1, 0.9, 0.5]))
    kept, dropped = ObjectFilter(max_area=1.0).select(proposals)
    assert kept.scores.tolist() == [0.9]
    assert dropped == {"duplicate": 2}
    assert ObjectFilter().select(proposals)[1] == {"large": 3}


def test_single_frames_of_a_clip_let_half_of_the_least_area_through():
    proposals = of(disc((20, 20), 4, 64))
    settings = ObjectFilter(min_area=0.02, top=1)
    assert settings.select(proposals)[1] == {"small": 1}
    assert len(settings.in_frames().select(proposals)[0]) == 1
    assert settings.in_frames().top == 255


def test_objects_are_judged_by_their_mean_area_where_visible():
    areas = np.array(
        [
            [0.2, 0.0, 0.0, 0.0],  # one frame of four
            [0.0, 0.05, 0.05, 0.0],
            [0.03, 0.03, 0.03, 0.03],
            [0.5, 0.5, 0.5, 0.5],
            [0.0, 0.0, 0.0, 0.0],
            [0.06, 0.07, 0.06, 0.06],
            [0.3, 0.3, 0.3, 0.3],
        ]
    )
    settings = ObjectFilter(min_score=0.5, min_area=0.04, min_presence=0.5, top=1)
    kept, dropped = settings.select_objects(areas, np.array([1, 1, 1, 1, 1, 1, 0.2]))
    assert kept == [5]
    assert dropped == {"hidden": 1, "large": 1, "rare": 1, "score": 1, "small": 1, "top": 1}


def test_presence_at_its_limit_is_enough():
    areas = np.zeros((1, 30))
    areas[0, :3] = 0.1
    assert ObjectFilter(min_presence=0.1).select_objects(areas, np.ones(1)) == ([0], {})


def test_label_maps_are_numbered_anew():
    labels = np.zeros((4, 10, 10), dtype=np.uint8)
    labels[:, :2, :2] = 1
    labels[:, 5:8, 5:8] = 3
    labels[0, 0, 9] = 4
    labels[:, 9, 9] = 5
    before = Segmentation(labels, (0.9, 0.8, 0.7, 0.6, 0.5), {"small": 2, "other": 1})
    after = ObjectFilter(min_area=0.01, min_presence=0.5).select_labels(before)
    np.testing.assert_array_equal(
        after.labels, np.select([labels == i for i in (1, 3, 5)], [1, 2, 3])
    )
    assert after.scores == (0.9, 0.7, 0.5)
    assert after.dropped == {"small": 2, "other": 1, "hidden": 1, "rare": 1}
    nothing = ObjectFilter(min_area=0.3).select_labels(before)
    assert not nothing.labels.any()
    assert nothing.scores == ()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"min_area": 0.5}, "min_area"),
        ({"min_area": -0.1}, "min_area"),
        ({"max_area": 1.1}, "max_area"),
        ({"max_area": float("nan")}, "max_area"),
        ({"min_score": 2.0}, "min_score"),
        ({"max_iou": -0.1}, "max_iou"),
        ({"max_containment": 1.5}, "max_containment"),
        ({"min_presence": 1.5}, "min_presence"),
        ({"top": 0}, "top"),
        ({"top": 256}, "top"),
    ],
)
def test_wrong_settings_are_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        ObjectFilter(**wrong)
