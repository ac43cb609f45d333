"""Readers of COCO panoptic, Oxford-IIIT Pet and Pascal VOC on tiny trees of those layouts."""

import json
from pathlib import Path

import numpy as np
import pytest
from masked_trees import (
    BOX,
    SHAPE,
    box_mask,
    coco,
    pets,
    save_indices,
    save_photograph,
    trimap,
    voc,
)

from jepakit.evals.repair.images.coco_panoptic import open_coco_panoptic
from jepakit.evals.repair.images.masked_images import UnusableImage, count_skipped
from jepakit.evals.repair.images.oxford_pets import open_oxford_pets
from jepakit.evals.repair.images.pascal_voc import open_pascal_voc

SAMPLE = Path(__file__).resolve().parents[5] / "shared/data/images_masks/coco_panoptic_sample"


class TestCoco:
    def test_things_of_enough_area_are_items(self, tmp_path):
        images = open_coco_panoptic(str(coco(tmp_path, ("b", "a"))))
        assert [r.key for r in images.records] == ["a/300", "a/70000", "b/300", "b/70000"]
        assert [r.label for r in images.records] == ["cat", "person", "cat", "person"]
        assert [r.group for r in images.records] == ["a", "a", "b", "b"]
        assert count_skipped(images.skipped) == "2 skipped (2 object too small)"  # crowds: no items
        assert len(open_coco_panoptic(str(tmp_path), least_area=0.0)) == 6

    def test_void_is_unlabelled_and_all_other_things(self, tmp_path):
        path = str(coco(tmp_path, ("a",)))
        cat = open_coco_panoptic(path).records[0].load()
        assert cat.frames.shape == (1, *SHAPE, 3)
        assert (cat.mask[0] == box_mask()).all()
        background = ~(cat.mask | cat.void)[0]
        assert background[:8, 8:].all()  # the tree
        assert background.sum() == 8 * 56
        plain = open_coco_panoptic(path, others="background").records[0].load()
        assert plain.void.sum() == (48 * 64) - 200 - 100 - 4 - 100 - 8 * 56

    def test_stuff_as_objects(self, tmp_path):
        path = str(coco(tmp_path, ("a",)))
        assert open_coco_panoptic(path, kinds="stuff").counts == {"tree": 1}
        assert open_coco_panoptic(path, kinds="all").counts == {"cat": 1, "person": 1, "tree": 1}

    def test_a_table_by_its_name_and_images_without_an_annotation(self, tmp_path):
        table = coco(tmp_path, ("a", "b")) / "annotations/panoptic_val2017.json"
        fields = json.loads(table.read_text())
        fields["annotations"] = fields["annotations"][:1]
        table.write_text(json.dumps(fields))
        images = open_coco_panoptic(str(table))
        assert images.counts == {"cat": 1, "person": 1}
        assert images.skipped["b"].reason == "no mask"
        fields["annotations"] = []
        table.write_text(json.dumps(fields))
        with pytest.raises(ValueError, match=r"can be used: 2 skipped \(2 no mask\)"):
            open_coco_panoptic(str(table))

    def test_says_what_is_expected(self, tmp_path):
        with pytest.raises(
            ValueError, match=r"(?s)No panoptic table .*panoptic_val2017.*cocodataset"
        ):
            open_coco_panoptic(str(tmp_path))
        with pytest.raises(ValueError, match=r"least_area is a share in \[0, 1\), got 1.0"):
            open_coco_panoptic(str(tmp_path), least_area=1.0)
        root = coco(tmp_path, ("a",))
        (root / "val2017/a.jpg").unlink()
        with pytest.raises(ValueError, match=r"No folder in .* holds \['a.jpg'\]"):
            open_coco_panoptic(str(root))
        (root / "annotations/panoptic_val2017.json").write_text('{"images": []')
        with pytest.raises(
            ValueError, match=r"(?s)panoptic_val2017.json cannot be read .*Expected"
        ):
            open_coco_panoptic(str(root))

    def test_names_that_lead_out_of_the_folder(self, tmp_path):
        table = coco(tmp_path, ("a",)) / "annotations/panoptic_val2017.json"
        table.write_text(table.read_text().replace("a.png", "../../a.png"))
        with pytest.raises(ValueError, match="leads out of"):
            open_coco_panoptic(str(tmp_path))

    def test_damaged_or_missing_pictures_are_found_when_read(self, tmp_path):
        root = coco(tmp_path, ("a", "b", "c", "d"))
        masks = root / "annotations/panoptic_val2017"
        (masks / "a.png").unlink()
        photograph = root / "val2017/b.jpg"
        photograph.write_bytes(photograph.read_bytes()[:900])
        save_photograph(root / "val2017/c.jpg", (64, 48))
        save_photograph(masks / "d.png")  # other segments
        skipped: dict[str, UnusableImage] = {}
        assert not list(open_coco_panoptic(str(root)).readable(skipped))
        reasons = {key: error.reason for key, error in skipped.items() if key.endswith("/300")}
        assert list(reasons.values()) == [
            *("no mask", "unreadable", "mask of another size", "no mask")
        ]


