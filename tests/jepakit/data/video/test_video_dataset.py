import logging
import pickle

import numpy as np
import pytest
import torch
from gray_videos import cut, gray, number_of, numbers_of, write_video
from PIL import Image

from jepakit.batch import BatchRequest
from jepakit.data.order import Order, Position
from jepakit.data.video.augmentation import Augmentation
from jepakit.data.video.catalogue import Catalogue, Entry, read_catalogue
from jepakit.data.video.dataset import VideoBatches
from jepakit.data.video.loader import video_batches
from jepakit.data.video.sampling import FrameSampling
from jepakit.masks import MultiblockMasker, TubeMasker

REQUEST = BatchRequest(frames=4, size=(32, 32), patch=8, tubelet=2)
WHOLE = Augmentation(scale=(1.0, 1.0), ratio=(1.0, 1.3), flip=False, centre=1.0)


def dataset_of(catalogue, **options):
    options = {"sampling": FrameSampling(stride=2), "augmentation": WHOLE, **options}
    clips = 1 if options.get("random", True) else options["sampling"].clips
    order = Order((len(catalogue) * clips,), shuffle=False)
    return VideoBatches(catalogue, order=order, request=options.pop("request", REQUEST), **options)


def catalogue_of(*paths):
    return Catalogue(tuple(Entry(f"v{n}", str(path), None) for n, path in enumerate(paths)))


def places(*offsets, epoch=0):
    return [Position(epoch, offset) for offset in offsets]


def test_a_batch_is_clips_without_objects_with_their_labels(videos):
    dataset = dataset_of(read_catalogue(str(videos)))
    batch, faults = dataset[places(0, 6, 3)]
    assert faults == {}
    assert batch.keys == ("a-v0", "b-v5", "a-v6")
    assert batch.frames.shape == (3, 4, 32, 32, 3)
    assert batch.frames.dtype == torch.uint8
    assert batch.coverage.shape == (3, 0, 2, 4, 4)
    assert batch.targets["label"].tolist() == [0.0, 1.0, 0.0]
    assert (batch.masks, batch.labels, batch.counterfactual, batch.removed) == (None,) * 4
    for clip in batch.frames.numpy():
        numbers = numbers_of(clip)
        assert np.diff(numbers).tolist() == [2, 2, 2]


@pytest.mark.parametrize("masker", [MultiblockMasker(), TubeMasker()])
def test_maskers_work_without_objects_and_repeat_by_seed_epoch_and_key(videos, masker):
    catalogue = read_catalogue(str(videos))

    def hidden(*offsets, seed=0, epoch=0):
        batch, _ = dataset_of(catalogue, masker=masker, seed=seed)[places(*offsets, epoch=epoch)]
        masks = batch.masks
        assert masks.context.total + masks.target.total <= 32 * len(offsets)
        rows = masks.target.position.split(masks.target.lengths)
        return {key: row.tolist() for key, row in zip(batch.keys, rows, strict=True)}

    first = hidden(0, 1, 2, 3)
    assert hidden(2, 0) == {key: first[key] for key in hidden(2, 0)}
    assert hidden(0, 1, 2, 3, epoch=1) != first
    assert hidden(0, 1, 2, 3, seed=1) != first


def test_views_repeat_by_seed_epoch_and_key_alone(videos):
    catalogue = read_catalogue(str(videos))

    def frames(*offsets, seed=0, epoch=0):
        dataset = dataset_of(catalogue, seed=seed, augmentation=Augmentation())
        batch, _ = dataset[places(*offsets, epoch=epoch)]
        return dict(zip(batch.keys, batch.frames, strict=True))

    first = frames(0, 1, 2, 3)
    for key, clip in frames(3, 1).items():
        assert torch.equal(clip, first[key])
    for other in (frames(0, 1, 2, 3, epoch=1), frames(0, 1, 2, 3, seed=1)):
        assert not any(torch.equal(other[key], first[key]) for key in first)


def test_every_start_comes_in_training(videos):
    dataset = dataset_of(read_catalogue(str(videos)))
    starts = {
        number_of(dataset[places(0, epoch=epoch)][0].frames[0, 0].numpy()) for epoch in range(150)
    }
    assert starts == set(range(14))  # 20 frames, of which a clip spans 7


def test_one_window_for_all_frames_of_a_clip(tmp_path):
    pictures = [gray(0)] * 12
    path = write_video(tmp_path / "a.mp4", 12, options={"qp": "0"}, pictures=pictures)
    dataset = dataset_of(catalogue_of(path), augmentation=Augmentation())
    batch, _ = dataset[places(0)]
    assert torch.equal(batch.frames[0], batch.frames[0, :1].expand(4, -1, -1, -1))


