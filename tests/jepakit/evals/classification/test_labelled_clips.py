"""Columns belong together, videos are of one kind, refusals."""

from dataclasses import replace

import pytest
import torch
from needle_clips import needle_clips

from jepakit.evals.classification.labelled_clips import ClipTable


def batch(**changes):
    return replace(needle_clips(4, views=2, per_group=2)[0], **changes)


def test_groups_are_picked_with_all_their_columns():
    whole = batch()
    part = whole.of_groups({"group-1"})
    assert len(part) == 4
    assert part.videos == ("video-2", "video-2", "video-3", "video-3")
    assert part.views == (0, 1, 0, 1)
    assert torch.equal(part.frames, whole.frames[4:])
    assert torch.equal(part.labels, whole.labels[4:])


def test_memory_of_a_batch_holds_no_pixels():
    small = batch().without_frames()
    assert small.frames.numel() == 0
    assert len(small) == 8


def test_refuses_columns_of_different_lengths():
    with pytest.raises(ValueError, match=r"'labels': 8, 'videos': 3"):
        batch(videos=("a", "b", "c"))


def test_refuses_an_empty_set():
    with pytest.raises(ValueError, match="No clips"):
        ClipTable.of([])


def test_refuses_a_video_with_two_labels():
    labels = batch().labels.clone()
    labels[1] += 1
    with pytest.raises(ValueError, match=r"one label; 1 have several, such as \['video-0'\]"):
        ClipTable.of([batch(labels=labels)])


def test_refuses_a_video_in_two_groups():
    groups = ("elsewhere", *batch().groups[1:])
    with pytest.raises(ValueError, match=r"one group; 1 have several, such as \['video-0'\]"):
        ClipTable.of([batch(groups=groups)])


def test_refuses_labels_outside_of_the_classes():
    labels = torch.full((8,), 2)
    table = ClipTable.of([batch(labels=labels)])
    table.check_labels(3, "test")
    with pytest.raises(ValueError, match=r"from 0 to 1; 8 test clips have others, such as \[2\]"):
        table.check_labels(2, "test")
    with pytest.raises(ValueError, match=r"such as \[-1\]"):
        ClipTable.of([batch(labels=labels - 3)]).check_labels(3, "test")


def test_refuses_a_view_given_twice():
    ClipTable.of([batch()]).check_views()
    with pytest.raises(ValueError, match=r"more than once: \[\('video-0', 0\)"):
        ClipTable.of([batch(views=(0,) * 8)]).check_views()
