import pytest

from data_prep.engines.deaths import Deaths

NAMES = [f"video-{number}" for number in range(100)]


def test_the_second_death_makes_a_killer():
    deaths = Deaths(limit=9)
    deaths.add("a", 3, NAMES)
    deaths.add("b", 3, NAMES)
    deaths.add("a", 4, NAMES)
    assert deaths.killers("a") == frozenset()
    deaths.add("a", 3, NAMES)
    assert deaths.killers("a") == {3}
    assert deaths.killers("b") == frozenset()
    deaths.finish("a")
    assert deaths.killers("a") == frozenset()


def test_deaths_outside_of_items_blame_nobody():
    deaths = Deaths(limit=9)
    for _ in range(5):
        deaths.add("a", -1, NAMES)
    assert deaths.killers("a") == frozenset()


@pytest.mark.parametrize("items", [[-1, -1, -1, -1], [0, 0, 1, 1], [0, 1, 0, 1]])
def test_deaths_in_a_row_stop_the_job(items):
    deaths = Deaths(limit=3)
    for item in items[:3]:
        deaths.add("a", item, NAMES)
    place = f"'video-{items[3]}'" if items[3] >= 0 else "no item"
    with pytest.raises(RuntimeError, match=f"4 worker processes died in a row, .*{place}.*'a'"):
        deaths.add("a", items[3], NAMES)


def test_survived_items_and_finished_shards_are_progress():
    deaths = Deaths(limit=3)
    for item in range(2, 60, 2):  # an item in between was survived each time
        deaths.add("a", item, NAMES)
        deaths.add("a", item, NAMES)
    assert len(deaths.killers("a")) == 29
    for _ in range(10):
        deaths.add("b", 0, NAMES)
        deaths.finish("c")
