import pytest

from worlds.craft.arena import Thing
from worlds.craft.events import (
    COLLIDE_BASKET,
    COLLIDE_GROUND,
    COLLIDE_OBJECT,
    ENTER_BASKET,
    Event,
    History,
)
from worlds.craft.imagined import Worlds
from worlds.craft.program import Program, answer
from worlds.craft.questions import is_stable

THINGS = (
    Thing(1, "small", "red", "cube"),
    Thing(2, "large", "blue", "cube"),
    Thing(3, "small", "green", "circle"),
    Thing(4, "large", "gray", "triangle"),
)
EVENTS = (
    Event(10, COLLIDE_GROUND, 3, 0),
    Event(20, COLLIDE_OBJECT, 1, 2),
    Event(30, COLLIDE_GROUND, 1, 0),
    Event(40, ENTER_BASKET, 2, 5),
    Event(45, COLLIDE_BASKET, 2, 5),
    Event(50, COLLIDE_OBJECT, 1, 3),
    Event(60, COLLIDE_GROUND, 1, 0),
    Event(70, COLLIDE_GROUND, 3, 0),
)


def worlds(*events: Event, moving: frozenset[int] = frozenset({1, 3})) -> Worlds:
    told = History(events or EVENTS, moving)
    return Worlds(THINGS, told, {})


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (Program("happens", COLLIDE_GROUND, thing=1), "True"),
        (Program("happens", COLLIDE_GROUND, thing=2), "False"),
        (Program("collide", thing=2, other=1), "True"),
        (Program("collide", thing=2, other=3), "False"),
        (Program("earlier", COLLIDE_GROUND, thing=3, other=1), "True"),
        (Program("earlier", COLLIDE_GROUND, thing=1, other=3), "False"),
        (Program("earlier", COLLIDE_GROUND, thing=1, other=2), None),
        (Program("moving", thing=1), "True"),
        (Program("moving", thing=4), "False"),
        (Program("count", COLLIDE_GROUND), "2"),
        (Program("count", COLLIDE_GROUND, keep="cube"), "1"),
        (Program("count", COLLIDE_GROUND, keep="large"), "0"),
        (Program("count_moving", keep="small"), "2"),
        (Program("count_moving"), "2"),
        (Program("count_around", COLLIDE_GROUND, order="before"), "1"),
        (Program("count_around", COLLIDE_GROUND, order="after"), "1"),
        (Program("count_around", COLLIDE_BASKET, order="before"), "0"),
        (Program("partners", thing=1), "2"),
        (Program("partners", thing=4), "0"),
        (Program("query", COLLIDE_GROUND, attribute="color", order="first"), "green"),
        (Program("query", COLLIDE_GROUND, attribute="shape", order="last"), "cube"),
        (Program("query", ENTER_BASKET, attribute="size", order="first"), "large"),
        (Program("query_partner", thing=1, attribute="color"), "blue"),
        (Program("query_partner", thing=3, attribute="shape"), "cube"),
        (Program("query_partner", thing=4, attribute="shape"), None),
    ],
)
def test_operations(program, expected):
    assert answer(program, worlds()) == expected


def test_ties_and_what_never_happens_have_no_answer():
    both = worlds(Event(9, COLLIDE_GROUND, 1, 0), Event(9, COLLIDE_GROUND, 3, 0))
    assert answer(Program("earlier", COLLIDE_GROUND, thing=1, other=3), both) is None
    for order in ("first", "last"):
        query = Program("query", COLLIDE_GROUND, attribute="shape", order=order)
        assert answer(query, both) is None
    assert answer(Program("query", ENTER_BASKET, attribute="size", order="first"), both) is None
    assert answer(Program("count_around", COLLIDE_GROUND, order="after"), both) is None
    at_once = worlds(Event(9, COLLIDE_OBJECT, 1, 2), Event(9, COLLIDE_OBJECT, 1, 3))
    assert answer(Program("query_partner", thing=1, attribute="color"), at_once) is None


def test_what_happens_at_the_first_collision_is_neither_before_nor_after_it():
    at_once = worlds(
        Event(9, COLLIDE_GROUND, 3, 0),
        Event(9, COLLIDE_OBJECT, 1, 2),
        Event(12, ENTER_BASKET, 1, 5),
    )
    for event, before, after in ((COLLIDE_GROUND, "0", "0"), (ENTER_BASKET, "0", "1")):
        assert answer(Program("count_around", event, order="before"), at_once) == before
        assert answer(Program("count_around", event, order="after"), at_once) == after


def test_an_answer_that_one_copy_contradicts_is_not_stable():
    program = Program("happens", COLLIDE_GROUND, thing=3)
    same, other = worlds(), worlds(Event(30, COLLIDE_GROUND, 1, 0))
    assert is_stable(program, "True", [same, same, same])
    assert not is_stable(program, "True", [same, same, other])
    # Nor is one whose question has no answer there.
    query = Program("query", ENTER_BASKET, attribute="size", order="first")
    assert is_stable(query, "large", [same])
    assert not is_stable(query, "large", [other])


def test_json_leaves_out_what_is_empty():
    program = Program("cause", COLLIDE_GROUND, thing=1, other=2)
    told = {"op": "cause", "event": COLLIDE_GROUND, "thing": 1, "other": 2}
    assert program.to_json() == told
