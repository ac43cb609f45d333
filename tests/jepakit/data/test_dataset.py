import dataclasses
import math
import pickle

import numpy as np
import pytest
import torch

from jepakit.batch import BatchRequest
from jepakit.data import ShardReader
from jepakit.data.dataset import BatchDataset
from jepakit.data.order import Order, Position
from jepakit.data.recycler import Recycler
from jepakit.data.views import Views
from jepakit.protocols import SampleMask

REQUEST = BatchRequest(frames=4, size=(32, 32), patch=8, tubelet=2)


class HalfMasker:
    """Hides a random half of the tokens; remembers what it was given."""

    def __init__(self):
        self.inputs = []

    @property
    def max_slots(self) -> int:
        return 1

    def __call__(self, sample, generator):
        self.inputs.append(sample)
        tokens = math.prod(sample.coverage.shape[1:])
        hidden = torch.randperm(tokens, generator=generator) < tokens // 2
        return SampleMask((~hidden).int(), hidden.int() - 1, objects=(sample.forced,))


def dataset_of(path, request=REQUEST, *, views=None, **options):
    reader = ShardReader(str(path))
    return BatchDataset(
        reader,
        order=Order(reader.sizes, shuffle=False),
        views=Views(reader.form, request, **(views or {})),
        **options,
    )


def places(*offsets, epoch=0):
    return [Position(epoch, offset) for offset in offsets]


