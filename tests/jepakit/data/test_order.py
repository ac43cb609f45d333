import itertools
import random

import numpy as np
import pytest

from jepakit.data.order import Dealer, Order, Position


def joint(dealer: Dealer, start: Position, batches: int) -> list[Position]:
    """What all ranks read together, in the order of the global batches."""
    streams = [dealer.stream(start, rank) for rank in range(dealer.world)]
    ranks = [list(itertools.islice(stream, batches)) for stream in streams]
    return [place for batch in zip(*ranks, strict=True) for part in batch for place in part]


def layouts(count: int):
    draw = random.Random(0)
    for _ in range(count):
        sizes = tuple(draw.randint(0, 30) for _ in range(draw.randint(1, 8)))
        if sum(sizes):
            yield draw, sizes


def test_each_sample_once_per_epoch_in_200_layouts():
    for draw, sizes in layouts(220):
        order = Order(sizes, seed=draw.randint(0, 9), window=draw.choice([0, 0, 1, 2, 5]))
        world, batch = draw.choice([1, 2, 4]), draw.randint(1, 9)
        dealer = Dealer(len(order), batch, world, "carry")
        epochs = 3
        batches = -(-epochs * len(order) // dealer.joint)
        places = joint(dealer, Position(0, 0), batches)
        for epoch in range(epochs):
            numbers = [int(order.epoch(e)[o]) for e, o in places if e == epoch]
            assert sorted(numbers) == list(range(len(order)))


def test_changing_the_number_of_ranks_continues_the_order_in_200_layouts():
    for draw, sizes in layouts(220):
        samples = sum(sizes)
        consumed, position = [], Position(0, 0)
        for world in draw.sample([1, 2, 4, 8], 4):
            dealer = Dealer(samples, draw.randint(1, 9), world, "carry")
            batches = draw.randint(0, 12)
            consumed += joint(dealer, position, batches)
            position = dealer.after(position, batches)
        assert consumed == [
            Position(place // samples, place % samples) for place in range(len(consumed))
        ]
        assert position == Position(*divmod(len(consumed), samples))


@pytest.mark.parametrize("last", ["carry", "drop", "pad"])
def test_resuming_anywhere_equals_not_stopping(last):
    for draw, sizes in layouts(60):
        batch, world = draw.randint(1, 6), draw.choice([1, 2, 3])
        if last == "drop" and sum(sizes) < batch * world:
            continue
        dealer = Dealer(sum(sizes), batch, world, last)
        stop, total = draw.randint(0, 20), 30
        start = Position(0, 0)
        whole = joint(dealer, start, total)
        resumed = joint(dealer, start, stop) + joint(
            dealer, dealer.after(start, stop), total - stop
        )
        assert resumed == whole


def test_ranks_have_equal_sizes_and_nothing_in_common():
    dealer = Dealer(103, 5, 4, "carry")
    for _ in range(3):
        parts = [dealer.deal(Position(0, 40), rank) for rank in range(4)]
        assert [len(part) for part in parts] == [5, 5, 5, 5]
        assert len(set().union(*parts)) == 20


def test_drop_leaves_the_rest_of_an_epoch_out():
    dealer = Dealer(10, 2, 2, "drop")
    assert dealer.batches() == 2
    places = joint(dealer, Position(0, 0), 3)
    assert places == [*(Position(0, i) for i in range(8)), *(Position(1, i) for i in range(4))]


def test_drop_with_other_ranks_mid_epoch_continues_at_the_offset():
    position = Dealer(20, 3, 2, "drop").after(Position(0, 0), 1)
    assert joint(Dealer(20, 4, 1, "drop"), position, 4)[:14] == [
        *(Position(0, i) for i in range(6, 18)),
        Position(1, 0),
        Position(1, 1),
    ]


def test_pad_completes_with_the_first_of_the_epoch():
    dealer = Dealer(5, 2, 2, "pad")
    assert dealer.batches() == 2
    offsets = [place.offset for place in joint(dealer, Position(0, 0), 2)]
    assert offsets == [0, 1, 2, 3, 4, 0, 1, 2]


def test_short_ends_with_a_smaller_batch():
    dealer = Dealer(5, 2, 1, "short")
    assert [len(b) for b in itertools.islice(dealer.stream(Position(0, 0), 0), 3)] == [2, 2, 1]


def test_more_ranks_than_samples():
    dealer = Dealer(3, 2, 4, "carry")
    assert [place.epoch for place in joint(dealer, Position(0, 0), 1)] == [0, 0, 0, 1, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((10, 0, 1, "carry"), "positive"),
        ((10, 1, 0, "carry"), "positive"),
        ((10, 6, 2, "drop"), r"10 samples make no whole global batch of 12 \(2 ranks x 6\)"),
        ((10, 2, 2, "short"), "different sizes"),
    ],
)
def test_layouts_that_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Dealer(*arguments)


def test_orders_that_are_refused():
    for sizes, window in (((), 0), ((0, 0), 0), ((3,), -1), ((4, -1), 0)):
        with pytest.raises(ValueError, match="Need samples"):
            Order(sizes, window=window)


def test_the_order_depends_on_seed_and_epoch_and_never_on_the_machine():
    order = Order((4, 3), seed=1)
    assert order.epoch(0).tolist() == GOLDEN
    assert order.epoch(1).tolist() != GOLDEN
    assert Order((4, 3), seed=2).epoch(0).tolist() != GOLDEN
    assert Order((4, 3), shuffle=False).epoch(5).tolist() == list(range(7))


GOLDEN = [1, 5, 2, 3, 0, 4, 6]


def test_a_window_reads_few_shards_at_a_time_and_still_mixes_them():
    sizes = (16,) * 12
    numbers = Order(sizes, seed=3, window=3).epoch(0)
    shards = numbers // 16
    windows = [set(shards[i : i + 48].tolist()) for i in range(0, len(shards), 48)]
    assert [len(window) for window in windows] == [3, 3, 3, 3]
    assert len(set().union(*windows)) == 12
    assert max(len(list(run)) for _, run in itertools.groupby(shards.tolist())) < 9


def test_a_global_permutation_is_uniform():
    # Every sample comes first about equally often: 400 draws of 8, chi-squared below its 99.9 %.
    first = np.array([Order((5, 3), seed=s).epoch(0)[0] for s in range(400)])
    counts = np.bincount(first, minlength=8)
    assert ((counts - 50) ** 2 / 50).sum() < 24.3
