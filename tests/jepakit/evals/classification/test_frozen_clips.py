"""Tokens are those of the encoder, clip by clip, whether kept or made again."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from needle_clips import PatchColours, needle_clips

from jepakit.evals.classification.frozen_clips import FrozenClips, encode_clips
from jepakit.protocols import Encoder

SOME = {"group-1", "group-3"}


def frozen(batches=None, keep=True):
    encoder = PatchColours()
    return FrozenClips(batches or needle_clips(20), {"encoder": encoder}, keep=keep), encoder


def test_the_toy_encoder_keeps_the_protocol():
    assert isinstance(PatchColours(), Encoder)


@pytest.mark.parametrize("keep", [True, False])
def test_once_gives_the_clips_of_the_groups_in_order(keep):
    clips, _ = frozen(keep=keep)
    batches = list(clips.once("encoder", SOME, batch_size=3))
    videos = [video for batch in batches for video in batch.videos]
    assert videos == [f"video-{i}" for i in (4, 5, 6, 7, 12, 13, 14, 15)]
    everything = torch.cat([b.frames for b in needle_clips(20)])
    with torch.no_grad():
        expected = PatchColours().encode(everything)[[4, 5, 6, 7, 12, 13, 14, 15]]
    assert torch.equal(torch.cat([b.tokens for b in batches]), expected)
    labels = torch.cat([b.labels for b in needle_clips(20)])[[4, 5, 6, 7, 12, 13, 14, 15]]
    assert torch.equal(torch.cat([b.labels for b in batches]), labels)
    torch.testing.assert_close(
        torch.from_numpy(clips.pooled["encoder"][[4, 5, 6, 7, 12, 13, 14, 15]]), expected.mean(1)
    )


def test_kept_tokens_are_made_in_one_pass():
    clips, encoder = frozen()
    list(itertools.islice(clips.endless("encoder", SOME, batch_size=4, seed=0), 9))
    list(clips.once("encoder", SOME))
    assert encoder.encoded == 20


def test_without_keeping_only_wanted_clips_are_encoded_again():
    clips, encoder = frozen(keep=False)
    list(clips.once("encoder", SOME))
    assert encoder.encoded == 20 + 8


def test_every_round_is_mixed_anew_and_whole():
    clips, _ = frozen()
    stream = clips.endless("encoder", SOME, batch_size=4, seed=0)
    rounds = [[v for b in itertools.islice(stream, 2) for v in b.videos] for _ in range(3)]
    assert len({tuple(sorted(videos)) for videos in rounds}) == 1
    assert len({tuple(videos) for videos in rounds}) == 3
    again = clips.endless("encoder", SOME, batch_size=4, seed=0)
    assert next(again).videos == tuple(rounds[0][:4])
    other = clips.endless("encoder", SOME, batch_size=4, seed=1)
    assert next(other).videos != tuple(rounds[0][:4])


def test_batches_are_full_and_no_larger_than_the_data():
    clips, _ = frozen()
    for size, expected in ((3, 3), (100, 8)):
        stream = clips.endless("encoder", SOME, batch_size=size, seed=0)
        assert {len(batch.videos) for batch in itertools.islice(stream, 7)} == {expected}


def test_a_longer_clip_is_encoded_segment_by_segment():
    batch = needle_clips(6)[0]
    other = replace(batch, frames=batch.frames.flip(0))
    longer = replace(batch, frames=torch.cat([batch.frames, other.frames], dim=1))
    encoder = PatchColours()
    expected = torch.cat([encode_clips(encoder, part) for part in (batch, other)], dim=1)
    assert torch.equal(encode_clips(encoder, longer), expected)


def test_refuses_a_broken_segment():
    batch = needle_clips(2)[0]
    short = replace(batch, frames=batch.frames.repeat(1, 2, 1, 1, 1)[:, :3])
    with pytest.raises(ValueError, match="Clips of 3 frames are no whole number"):
        encode_clips(PatchColours(), short)


def test_refuses_tokens_that_are_not_finite():
    class Broken(PatchColours):
        def encode(self, frames):
            tokens = super().encode(frames)
            tokens[1, 3, 2] = torch.inf
            return tokens

    with pytest.raises(ValueError, match=r"not finite for \['video-1'\] \(1 clips"):
        encode_clips(Broken(), needle_clips(4)[0])


def test_refuses_clips_that_can_be_read_only_once():
    clips, _ = frozen(iter(needle_clips(20)), keep=False)
    with pytest.raises(ValueError, match="can be read only once"):
        next(clips.endless("encoder", SOME, batch_size=4, seed=0))


def test_refuses_groups_without_clips():
    clips, _ = frozen()
    with pytest.raises(ValueError, match=r"No clip is of the groups \['elsewhere'\]"):
        next(clips.endless("encoder", {"elsewhere"}, batch_size=4, seed=0))


def test_table_says_who_the_clips_are():
    clips, _ = frozen(needle_clips(4, views=3, per_group=2))
    assert clips.table.videos.tolist() == [f"video-{i // 3}" for i in range(12)]
    assert clips.table.groups.tolist() == [f"group-{i // 6}" for i in range(12)]
    assert clips.table.views.tolist() == [0, 1, 2] * 4
    assert np.array_equal(clips.table.labels[::3], clips.table.labels[2::3])