def spoil(path, number):
    """Flip a byte in the middle of a sample's picture."""
    reader = ShardReader(str(path))
    shard, row = reader._locate(number)
    place = reader._index(shard).places(row)["png"]
    tar = path / f"{reader.shards[shard].name}.tar"
    data = bytearray(tar.read_bytes())
    data[place.offset + place.size // 2] ^= 4
    tar.write_bytes(data)
    return reader.key(number)


def test_a_batch_is_the_samples(make_set, make_sample, tmp_path):
    make_set(tmp_path, {"train": [3, 2]}, objects=2)
    batch, faults = dataset_of(tmp_path)[places(4, 0, 2)]
    assert faults == {}
    stored = list(ShardReader(str(tmp_path)))
    assert batch.keys == (stored[4].key, stored[0].key, stored[2].key)
    for row, number in enumerate((4, 0, 2)):
        np.testing.assert_array_equal(batch.frames[row].numpy(), stored[number].frames)
        np.testing.assert_array_equal(batch.coverage[row].numpy(), stored[number].coverage)
        labels = stored[number].meta["labels"]
        assert {n: v[row].item() for n, v in batch.targets.items()} == pytest.approx(labels)
    assert (batch.masks, batch.labels, batch.counterfactual, batch.removed) == (None,) * 4


def test_labels_only_where_asked_for(make_set, tmp_path):
    make_set(tmp_path, {"train": [2]})
    dataset = dataset_of(tmp_path, dataclasses.replace(REQUEST, labels=True))
    batch, _ = dataset[places(0, 1)]
    for labels, sample in zip(batch.labels, dataset.reader, strict=True):
        np.testing.assert_array_equal(labels.numpy(), sample.labels)


def test_flip_mirrors_pixels_coverage_labels_and_the_mirrored_target(make_set, tmp_path):
    make_set(tmp_path, {"train": [8]})
    request = dataclasses.replace(REQUEST, labels=True)
    dataset = dataset_of(tmp_path, request, views={"flip": True})
    batch, _ = dataset[places(*range(8))]
    flipped = [dataset.views.choose(0, key).flip for key in batch.keys]
    assert 0 < sum(flipped) < 8
    for row, sample in enumerate(dataset.reader):
        step = -1 if flipped[row] else 1
        end_x = sample.meta["labels"]["end_x"]
        np.testing.assert_array_equal(batch.frames[row].numpy(), sample.frames[:, :, ::step])
        np.testing.assert_array_equal(batch.labels[row].numpy(), sample.labels[:, :, ::step])
        np.testing.assert_array_equal(batch.coverage[row].numpy(), sample.coverage[..., ::step])
        assert batch.targets["end_x"][row].item() == pytest.approx(
            1 - end_x if flipped[row] else end_x
        )
        assert batch.targets["solved"][row].item() == sample.meta["labels"]["solved"]


def test_no_objects_and_255(make_set, tmp_path):
    for objects in (0, 255):
        make_set(tmp_path / str(objects), {"train": [2]}, objects=objects)
        batch, _ = dataset_of(tmp_path / str(objects), masker=HalfMasker())[places(0, 1)]
        assert batch.coverage.shape == (2, objects, 2, 4, 4)
        assert batch.masks.context.total + batch.masks.target.total == 2 * 32


def test_masks_repeat_by_seed_epoch_and_key_alone(make_set, tmp_path):
    make_set(tmp_path, {"train": [4]})

    def hidden(seed, epoch, *offsets):
        batch, _ = dataset_of(tmp_path, masker=HalfMasker(), seed=seed)[
            places(*offsets, epoch=epoch)
        ]
        parts = batch.masks.target.position.split(batch.masks.target.lengths)
        return dict(zip(batch.keys, (tuple(p.tolist()) for p in parts), strict=True))

    first = hidden(0, 0, 0, 1, 2, 3)
    assert hidden(0, 0, 3, 1) == {key: first[key] for key in hidden(0, 0, 3, 1)}
    assert len(set(first.values())) == 4
    assert hidden(0, 1, 0, 1, 2, 3) != first
    assert hidden(1, 0, 0, 1, 2, 3) != first


def test_counterfactuals_are_chosen_by_the_seed_and_forced_on_the_masker(make_set, tmp_path):
    make_set(tmp_path, {"train": [6]}, objects=3, counterfactuals=3)
    masker = HalfMasker()
    request = dataclasses.replace(REQUEST, counterfactual=True)
    dataset = dataset_of(tmp_path, request, masker=masker)
    seen = set()
    for epoch in range(4):
        masker.inputs.clear()
        batch, _ = dataset[places(*range(6), epoch=epoch)]
        assert torch.equal(batch.counterfactual, 255 - batch.frames)
        assert [item.forced for item in masker.inputs] == batch.removed.tolist()
        assert torch.equal(batch.removed, dataset[places(*range(6), epoch=epoch)][0].removed)
        seen |= set(batch.removed.tolist())
    assert seen <= {1, 2, 3}
    assert len(seen) > 1


def test_a_clip_without_counterfactual_stands_in_for_itself(make_set, make_sample, form, tmp_path):
    from jepakit.data.manifest import Description, merge_manifest
    from jepakit.data.members import encode_sample
    from jepakit.data.shard_writer import write_shard

    samples = [make_sample("a", counterfactuals=1), make_sample("b"), make_sample("c", objects=0)]
    description = Description("noise", "tests/1", ("CC0-1.0",), form)
    encoded = (encode_sample(sample, form) for sample in samples)
    write_shard(tmp_path, "s", encoded, split="train", spec="x")
    merge_manifest(tmp_path, description, ["s"])
    request = dataclasses.replace(REQUEST, counterfactual=True)
    batch, _ = dataset_of(tmp_path, request)[places(0, 1, 2)]
    assert batch.removed.tolist() == [1, 0, 0]
    assert torch.equal(batch.counterfactual[1:], batch.frames[1:])
    assert batch.coverage.shape[1] == 2
    assert not batch.coverage[2].any()


def test_counterfactuals_that_are_not_there(make_set, tmp_path):
    make_set(tmp_path, {"train": [2]})
    with pytest.raises(ValueError, match="has none; prepare the data with --counterfactuals"):
        dataset_of(tmp_path, dataclasses.replace(REQUEST, counterfactual=True))


def test_a_damaged_sample_is_replaced_by_the_next_in_order(make_set, tmp_path):
    make_set(tmp_path, {"train": [6]})
    keys = [spoil(tmp_path, 2), spoil(tmp_path, 3)]
    dataset = dataset_of(tmp_path, allowed=2)
    batch, faults = dataset[places(1, 2, 3, 5)]
    stored = [dataset.reader.key(n) for n in (1, 4, 4, 5)]
    assert list(batch.keys) == stored
    assert sorted(faults) == sorted(keys)
    assert "train-000000.tar, sample" in faults[keys[0]]
    assert "png: damaged" in faults[keys[0]]
    good = dataset_of(tmp_path)[places(4)][0]
    assert torch.equal(batch.frames[1], good.frames[0])


def test_the_last_sample_is_replaced_by_the_first(make_set, tmp_path):
    make_set(tmp_path, {"train": [3]})
    spoil(tmp_path, 2)
    batch, _ = dataset_of(tmp_path, allowed=1)[places(2)]
    assert batch.keys == (ShardReader(str(tmp_path)).key(0),)


def test_only_damaged_samples_end_with_their_list(make_set, tmp_path):
    make_set(tmp_path, {"train": [3]})
    keys = [spoil(tmp_path, number) for number in range(3)]
    with pytest.raises(ValueError, match="Only damaged samples in a row") as caught:
        dataset_of(tmp_path, allowed=3)[places(0)]
    assert all(key in str(caught.value) for key in keys)


def test_memory_is_used_again_only_when_nothing_refers_to_it():
    recycler = Recycler()
    first = torch.from_numpy(recycler.take((4, 8)))
    address = first.data_ptr()
    row = first[1]
    del first
    assert torch.from_numpy(recycler.take((4, 8))).data_ptr() != address  # a view is alive
    del row
    assert torch.from_numpy(recycler.take((4, 8))).data_ptr() == address
    kept = [recycler.take((4, 8)) for _ in range(40)]
    assert len({array.ctypes.data for array in kept}) == 40
    assert recycler.take((2, 2)).shape == (2, 2)


def test_a_dataset_travels_to_spawned_workers_without_its_memory(make_set, tmp_path):
    make_set(tmp_path, {"train": [4]})
    dataset = dataset_of(tmp_path, masker=HalfMasker())
    size = len(pickle.dumps(dataset))
    batch, _ = dataset[places(0, 1)]
    dataset.masker.inputs.clear()
    data = pickle.dumps(dataset)
    assert len(data) < size + 5000
    assert torch.equal(pickle.loads(data)[places(0, 1)][0].frames, batch.frames)


def test_batches_that_are_kept_stay_as_they_are(make_set, tmp_path):
    make_set(tmp_path, {"train": [6]})
    dataset = dataset_of(tmp_path)
    batches = [dataset[places(n)][0] for n in range(6)]
    for batch, sample in zip(batches, dataset.reader, strict=True):
        np.testing.assert_array_equal(batch.frames[0].numpy(), sample.frames)