class TestPets:
    def test_breeds_and_species(self, tmp_path):
        names = ("Abyssinian_1", "Maine_Coon_2", "pug_3", "pug_10")
        images = open_oxford_pets(str(pets(tmp_path, names)))
        assert images.counts == {"Abyssinian": 1, "Maine_Coon": 1, "pug": 2}
        assert open_oxford_pets(str(tmp_path), classes="species").counts == {"cat": 2, "dog": 2}

    def test_the_border_is_the_objects_unless_told_otherwise(self, tmp_path):
        path = str(pets(tmp_path, ("pug_1",)))
        item = {b: open_oxford_pets(path, border=b).records[0].load() for b in RIMS}
        assert (item["object"].mask[0] == (trimap() != 2)).all()
        assert not item["object"].void.any()
        assert (item["void"].mask[0] == box_mask()).all()
        assert (item["void"].void[0] == (trimap() == 3)).all()
        assert (item["background"].mask[0] == box_mask()).all()
        assert not item["background"].void.any()

    def test_pets_without_a_trimap_are_counted(self, tmp_path):
        root = pets(tmp_path, ("pug_1", "pug_2"))
        (root / "annotations/trimaps/pug_1.png").unlink()
        images = open_oxford_pets(str(root))
        assert count_skipped(images.skipped) == "1 skipped (1 no mask)"
        assert [record.key for record in images.records] == ["pug_2"]
        (root / "annotations/trimaps/pug_2.png").unlink()
        with pytest.raises(ValueError, match=r"2 skipped \(2 no mask\)"):
            open_oxford_pets(str(root))

    def test_trimaps_that_are_none(self, tmp_path):
        root = pets(tmp_path, ("pug_1", "pug_2", "pug_3"))
        folder = root / "annotations/trimaps"
        save_indices(folder / "pug_1.png", trimap() + 1)
        save_indices(folder / "pug_2.png", np.full(SHAPE, 2))
        save_indices(folder / "pug_3.png", trimap((48, 48)))
        skipped: dict[str, UnusableImage] = {}
        assert not list(open_oxford_pets(str(root)).readable(skipped))
        assert "a trimap has 1, 2, 3" in str(skipped["pug_1"])
        reasons = ["unreadable", "no mask", "mask of another size"]
        assert [error.reason for error in skipped.values()] == reasons

    def test_says_what_is_expected(self, tmp_path):
        root = pets(tmp_path / "pets", ("pug_1",))
        with pytest.raises(ValueError, match=r"(?s)lacks \['annotations/test.txt'\].*robots\.ox"):
            open_oxford_pets(str(root), split="test")
        with pytest.raises(ValueError, match=r"(?s)lacks .*'images'.*trimaps/Abyssinian_1\.png"):
            open_oxford_pets(str(tmp_path))
        for line in ("pug_1", "pug 1 2 1", "pug_1 1 3 1"):
            (root / "annotations/trainval.txt").write_text(line)
            with pytest.raises(ValueError, match=rf"trainval.txt has a line '{line}'"):
                open_oxford_pets(str(root))


class TestVoc:
    def test_the_class_with_the_most_pixels(self, tmp_path):
        images = open_pascal_voc(str(voc(tmp_path, {"one": label_map(), "two": label_map(8)})))
        assert images.counts == {"cat": 1, "dog": 1}
        assert len(open_pascal_voc(str(tmp_path / "VOCdevkit/VOC2012"))) == 2
        item = images.records[0].load()
        assert item.label == "dog"

    def test_void_beside_the_object_is_its_own(self, tmp_path):
        path = str(voc(tmp_path, {"one": label_map()}))
        items = {v: open_pascal_voc(path, void=v).records[0].load() for v in RIMS}
        rim, other = label_map() == 255, label_map() == 15
        rim[30:] = False  # that of the person
        assert (items["object"].mask[0] == (box_mask() | rim)).all()
        away = (label_map() == 255) & ~rim
        assert (items["object"].void[0] == (away | other)).all()
        assert (items["void"].mask[0] == box_mask()).all()
        assert (items["void"].void[0] == (away | rim | other)).all()
        assert (items["background"].void[0] == other).all()
        plain = open_pascal_voc(path, void="background", others="background").records[0].load()
        assert not plain.void.any()

    def test_small_empty_unknown_and_missing_masks(self, tmp_path):
        small, empty, odd = np.zeros((3, *SHAPE), np.uint8)
        small[0, :5] = 3
        empty[0] = 255
        odd[:] = 40
        maps = {"small": small, "empty": empty, "odd": odd, "gone": small, "good": label_map()}
        root = voc(tmp_path, maps)
        (root / "VOCdevkit/VOC2012/SegmentationClass/gone.png").unlink()
        images = open_pascal_voc(str(root))
        assert [record.key for record in images.records] == ["good"]
        assert {key: error.reason for key, error in images.skipped.items()} == {
            "small": "object too small",
            "empty": "no mask",
            "odd": "unreadable",
            "gone": "no mask",
        }
        assert "the values [40]" in str(images.skipped["odd"])

    def test_says_what_is_expected(self, tmp_path):
        with pytest.raises(
            ValueError, match=r"(?s)lacks \['JPEGImages', .*VOCtrainval_11-May-2012"
        ):
            open_pascal_voc(str(tmp_path))


RIMS = ("object", "void", "background")


def label_map(number: int = 12) -> np.ndarray:
    """A box with a rim of void, and a smaller person elsewhere with a rim of its own."""
    values = np.zeros(SHAPE, np.uint8)
    values[9:21, 19:41] = 255
    values[BOX] = number
    values[34:42, 4:14] = 255
    values[35:41, 5:13] = 15
    return values


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs ../shared/data/images_masks")
def test_the_coco_sample():
    images = open_coco_panoptic(str(SAMPLE))
    assert images.counts == {"horse": 7, "person": 11, "truck": 1}  # counted in the table
    assert {record.group for record in images.records} == {"000000142238", "000000439180"}
    skipped: dict[str, UnusableImage] = {}
    items = list(images.readable(skipped))
    assert not skipped
    table = json.loads((SAMPLE / "panoptic_examples.json").read_text())
    areas = {
        f"{a['file_name'][:-4]}/{s['id']}": s["area"]
        for a in table["annotations"]
        for s in a["segments_info"]
    }
    for item in items:
        assert item.mask.sum() == areas[item.key]
        assert not (item.mask & item.void).any()
