from itertools import product

import pytest
from hand_scenes import STEPS, blocked, carried, pushed

from worlds.craft.events import COLLIDE_BASKET, COLLIDE_GROUND, ENTER_BASKET
from worlds.craft.imagined import imagine
from worlds.craft.program import Program, answer
from worlds.craft.semantics import RELATIONS, Facts, hinges

# By (factual, without, moving), as the documentation of CRAFT's templates says.
TRUE_FOR = {
    "cause": {(True, False, False)},
    "enable": {(True, False, True)},
    "prevent": {(False, True, True)},
    "counterfactual": {
        (True, True, False),
        (True, True, True),
        (False, True, False),
        (False, True, True),
    },
}


@pytest.mark.parametrize("relation", RELATIONS)
def test_truth_tables(relation):
    for facts in product([False, True], repeat=3):
        assert RELATIONS[relation](Facts(*facts)) == (facts in TRUE_FOR[relation])


@pytest.mark.parametrize("relation", RELATIONS)
def test_hinges_on_what_would_happen(relation):
    for factual, without, moving in product([False, True], repeat=3):
        other = (factual, not without, moving)
        differs = ((factual, without, moving) in TRUE_FOR[relation]) != (
            other in TRUE_FOR[relation]
        )
        assert hinges(relation, Facts(factual, without, moving)) == differs


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        # 1 pushes 2, at rest, off the platform; 3 has no part in it.
        (
            pushed,
            {
                ("cause", COLLIDE_GROUND, 1, 2): "True",
                ("cause", COLLIDE_GROUND, 3, 2): "False",
                ("enable", COLLIDE_GROUND, 1, 2): "False",
                ("prevent", COLLIDE_GROUND, 1, 2): "False",
                ("counterfactual", COLLIDE_GROUND, 1, 2): "False",
                ("counterfactual", COLLIDE_GROUND, 3, 2): "True",
                ("cause", ENTER_BASKET, 1, 2): "False",
            },
        ),
        # The same, but 2 moves at the start.
        (
            lambda: pushed(speed=0.5),
            {
                ("enable", COLLIDE_GROUND, 1, 2): "True",
                ("enable", COLLIDE_GROUND, 3, 2): "False",
                ("cause", COLLIDE_GROUND, 1, 2): "False",
                ("counterfactual", COLLIDE_GROUND, 1, 2): "False",
            },
        ),
        (
            blocked,
            {
                ("prevent", ENTER_BASKET, 2, 1): "True",
                ("counterfactual", ENTER_BASKET, 2, 1): "True",
                ("counterfactual", ENTER_BASKET, 1, 2): "False",
                ("prevent", COLLIDE_GROUND, 2, 1): "False",
                ("prevent", ENTER_BASKET, 1, 2): "False",
            },
        ),
        # What rests on something does not collide with the ground, and would without it; it is
        # not prevented from that, because it is at rest.
        (
            carried,
            {
                ("counterfactual", COLLIDE_GROUND, 1, 2): "True",
                ("prevent", COLLIDE_GROUND, 1, 2): "False",
                ("counterfactual", COLLIDE_GROUND, 2, 1): "False",
                ("counterfactual", COLLIDE_BASKET, 1, 2): "False",
            },
        ),
    ],
)
def test_hand_made_scenes(make, expected):
    worlds = imagine(make(), STEPS)
    for (relation, event, removed, thing), value in expected.items():
        program = Program(relation, event, thing=thing, other=removed)
        assert answer(program, worlds) == value, program
