import itertools

import pytest
import torch

from jepakit.batch import BatchRequest
from jepakit.data import ShardReader
from jepakit.data.dataset import BatchDataset
from jepakit.data.faults import FaultLedger
from jepakit.data.loader import ClipLoader, PlaceSampler, clip_batches
from jepakit.data.order import Dealer, Order, Position
from jepakit.data.views import Views
from jepakit.masks.objects import ObjectMasker

REQUEST = BatchRequest(frames=4, size=(32, 32), patch=8, tubelet=2)


def stream(path, start=(0, 0), *, workers=0, world=1, rank=0, batch=3, budget=0.0, masker=None):
    reader = ShardReader(str(path))
    ledger = FaultLedger(len(reader), budget)
    dataset = BatchDataset(
        reader,
        order=Order(reader.sizes, seed=7),
        views=Views(reader.form, REQUEST, flip=True),
        masker=masker,
        seed=7,
        allowed=ledger.allowed,
    )
    dealer = Dealer(len(reader), batch, world)
    sampler = PlaceSampler(dealer, rank=rank, start=lambda: Position(*start), endless=True)
    return ClipLoader(dataset, sampler, ledger, workers=workers)


def take(loader, batches):
    return list(itertools.islice(loader, batches))


def assert_same(a, b):
    assert a.keys == b.keys
    assert torch.equal(a.frames, b.frames)
    assert torch.equal(a.coverage, b.coverage)
    assert torch.equal(a.masks.target.index, b.masks.target.index)
    assert torch.equal(a.masks.slot, b.masks.slot)
    assert a.targets.keys() == b.targets.keys()


@pytest.fixture
def path(make_set, tmp_path):
    make_set(tmp_path, {"train": [5, 4, 2]}, objects=2)
    return tmp_path


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(path, workers):
    masker = ObjectMasker()
    plain = take(stream(path, masker=masker), 9)
    for a, b in zip(plain, take(stream(path, workers=workers, masker=masker), 9), strict=True):
        assert_same(a, b)


@pytest.mark.parametrize("workers", [0, 2])
def test_resuming_mid_epoch_continues_exactly(path, workers):
    masker = ObjectMasker()
    whole = take(stream(path, masker=masker), 10)
    start = Dealer(11, 3).after(Position(0, 0), 4)
    assert start == (1, 1)
    rest = take(stream(path, start, workers=workers, masker=masker), 6)
    for a, b in zip(whole[4:], rest, strict=True):
        assert_same(a, b)


def test_ranks_together_read_what_one_rank_reads(path):
    alone = [key for batch in take(stream(path, batch=4), 6) for key in batch.keys]
    pairs = zip(
        *(take(stream(path, batch=2, world=2, rank=rank), 6) for rank in (0, 1)), strict=True
    )
    assert [key for pair in pairs for batch in pair for key in batch.keys] == alone


def test_starting_draws_nothing_from_the_global_stream(path):
    state = torch.get_rng_state()
    take(stream(path, masker=ObjectMasker()), 2)
    take(stream(path, workers=1), 2)
    assert torch.equal(torch.get_rng_state(), state)


def truncate(path):
    tar = path / "train-000001.tar"
    tar.write_bytes(tar.read_bytes()[: tar.stat().st_size // 2])
    good = []
    for number, key in enumerate(map(ShardReader(str(path)).key, range(11))):
        with ShardReader(str(path)).open(number) as stored:
            try:
                stored.whole()
                good.append(key)
            except ValueError:
                pass
    return good


@pytest.mark.parametrize("workers", [0, 2])
def test_a_truncated_shard_is_skipped_and_counted_within_the_budget(path, workers):
    good = truncate(path)
    lost = 11 - len(good)
    assert 0 < lost < 4
    loader = stream(path, workers=workers, budget=lost / 11)
    batches = take(loader, 11)
    assert {key for batch in batches for key in batch.keys} == set(good)
    assert all(len(batch) == 3 for batch in batches)
    assert len(loader.ledger) == lost
    assert all("train-000001.tar" in reason for reason in loader.ledger.faults.values())


@pytest.mark.parametrize("workers", [0, 2])
def test_a_truncated_shard_above_the_budget_stops_with_the_list(path, workers):
    truncate(path)
    with pytest.raises(ValueError, match=r"train-000001.tar, sample 'clip-train-1-"):
        take(stream(path, workers=workers, budget=0.0), 11)


def test_one_pass_reads_each_sample_once_in_stored_order(path):
    loader = clip_batches(str(path), REQUEST, batch_size=4)
    assert len(loader) == 3
    for _ in range(2):
        batches = list(loader)
        assert [len(batch) for batch in batches] == [4, 4, 3]
        keys = [key for batch in batches for key in batch.keys]
        assert keys == [sample.key for sample in ShardReader(str(path))]


def test_an_endless_stream_has_no_length(path):
    with pytest.raises(TypeError, match="no length"):
        len(stream(path))


def test_prefetch_is_bounded_by_bytes(path, monkeypatch):
    monkeypatch.setattr("jepakit.data.loader.PREFETCH_BYTES", 80_000)
    loader = stream(path)  # a batch has 3 * 4 * 32 * 32 * 3 = 36,864 bytes
    assert [loader._prefetch(workers) for workers in (1, 2, 8)] == [2, 1, 1]
    monkeypatch.undo()
    assert loader._prefetch(8) == 4
