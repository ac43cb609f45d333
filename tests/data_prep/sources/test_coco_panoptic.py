import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from mask_files import panoptic_table, photograph, segments, write_panoptic, write_photograph
from PIL import Image

from data_prep.sources.coco_panoptic import SOURCE, WITH_STUFF

SAMPLE = Path(__file__).parents[4] / "shared/data/images_masks/coco_panoptic_sample"


def opened(reader):
    with reader.open() as footage:
        (ids,), (picture,) = footage.truth([0]), footage.pictures([0])
        return ids, picture, footage


def reasons(readers):
    """What is wrong with each video, None where nothing is."""
    found = {}
    for reader in readers:
        try:
            opened(reader)
            found[reader.name] = None
        except ValueError as error:
            found[reader.name] = str(error)
    return found


@pytest.mark.skipif(not SAMPLE.exists(), reason=f"{SAMPLE} is not here")
@pytest.mark.parametrize("path", [SAMPLE, SAMPLE / "panoptic_examples.json"])
def test_areas_of_the_real_sample_are_those_of_its_table(path):
    table = json.loads((SAMPLE / "panoptic_examples.json").read_bytes())
    readers = WITH_STUFF.find(path)
    assert [reader.name for reader in readers] == [
        "panoptic_examples/000000142238.jpg",
        "panoptic_examples/000000439180.jpg",
    ]
    for reader, annotation in zip(readers, table["annotations"], strict=True):
        ids, picture, footage = opened(reader)
        numbers, areas = np.unique(ids[ids > 0], return_counts=True)
        found = dict(zip(numbers.tolist(), areas.tolist(), strict=True))
        assert found == {row["id"]: row["area"] for row in annotation["segments_info"]}
        assert picture.shape[:2] == ids.shape
        assert found.keys() == footage.objects.keys()


@pytest.mark.skipif(not SAMPLE.exists(), reason=f"{SAMPLE} is not here")
def test_things_of_the_real_sample():
    ids, _, footage = opened(SOURCE.find(SAMPLE)[1])
    kinds = [entry["kind"] for entry in footage.objects.values()]
    assert {kind: kinds.count(kind) for kind in kinds} == {"person": 14, "truck": 2, "horse": 12}
    assert footage.objects[5120499] == {"kind": "person", "isthing": True, "iscrowd": True}
    assert set(np.unique(ids).tolist()) == {0, *footage.objects}
    assert footage.details["image"]["licence"] == "Attribution-NonCommercial-ShareAlike License"


def test_the_layout_of_coco(tmp_path):
    write_panoptic(tmp_path, panoptic_table())
    for source, kept in ((SOURCE, [70_001, 300]), (WITH_STUFF, [70_001, 300, 16_777_215])):
        readers = pickle.loads(pickle.dumps(source.find(tmp_path)))
        assert [(r.name, r.split) for r in readers] == [
            ("panoptic_val2017/0.jpg", "val"),
            ("panoptic_val2017/1.jpg", "val"),
        ]
        ids, picture, footage = opened(readers[1])
        wanted = segments()
        assert np.array_equal(ids, np.where(np.isin(wanted, kept), wanted, 0))
        assert np.abs(picture.astype(int) - photograph(1)).max() <= 1
        assert footage.seconds.tolist() == [0.0]
        assert list(footage.objects) == kept
        assert footage.objects[300] == {"kind": "person", "isthing": True, "iscrowd": True}
        assert footage.details == {
            "image": {"licence": "Attribution License", "licence_url": "http://by"}
        }


def test_several_tables_and_their_splits(tmp_path):
    for name in ("panoptic_val2017", "panoptic_train2017", "panoptic_restrain", "panoptic_values"):
        write_panoptic(tmp_path, panoptic_table(), name)
    splits = [reader.split for reader in SOURCE.find(tmp_path)]
    assert splits == [None, None, "train", "train", "val", "val", None, None]
    write_panoptic(tmp_path, "{", "panoptic_train2017")
    found = reasons(SOURCE.find(tmp_path))
    assert [why is None for why in found.values()] == [True, True, False, True, True, True, True]
    assert "panoptic_train2017.json: not JSON" in found["panoptic_train2017.json"]


ROWS = panoptic_table()["annotations"][0]["segments_info"]


