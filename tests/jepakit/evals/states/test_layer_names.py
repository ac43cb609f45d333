"""Short names, ticks, and where the paper's blocks lie."""

import pytest

from jepakit.evals.states.page.layer_names import place_of_block, short_name, tick_names


def blocks(*numbers):
    return [f"blocks.{i:02d}.out" for i in numbers]


def test_names():
    assert short_name("blocks.07.out") == "L7"
    assert short_name("norm") == "norm"
    assert (
        short_name("blocks.07.out (4 of 5), blocks.10.out (1 of 5)") == "L7 (4 of 5), L10 (1 of 5)"
    )


@pytest.mark.parametrize("count", [1, 2, 13, 14, 15, 24, 32, 48])
def test_ticks_hold_both_ends_and_do_not_crowd(count):
    layers = ["embed", *blocks(*range(count)), "norm"]
    places, names = tick_names(layers)
    assert (names[0], names[-1]) == ("embed", "norm")
    assert len(places) == len(names) <= 15
    assert places == sorted(set(places))


def test_blocks_of_the_same_depth_stand_on_their_own_places():
    layers = ["embed", *blocks(*range(24)), "norm"]
    assert [place_of_block(b, 24, layers) for b in (0, 7, 23)] == [1, 8, 24]


def test_other_depths_are_relative_and_gaps_are_filled():
    assert place_of_block(23, 24, blocks(*range(12))) == 11
    assert place_of_block(7, 24, blocks(*range(12))) == pytest.approx(7 / 23 * 11)
    assert place_of_block(7, 24, blocks(3, 11, 23)) == pytest.approx(0.5)


def test_layers_without_blocks_count_as_blocks():
    assert place_of_block(23, 24, ["a", "b", "c"]) == 2
