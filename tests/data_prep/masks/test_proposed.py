import pickle
from dataclasses import dataclass, field

import numpy as np
import pytest
from moving_discs import BLUE, GREEN, RED, clip, disc, line, of, shuffled

from data_prep.masks.linking import Linking
from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.proposed import Proposed, Proposer
from data_prep.masks.quality import quality_of
from data_prep.masks.segmenter import Proposals


@dataclass(frozen=True)
class Recorded(Proposer):
    """Gives proposals that are known beforehand."""

    proposals: tuple[Proposals, ...] = field(repr=False)

    @property
    def name(self):
        return "recorded"

    def propose(self, frames):
        yield from self.proposals


def segmenter(proposals, **settings):
    return Proposed(Recorded(tuple(proposals)), **settings)


def discs(hidden=()):
    ways = [
        line((20, 10), (1, 4), 10),
        line((24, 54), (0, -4), 10),
        line((50, 20), (0, 1), 10),
        [None] * 4 + line((8, 30), (0, 2), 6),
    ]
    return clip(ways, [RED, GREEN, BLUE, RED], hidden=hidden)


def test_moving_discs_keep_their_ids():
    frames, truth, proposals = discs()
    found = segmenter(proposals).segment(frames)
    quality = quality_of(found.labels, truth, visible=0.01)
    assert quality.best_overlap > 0.98
    assert (quality.consistency, quality.switches, quality.objects) == (1, 0, 4)
    assert len(found.scores) == found.labels.max() == 4
    areas = [np.mean([(f == i).sum() for f in found.labels if (f == i).any()]) for i in range(1, 5)]
    assert areas == sorted(areas, reverse=True)


def test_a_disc_that_is_missed_for_two_frames_keeps_its_id():
    frames, truth, proposals = discs(hidden={(2, 3), (2, 4)})
    found = segmenter(proposals).segment(frames)
    ids = [set(found.labels[step][truth[step] == 3].tolist()) for step in range(10)]
    assert ids[3] == ids[4] == {0}
    assert len(set.union(*ids[:3], *ids[5:])) == 1


def test_the_order_of_proposals_does_not_matter():
    frames, _, proposals = discs()
    expected = segmenter(proposals).segment(frames)
    for seed in range(3):
        generator = np.random.default_rng(seed)
        mixed = [shuffled(one, generator) for one in proposals]
        found = segmenter(mixed).segment(frames)
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.dropped == expected.dropped


def test_duplicates_and_parts_and_noise_do_not_reach_the_labels():
    frames, truth, proposals = discs()
    generator = np.random.default_rng(0)
    noisy = []
    for step, frame in enumerate(proposals):
        part = frame.masks[0] & disc((truth.shape[1] // 2, 20), 30, 64)
        extra = [frame.masks[0], part, disc((5, 5), 2, 64), np.ones((64, 64), dtype=bool)]
        if step == 6:
            extra.append(disc((56, 56), 5, 64))
        masks = np.concatenate((frame.masks, np.stack(extra)))
        scores = np.concatenate((frame.scores, np.full(len(extra), 0.1)))
        noisy.append(shuffled(Proposals(masks, scores), generator))
    objects = ObjectFilter(min_presence=0.2)
    expected = segmenter(proposals, objects=objects).segment(frames)
    found = segmenter(noisy, objects=objects).segment(frames)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.dropped["proposal_duplicate"] >= 10
    assert found.dropped["proposal_large"] == 10
    assert found.dropped["object_rare"] == 1


def test_only_the_largest_objects_stay():
    frames, _, proposals = discs()
    found = segmenter(proposals, objects=ObjectFilter(top=2)).segment(frames)
    assert found.labels.max() == 2
    assert found.dropped["object_top"] == 2


def test_an_object_around_the_least_area_does_not_flicker():
    size = [3, 4, 3, 4, 3, 4, 3, 4]
    frames = np.zeros((8, 64, 64, 3), dtype=np.uint8)
    proposals = [of(disc((30, 30), radius, 64)) for radius in size]
    mean = np.mean([p.masks.mean() for p in proposals])
    found = segmenter(proposals, objects=ObjectFilter(min_area=0.99 * mean)).segment(frames)
    assert all(frame.any() for frame in found.labels)
    gone = segmenter(proposals, objects=ObjectFilter(min_area=1.01 * mean)).segment(frames)
    assert not gone.labels.any()
    assert gone.dropped == {"object_small": 1}


def test_no_proposals():
    frames = np.zeros((3, 8, 8, 3), dtype=np.uint8)
    found = segmenter([Proposals.none(8, 8)] * 3).segment(frames)
    assert not found.labels.any()
    assert found.labels.shape == (3, 8, 8)
    assert (found.scores, found.dropped) == ((), {})


def test_one_frame_of_one_pixel():
    frames = np.zeros((1, 1, 1, 3), dtype=np.uint8)
    proposals = [Proposals(np.ones((1, 1, 1), dtype=bool), np.array([0.5]))]
    found = segmenter(proposals, objects=ObjectFilter(max_area=1.0)).segment(frames)
    assert found.labels.tolist() == [[[1]]]
    assert found.scores == (0.5,)


@pytest.mark.parametrize("given", [2, 4])
def test_a_proposer_that_forgets_a_frame_is_told_so(given):
    frames = np.zeros((3, 8, 8, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match=f"3 frames, {given} sets"):
        segmenter([Proposals.none(8, 8)] * given).segment(frames)


def test_it_travels_to_workers_and_its_name_says_all_settings():
    one = segmenter([], linking=Linking(patience=3))
    assert pickle.loads(pickle.dumps(one)) == one
    assert one.name.startswith("recorded, ObjectFilter(min_score=0.0, ")
    assert "patience=3" in one.name
