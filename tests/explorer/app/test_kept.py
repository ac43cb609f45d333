"""Things kept by name."""

from __future__ import annotations

from explorer.app.kept import Kept


def test_the_least_recently_used_goes_first() -> None:
    kept: Kept[str, int] = Kept(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert [kept.get(name) for name in "abc"] == [1, None, 3]


def test_sizes_count_and_the_newest_stays() -> None:
    kept: Kept[str, bytes] = Kept(10, size=len)
    kept.put("a", b"1234")
    kept.put("b", b"12345")
    kept.put("c", b"1234")
    assert [kept.get(name) is not None for name in "abc"] == [False, True, True]
    kept.put("d", b"0" * 50)
    assert [kept.get(name) is not None for name in "abcd"] == [False, False, False, True]


def test_a_value_is_made_once() -> None:
    kept: Kept[str, list[int]] = Kept(2)
    made: list[int] = []

    def make() -> list[int]:
        made.append(1)
        return made

    assert kept.made("a", make) is kept.made("a", make)
    assert made == [1]