def changed(where, value=None):
    """The table of two images with a value replaced, or taken out."""
    table = json.loads(json.dumps(panoptic_table()))
    part = table
    for step in where[:-1]:
        part = part[step]
    if value is None:
        del part[where[-1]]
    else:
        part[where[-1]] = value
    return table


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (changed(("annotations", 0, "segments_info")), "annotation 0: no field 'segments_info'"),
        (changed(("annotations", 0, "image_id")), "annotation 0: no field 'image_id'"),
        (changed(("annotations", 0, "image_id"), 99), "image 99 is unknown, or annotated twice"),
        (changed(("annotations", 0, "image_id"), [1]), "field 'image_id' should be int, came"),
        (changed(("annotations", 0, "file_name"), "../0.png"), "'../0.png' leads out of"),
        (changed(("annotations", 0, "file_name"), "/0.png"), "'/0.png' leads out of"),
        (changed(("annotations", 0), 7), "annotation 0: an object expected, came 7"),
        (changed(("annotations", 0)), "no annotation of image 10"),
        (changed(("images", 0, "width")), "annotation 0: no field 'width'"),
        (changed(("images", 0, "width"), 15), "0.jpg has 12x16 pixels, its table says 12x15"),
        (changed(("images", 0, "file_name"), "9.jpg"), "9.jpg: .*No such file"),
        (changed(("images", 0, "license"), {}), "field 'license' should be int"),
        (
            changed(("annotations", 0, "segments_info"), [*ROWS, {**ROWS[0], "id": 9}]),
            r", \[9\] are",
        ),
        (changed(("annotations", 0, "segments_info"), []), r"\[300, 70001, 16777215\] are not in"),
        (changed(("annotations", 0, "segments_info"), [{"id": 3}]), "no field 'category_id'"),
        (
            changed(("annotations", 0, "segments_info"), [{"id": 3, "category_id": 9}]),
            "category 9 is unknown",
        ),
    ],
)
def test_one_damaged_entry_loses_one_image(tmp_path, table, words):
    found = reasons(SOURCE.find(write_panoptic(tmp_path, table)))
    assert found.pop("panoptic_val2017/1.jpg") is None
    assert found
    assert any(re.search(words, why) for why in found.values()), found


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "an object expected, came"),
        (changed(("annotations",)), "no field 'annotations'"),
        (changed(("categories",), {"a": 1}), "field 'categories' should be list"),
        (changed(("licenses",), 5), "field 'licenses' should be list"),
        (changed(("images",), []), "no image with an id"),
    ],
)
def test_a_damaged_table_is_one_reject(tmp_path, table, words):
    (reader,) = SOURCE.find(write_panoptic(tmp_path, table))
    with pytest.raises(ValueError, match=words):
        reader.open()


def test_damaged_pictures(tmp_path):
    write_panoptic(tmp_path, panoptic_table())
    png, jpg = tmp_path / "annotations/panoptic_val2017/0.png", tmp_path / "val2017/0.jpg"
    for spoil, words in (
        (lambda: Image.new("RGB", (16, 13)).save(png), "0.png has 13x16 pixels, .*0.jpg 12x16"),
        (lambda: Image.new("RGB", (16, 12), (1, 0, 0)).save(png), r"segments \[1\] are not in the"),
        (lambda: png.write_bytes(png.read_bytes()[:60]), "0.png: "),
        (lambda: png.write_bytes(b""), "0.png: cannot identify"),
        (lambda: jpg.write_bytes(jpg.read_bytes()[:-300]), "0.jpg: "),
        (lambda: write_photograph(jpg, 0, height=1, width=1), "0.jpg: 1x1 pixels; sides of 8"),
        (lambda: Image.new("L", (20_000, 9)).save(jpg), "0.jpg: 20000x9 pixels; sides of 8 to"),
        (jpg.unlink, "0.jpg: .*No such file"),
    ):
        spoil()
        first, second = SOURCE.find(tmp_path)
        with pytest.raises(ValueError, match=words):
            opened(first)
        opened(second)


def test_nothing_to_find(tmp_path):
    with pytest.raises(ValueError, match=r"NAME\.json with a folder NAME of PNGs expected"):
        SOURCE.find(tmp_path)
    write_panoptic(tmp_path, panoptic_table())
    (tmp_path / "val2017").rename(tmp_path.parent / "elsewhere")
    with pytest.raises(ValueError, match=r"No folder below .* holds the photographs \['0.jpg'"):
        SOURCE.find(tmp_path)