def test_validation_spreads_clips_evenly_and_numbers_them(videos):
    sampling = FrameSampling(stride=1, clips=3)
    dataset = dataset_of(read_catalogue(str(videos)), sampling=sampling, random=False)
    batch, _ = dataset[places(0, 1, 2, 3)]
    assert batch.keys == ("a-v0--0", "a-v0--1", "a-v0--2", "a-v2--0")
    starts = [number_of(clip[0].numpy()) for clip in batch.frames]
    assert starts == [2, 8, 14, 3]  # of 20 frames the 4 begin at 0..16, of 26 at 0..22
    again, _ = dataset[places(0, 1, 2, 3, epoch=5)]
    assert torch.equal(again.frames, batch.frames)


def test_a_short_video_repeats_its_last_frame_and_says_so_once(tmp_path, caplog):
    paths = [write_video(tmp_path / f"{n}.mp4", n) for n in (1, 3)]
    dataset = dataset_of(catalogue_of(*paths))
    with caplog.at_level(logging.WARNING):
        batch, faults = dataset[places(0, 1)]
    assert faults == {}
    assert [numbers_of(clip) for clip in batch.frames.numpy()] == [[0, 0, 0, 0], [0, 2, 2, 2]]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "1.mp4 ends before a clip of 4 frames does; its last frame is repeated" in said[0]


def test_an_image_becomes_a_clip_without_a_word(tmp_path, caplog):
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    dataset = dataset_of(catalogue_of(tmp_path / "a.png"), random=False)
    with caplog.at_level(logging.WARNING):
        batch, _ = dataset[places(0)]
    for frame in batch.frames[0]:
        np.testing.assert_array_equal(frame.numpy(), picture)
    assert not caplog.records


def test_an_unreadable_video_is_replaced_by_the_next_in_order(tmp_path):
    paths = [write_video(tmp_path / f"{n}.mp4", 8 + n) for n in range(5)]
    cut(paths[1], 0.5)
    paths[2].write_bytes(b"no video")
    dataset = dataset_of(catalogue_of(*paths), allowed=2)
    batch, faults = dataset[places(0, 1, 2, 4)]
    assert batch.keys == ("v0", "v3", "v3", "v4")
    assert sorted(faults) == ["v1", "v2"]
    assert "1.mp4: " in faults["v1"]
    assert "2.mp4: Invalid data found" in faults["v2"]
    clean, _ = dataset_of(catalogue_of(*paths))[places(3)]
    assert torch.equal(batch.frames[1], clean.frames[0])


def test_only_unreadable_videos_end_with_their_list(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"")
    catalogue = catalogue_of(tmp_path / "a.mp4", tmp_path / "b.mp4")
    with pytest.raises(ValueError, match="Only damaged samples in a row") as caught:
        dataset_of(catalogue, allowed=5)[places(0)]
    assert all(name in str(caught.value) for name in ("a.mp4", "b.mp4"))


@pytest.mark.parametrize("asked", [{"labels": True}, {"counterfactual": True}])
def test_what_videos_do_not_have_is_refused(asked):
    request = BatchRequest(frames=4, size=(32, 32), patch=8, tubelet=2, **asked)
    with pytest.raises(ValueError, match="which video files do not have"):
        dataset_of(catalogue_of("a.mp4"), request=request)


def test_clips_divide_into_tokens():
    request = BatchRequest(frames=5, size=(32, 32), patch=8, tubelet=2)
    with pytest.raises(ValueError, match="5 frames of 32x32 pixels do not divide"):
        dataset_of(catalogue_of("a.mp4"), request=request)


def test_a_dataset_travels_to_spawned_workers(videos):
    dataset = dataset_of(read_catalogue(str(videos)))
    batch, _ = dataset[places(0, 1)]
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[places(0, 1)][0].frames, batch.frames)


@pytest.mark.parametrize("workers", [0, 2])
def test_one_pass_reads_every_clip_once(videos, workers):
    sampling = FrameSampling(fps=5.0, clips=2)
    loader = video_batches(
        str(videos), REQUEST, sampling=sampling, batch_size=4, masker=TubeMasker(), workers=workers
    )
    batches = list(loader)
    assert [len(batch) for batch in batches] == [4, 4, 4, 2]
    keys = [key for batch in batches for key in batch.keys]
    names = [entry.key for entry in read_catalogue(str(videos)).entries]
    assert keys == [f"{name}--{clip}" for name in names for clip in (0, 1)]


def test_one_pass_stops_above_the_budget(tmp_path):
    for n in range(3):
        write_video(tmp_path / f"{n}.mp4", 8)
    cut(tmp_path / "1.mp4", 0.5)
    with pytest.raises(ValueError, match=r"allows 0 of 3. Replace or delete these files") as caught:
        list(video_batches(str(tmp_path), REQUEST, sampling=FrameSampling(stride=1)))
    assert "1.mp4" in str(caught.value)
    batches = list(
        video_batches(
            str(tmp_path), REQUEST, sampling=FrameSampling(stride=1), bad_sample_budget=0.3
        )
    )
    assert [key for batch in batches for key in batch.keys] == ["0", "2", "2"]
