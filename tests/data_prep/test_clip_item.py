from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from made_up_readers import MadeUp, picture, truth

from data_prep.clip_item import Making, VideoItem
from data_prep.masks.object_filter import ObjectFilter
from data_prep.masks.objects import Masks
from data_prep.masks.segmenter import Segmentation, Segmenter
from data_prep.windows import Windows
from jepakit.data.members import encode_sample
from jepakit.data.schema import ClipFormat

FORM = ClipFormat(4, 24, 24, patch=8, tubelet=2, image="png")


class RedThings(Segmenter):
    """Where red is brightest; records the size of the frames that it is shown."""

    name = "red things"
    shown = None

    def segment(self, frames):
        type(self).shown = frames.shape
        red = (frames[..., 0] > 200) & (frames[..., 1] < 100)
        return Segmentation(red.astype(np.uint8), (0.75,), {"small": 2})


def item(reader, method="given", *, windows=None, part=(0.0, 1.0), size=None, fit="crop"):
    masks = Masks(method, ObjectFilter(min_area=0.0), size)
    return VideoItem(
        "k", reader, part, Making("made up", "CC0-1.0", windows or Windows(4), fit, masks)
    )


def test_clips_of_a_video_with_its_own_masks():
    clips = list(item(MadeUp("a/b.mp4", 11)).make(FORM))
    assert [clip.key for clip in clips] == ["k-00000", "k-00001"]
    clip = clips[1]
    assert (clip.frames == np.stack([picture(n)[:, 4:28] for n in range(4, 8)])).all()
    ids = np.stack([truth(n)[:, 4:28] for n in range(4, 8)])
    assert (clip.labels == np.select([ids == 300, ids == 7], [1, 2])).all()  # largest first
    assert clip.meta["objects"] == [
        {"id": 1, "origin": "given", "source_id": 300, "class": "block"},
        {"id": 2, "origin": "given", "source_id": 7, "class": "box"},
    ]
    assert clip.meta["details"] == {
        "states": "x y z",
        "state_objects": [7, 300],
        "group": "a/b.mp4",
        "frames": [4, 5, 6, 7],
        "masks": {"method": "given", "dropped": {}},
    }
    assert clip.meta["times"] == [0.4, 0.5, 0.6, 0.7]
    assert clip.meta["fps"] == pytest.approx(10.0)
    assert clip.meta["labels"] == {"speed": 2.5}
    assert (clip.states == np.arange(66).reshape(11, 2, 3)[4:8]).all()
    for made in clips:
        encode_sample(made, FORM)


def test_contacts_count_from_the_clip_and_name_its_objects():
    first, _, _, fourth = item(MadeUp("a", 16)).make(FORM)
    assert first.contacts.tolist() == [(3, 2, 1, 1.5)]
    assert fourth.contacts.tolist() == [(0, 0, 2, 2.0)]  # the one with object 99 is left out
    assert next(iter(item(MadeUp("a"), "none").make(FORM))).contacts is None


def test_overlapping_clips_decode_each_frame_once():
    # MadeUp refuses to decode a frame twice.
    windows = Windows(4, fps=5.0, hop=0.1)
    clips = list(item(MadeUp("a", 20), windows=windows).make(FORM))
    assert [clip.meta["details"]["frames"] for clip in clips] == [
        [start, start + 2, start + 4, start + 6] for start in range(14)
    ]
    for clip in clips:
        assert clip.frames[:, 0, 0, 0].tolist() == clip.meta["details"]["frames"]


def test_a_segmenter_looks_at_larger_frames_and_is_judged():
    clip = next(iter(item(MadeUp("a"), RedThings(), size=48).make(FORM)))
    assert RedThings.shown == (4, 48, 48, 3)
    ids = np.stack([truth(n)[:, 4:28] for n in range(4)])
    assert (clip.labels == (ids == 7)).mean() > 0.97
    assert clip.meta["objects"] == [{"id": 1, "origin": "segmenter", "score": 0.75}]
    masks = clip.meta["details"]["masks"]
    assert (masks["method"], masks["dropped"]) == ("red things", {"small": 2})
    assert masks["quality"]["objects"] == 2.0
    assert masks["quality"]["consistency"] == 0.5  # the green one is not found
    assert (
        "quality"
        not in next(iter(item(MadeUp("a", masks=False), RedThings()).make(FORM))).meta["details"][
            "masks"
        ]
    )


def test_what_breaks_midway_keeps_the_clips_before():
    clips = item(MadeUp("a", 30, breaks_at=9)).make(FORM)
    assert [next(clips).key, next(clips).key] == ["k-00000", "k-00001"]
    with pytest.raises(ValueError, match="frame 9 cannot be decoded"):
        next(clips)


def test_masks_that_end_early():
    class Short(MadeUp):
        @contextmanager
        def open(self):
            with super().open() as footage:
                yield replace(footage, truth=lambda numbers: map(truth, numbers[:6]))

    with pytest.raises(ValueError, match="end before frame 7"):
        list(item(Short("a", 11)).make(FORM))


def test_refusals():
    with pytest.raises(ValueError, match="no masks of its own"):
        list(item(MadeUp("a", masks=False)).make(FORM))
    with pytest.raises(ValueError, match="Too short"):
        list(item(MadeUp("a"), part=(0.99, 1.0)).make(FORM))


def test_parts_and_stretching():
    early = list(item(MadeUp("a", 20), part=(0.0, 0.5), fit="stretch").make(FORM))
    late = list(item(MadeUp("a", 20), part=(0.5, 1.0), fit="stretch").make(FORM))
    assert [clip.meta["details"]["frames"][0] for clip in early + late] == [0, 4, 10, 14]
    assert item(MadeUp("a"), part=(0.0, 0.5)).name == "a [0, 0.5]"
    assert early[0].labels[0, 15, 10] == 1


@pytest.mark.parametrize(
    ("method", "size", "clip", "picture", "looked_at"),
    [
        (RedThings(), None, 64, 360, 224),
        (RedThings(), None, 64, 100, 100),
        (RedThings(), None, 256, 360, 256),
        (RedThings(), None, 64, 48, 64),
        (RedThings(), 300, 64, 48, 300),
        ("given", None, 64, 360, 64),
        ("none", 300, 64, 360, 64),
    ],
)
def test_objects_are_sought_in_larger_frames_than_small_clips_have(
    method, size, clip, picture, looked_at
):
    assert Masks(method, ObjectFilter(), size).side(clip, picture) == looked_at
