"""The head of CoPhy: what it reads of whom, and who may act on whom."""

import pytest
import torch

from jepakit.evals.cophy.head import CounterfactualHead, Layout, ObjectReadout

LAYOUT = Layout(token_width=6, grid=(2, 2, 3), tubelet=2, rows=3, axes=2)
TOKENS = 3 * 2 * 3  # of two tubelets and of the changed frame


@pytest.fixture
def head():
    torch.manual_seed(0)
    head = CounterfactualHead(LAYOUT, width=16, blocks=2).eval()
    torch.nn.init.normal_(head.path.weight)
    torch.nn.init.normal_(head.readout.within.weight)
    return head


def played(head, tokens, present, before):
    """Places of two scenes that begin at fixed places; these objects are there."""
    start = torch.rand(2, LAYOUT.rows, 2, generator=torch.Generator().manual_seed(1))
    flags = (torch.tensor([there, there]) for there in (present, before))
    with torch.no_grad():
        return head(tokens, start, *flags).future


def random_tokens(seed):
    return torch.randn(2, TOKENS, 6, generator=torch.Generator().manual_seed(seed))


def test_a_readout_finds_a_marked_token_and_its_value():
    torch.manual_seed(0)
    readout = ObjectReadout(LAYOUT, width=4)
    marked = {(0, 0): 1, (0, 1): 5, (1, 0): 2, (1, 1): 2, (2, 0): 4, (2, 1): 0}
    tokens = torch.zeros(1, 3, 6, 6)
    for (tubelet, row), place in marked.items():
        tokens[0, tubelet, place, row] = 50.0
    tokens[..., 3:] = torch.randn(1, 3, 6, 3)
    with torch.no_grad():
        readout.score.weight.copy_(torch.eye(3, 6))
        reading = readout(tokens.flatten(1, 2))
        values = readout.value(tokens)
    torch.testing.assert_close(reading.shares.exp().sum(dim=2), torch.ones(1, 3, 3))
    places = [(y, x) for y in (-0.5, 0.5) for x in (-2 / 3, 0.0, 2 / 3)]
    for (tubelet, row), place in marked.items():
        torch.testing.assert_close(reading.values[0, row, tubelet], values[0, tubelet, place])
        if tubelet < 2:
            where = readout.where(torch.tensor(places[place]))
            for frame in (2 * tubelet, 2 * tubelet + 1):  # offsets within a token are 0 at first
                torch.testing.assert_close(reading.past[0, frame, row], where)


def test_offsets_place_an_object_within_the_frames_of_its_token(head):
    reading = head.readout(random_tokens(2))
    values = reading.values[:, :, :-1]
    offsets = head.readout.within(values).unflatten(-1, (2, 2))
    between = offsets[:, :, :, 1] - offsets[:, :, :, 0]
    for tubelet in range(2):
        moved = reading.past[:, 2 * tubelet + 1] - reading.past[:, 2 * tubelet]
        torch.testing.assert_close(moved, between[:, :, tubelet])


def test_tokens_are_standardised_by_those_of_training():
    readout = ObjectReadout(LAYOUT, width=4)
    given = torch.randn(5, TOKENS, 6) * torch.arange(1.0, 7) + 3
    with torch.no_grad():
        plain = readout((given - given.mean((0, 1))) / given.flatten(0, 1).std(dim=0))
        readout.standardise(given)
        torch.testing.assert_close(readout(given).past, plain.past)


def test_nothing_is_read_of_objects_that_were_not_in_ab(head):
    present = [True, True, False]
    here, nobody = [True, True, False], [False, False, False]
    one, two = (random_tokens(seed) for seed in (3, 4))
    assert not torch.allclose(played(head, one, present, here), played(head, two, present, here))
    torch.testing.assert_close(
        played(head, one, present, nobody), played(head, two, present, nobody)
    )


def test_objects_of_either_clip_act_and_others_do_not(head):
    tokens, there = random_tokens(5), [True, True, False]
    alone = played(head, tokens, [False, True, False], [False, True, False])
    only_before = played(head, tokens, [False, True, False], [True, True, False])
    only_after = played(head, tokens, there, [False, True, False])
    assert not torch.allclose(alone[:, 1:, 1], only_before[:, 1:, 1])
    assert not torch.allclose(alone[:, 1:, 1], only_after[:, 1:, 1])
    with torch.no_grad():
        before = played(head, tokens, there, there)
        head.row.weight[2] += 10.0  # of the row that is nowhere
    torch.testing.assert_close(played(head, tokens, there, there)[:, :, :2], before[:, :, :2])
