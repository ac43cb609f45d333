"""Balanced slices: right sizes, no shared image, the same draw again, and what is refused."""

from collections import Counter

import pytest
from masked_trees import SHAPE, image_set

from jepakit.evals.repair.images.fitting import Fit
from jepakit.evals.repair.images.masked_images import MaskedImageSet, UnusableImage, count_skipped
from jepakit.evals.repair.images.slices import DrawnSlices, SliceSize, draw_slices, every_item

FIT, GRID = Fit(SHAPE), (1, 12, 16)
MANY = {f"class-{number:02d}": 12 for number in range(16)}


def drawn(images: MaskedImageSet, *names: str, **options: object) -> DrawnSlices:
    sizes = [SliceSize.parse(name) for name in names]
    return draw_slices(images, sizes, fit=FIT, grid=GRID, **options)


def test_the_slices_of_the_paper_are_balanced_and_disjoint():
    names = ("4x3", "8x3", "12x3", "16x3")
    slices = drawn(image_set(MANY), *names).slices
    assert tuple(part.name for part in slices) == names
    for part, count in zip(slices, (4, 8, 12, 16), strict=True):
        assert set(Counter(item.label for item in part.items).values()) == {3}
        assert len(part.classes) == count
        assert len(part.groups) == 3 * count
    assert set(slices[0].classes) < set(slices[1].classes) < set(slices[2].classes)
    assert len(frozenset.union(*(part.groups for part in slices))) == 3 * 40


def test_draws_depend_on_seed_and_names_only():
    images = image_set(MANY)
    keys = [item.key for item in drawn(images, "4x3").slices[0].items]
    backwards = MaskedImageSet("memory", images.records[::-1])
    assert [item.key for item in drawn(backwards, "4x3").slices[0].items] == keys
    assert [item.key for item in drawn(images, "4x3", "8x3").slices[0].items] == keys
    assert [item.key for item in drawn(images, "4x3", seed=1).slices[0].items] != keys


def test_slices_share_no_image_even_if_images_have_several_items():
    images = image_set({"a": 12, "b": 12}, per_group=3)
    for seed in range(20):
        first, second = drawn(images, "2x2", "2x2", seed=seed).slices
        assert not first.groups & second.groups
        assert len(first.groups) == 4  # other images come before other items of one
    with pytest.raises(ValueError, match=r"slice 2x2 needs 2 classes with 2 usable images"):
        drawn(images, "2x2", "2x2", "2x2")


def test_unusable_items_are_counted_and_replaced():
    bad = tuple(f"a-{number}" for number in range(9))
    images = image_set({"a": 12, "b": 12}, damaged=bad)
    found = drawn(images, "2x3")
    assert {item.key for item in found.slices[0].items if item.label == "a"} == {
        "a-9",
        "a-10",
        "a-11",
    }
    assert count_skipped(found.skipped) == "9 skipped (9 object covers everything)"
    listed = {"x": UnusableImage("no mask", "nowhere")}
    again = drawn(MaskedImageSet("memory", images.records, listed), "2x3")
    assert set(again.skipped) == {"x", *bad}


def test_classes_with_too_few_images_are_passed_over_unless_chosen():
    images = image_set({"a": 2, "b": 5, "c": 5})
    for seed in range(5):
        assert set(drawn(images, "2x3", seed=seed).slices[0].classes) == {"b", "c"}
    assert drawn(images, "2x3", classes=["c", "b"]).slices[0].classes == ("c", "b")
    with pytest.raises(ValueError, match=r"memory has 1; fewer have 'a' \(2\); none skipped"):
        drawn(images, "2x3", classes=["a", "b", "c"])


def test_refuses_what_cannot_be_drawn():
    images = image_set({"a": 3, "b": 3})
    with pytest.raises(ValueError, match=r"4 classes with 3 usable .* but memory has 2; none"):
        drawn(images, "4x3")
    with pytest.raises(ValueError, match="At least one slice"):
        drawn(images)
    with pytest.raises(ValueError, match=r"memory has no class \['z'\]; it has \['a', 'b'\]"):
        drawn(images, "1x1", classes=["a", "z"])
    for text in ("8", "x3", "0x3", "8x0", "8x3x2", "-1x3"):
        with pytest.raises(ValueError, match="CLASSESxIMAGES, such as 8x3"):
            SliceSize.parse(text)


def test_every_usable_item():
    found = every_item(image_set({"a": 3}, damaged=("a-1",)), fit=FIT, grid=GRID)
    assert [item.key for item in found.slices[0].items] == ["a-0", "a-2"]
    assert list(found.skipped) == ["a-1"]
    with pytest.raises(ValueError, match=r"1 skipped \(1 object covers everything\)"):
        every_item(image_set({"a": 1}, damaged=("a-0",)), fit=FIT, grid=GRID)
