import json
import pickle

import numpy as np
import pytest
from mask_files import (
    mask,
    photograph,
    write_davis,
    write_palette,
    write_photograph,
    write_youtube_vos,
)
from PIL import Image

from data_prep.sources.palettes import DAVIS, YOUTUBE_VOS


def named(readers):
    return {reader.name: reader for reader in readers}


def truth_of(reader, numbers=None):
    with reader.open() as footage:
        numbers = range(len(footage.seconds)) if numbers is None else numbers
        pictures = list(footage.pictures(numbers))
        assert all(picture.shape == pictures[0].shape for picture in pictures)
        return np.stack(list(footage.truth(numbers)))


def test_davis_ids_times_and_splits(tmp_path):
    write_davis(tmp_path, {"bear": 6, "cow": 3, "dog": 2}, train=["cow", "dog"], val=["bear"])
    readers = pickle.loads(pickle.dumps(DAVIS.find(tmp_path)))
    assert [(r.name, r.split) for r in readers] == [
        ("bear", "val"),
        ("cow", "train"),
        ("dog", "train"),
    ]
    with readers[0].open() as footage:
        assert np.allclose(footage.seconds, np.arange(6) / 24, atol=0)
        for number, picture, ids in zip(
            (1, 4), footage.pictures([1, 4]), footage.truth([1, 4]), strict=True
        ):
            assert np.abs(picture.astype(int) - photograph(number)).max() <= 1
            assert np.array_equal(ids, mask(number))


def test_the_resolution_of_davis(tmp_path):
    write_davis(tmp_path, {"bear": 2}, "Full-Resolution", val=["bear"])
    (full,) = DAVIS.find(tmp_path)
    assert full.photographs.parent.name == full.masks.parent.name == "Full-Resolution"
    write_davis(tmp_path, {"cow": 2})
    assert [(r.name, r.split) for r in DAVIS.find(tmp_path)] == [("cow", None)]
    (chosen,) = DAVIS.find(tmp_path / "JPEGImages" / "Full-Resolution")
    assert (chosen, chosen.split) == (full, "val")
    (tmp_path / "Annotations").rename(tmp_path / "Annotations_unsupervised")
    assert np.array_equal(truth_of(DAVIS.find(tmp_path)[0])[1], mask(1))


def test_a_test_sequence_of_davis_has_no_masks(tmp_path):
    write_davis(tmp_path, {"bear": 3, "cow": 3}, **{"test-dev": ["bear", "cow"]})
    for number in (1, 2):
        (tmp_path / f"Annotations/480p/bear/{number:05d}.png").unlink()
    for path in (tmp_path / "Annotations/480p/cow").iterdir():
        path.unlink()
    for reader in DAVIS.find(tmp_path):
        assert reader.split == "test"
        with reader.open() as footage:
            assert footage.truth is None
            assert len(list(footage.pictures(range(3)))) == 3


@pytest.mark.parametrize(("mode", "last"), [("P", 0), ("L", 255)])
def test_255_is_void_in_a_palette_and_an_object_in_grey(tmp_path, mode, last):
    write_davis(tmp_path, {"bear": 2})
    ids = np.zeros((12, 16), np.uint8)
    ids[3, :3] = 7, 254, 255
    write_palette(tmp_path / "Annotations/480p/bear/00001.png", ids, mode)
    (reader,) = DAVIS.find(tmp_path)
    assert truth_of(reader)[1, 3, :4].tolist() == [7, 254, last, 0]


def test_annotated_frames_of_youtube_vos(tmp_path):
    write_youtube_vos(tmp_path, ["0a", "0b"], range(15, 41))
    assert YOUTUBE_VOS.find(tmp_path / "train") == YOUTUBE_VOS.find(tmp_path)
    first, second = YOUTUBE_VOS.find(tmp_path)
    assert (first.name, second.name, first.split) == ("0a", "0b", None)
    with first.open() as footage:
        assert np.allclose(footage.seconds, np.arange(6) / 6, atol=1e-12)
        assert footage.objects == {1: {"kind": "ape"}, 2: {"kind": "sedan"}}
        assert footage.details == {"first_frame": 15}
        (picture,), (ids,) = footage.pictures([2]), footage.truth([2])
    assert np.abs(picture.astype(int) - photograph(25)).max() <= 1
    assert np.array_equal(ids, mask(25))


def drop_frame(davis, tube):
    (davis / "JPEGImages/480p/bear/00003.jpg").unlink()
    (tube / "train/JPEGImages/0a/00010.jpg").unlink()


def drop_mask(davis, tube):
    (davis / "Annotations/480p/bear/00003.png").unlink()
    (tube / "train/Annotations/0a/00010.png").unlink()


def drop_both(davis, tube):
    drop_frame(davis, tube)
    drop_mask(davis, tube)


def other_size(davis, tube):
    for path in (
        davis / "Annotations/480p/bear/00003.png",
        tube / "train/Annotations/0a/00010.png",
    ):
        write_palette(path, np.zeros((12, 17)))


def colours(davis, tube):
    for path in (
        davis / "Annotations/480p/bear/00003.png",
        tube / "train/Annotations/0a/00010.png",
    ):
        Image.open(path).convert("RGB").save(path)


def many_ids(davis, tube):
    for path in (
        davis / "Annotations/480p/bear/00003.png",
        tube / "train/Annotations/0a/00010.png",
    ):
        ids = np.minimum(np.arange(20 * 20), 256).reshape(20, 20)
        write_palette(path, ids, "I;16")


def truncated(davis, tube):
    for path in (
        davis / "Annotations/480p/bear/00003.png",
        tube / "train/Annotations/0a/00010.png",
    ):
        path.write_bytes(path.read_bytes()[:-30])


def irregular(davis, tube):
    for name in ("JPEGImages/480p/bear/{:05d}.jpg", "Annotations/480p/bear/{:05d}.png"):
        for old, new in ((5, 11), (4, 9), (3, 6), (2, 4), (1, 2)):
            (davis / name.format(old)).rename(davis / name.format(new))
    (tube / "train/Annotations/0a/00010.png").rename(tube / "train/Annotations/0a/00012.png")


def unnumbered(davis, tube):
    write_photograph(davis / "JPEGImages/480p/bear/cover.jpg", 0)
    write_palette(tube / "train/Annotations/0a/cover.png", mask(0))


def twice(davis, tube):
    write_photograph(davis / "JPEGImages/480p/bear/3.jpg", 0)
    write_palette(tube / "train/Annotations/0a/10.png", mask(0))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (drop_frame, r"(480p/bear: frames 00003|JPEGImages/0a: frames 00010) missing"),
        (drop_mask, r"Annotations/.*: frames (00003|00010) missing"),
        (drop_both, r"frames (00003|00010) missing"),
        (other_size, r"(00003|00010)\.png has 12x17 pixels, .*\.jpg 12x16"),
        (colours, r"(00003|00010)\.png: mode RGB; ids are a palette"),
        (many_ids, r"(00003|00010)\.png: 256 different ids; an object table holds 255"),
        (truncated, r"(00003|00010)\.png: "),
        (irregular, r"frame (00009 follows 00006|00012 follows 00005), but others are [25] apart"),
        (unnumbered, r"cover\.(jpg|png): a name that ends with the frame's number expected"),
        (twice, r"/(3\.jpg|10\.png) and \d+\.(jpg|png) are the same frame"),
    ],
)
def test_damage_is_named_and_others_are_kept(tmp_path, spoil, words):
    davis = write_davis(tmp_path / "davis", {"bear": 6, "cow": 2})
    tube = write_youtube_vos(tmp_path / "tube", ["0a", "0b"], range(21))
    spoil(davis, tube)
    for readers in (DAVIS.find(davis), YOUTUBE_VOS.find(tube)):
        with pytest.raises(ValueError, match=words):
            truth_of(readers[0])
        truth_of(readers[1])


def test_damage_of_the_classes(tmp_path):
    write_youtube_vos(tmp_path, ["0a", "0b"], range(11))
    path = tmp_path / "train/meta.json"
    sound = json.loads(path.read_bytes())["videos"]
    for entry, words in (
        (None, "no field '0a'"),
        ({"objects": []}, "video 0a: field 'objects' should be dict"),
        ({"objects": {"x": {"category": "ape"}}}, r"video 0a: ids of objects .* came \['x'\]"),
        ({"objects": {"1": {}}}, "video 0a: no field 'category'"),
    ):
        videos = {"0b": sound["0b"]} | ({} if entry is None else {"0a": entry})
        path.write_text(json.dumps({"videos": videos}))
        first, second = YOUTUBE_VOS.find(tmp_path)
        with pytest.raises(ValueError, match=words):
            first.open()
        truth_of(second)
    path.write_text("{")
    for reader in YOUTUBE_VOS.find(tmp_path):
        with pytest.raises(ValueError, match=r"meta\.json: not JSON"):
            reader.open()


def test_a_folder_of_masks_alone(tmp_path):
    write_davis(tmp_path, {"bear": 2, "cow": 2})
    for path in sorted((tmp_path / "JPEGImages/480p/cow").iterdir()):
        path.unlink()
    with pytest.raises(ValueError, match=r"No pictures in .*cow"):
        truth_of(named(DAVIS.find(tmp_path))["cow"])
    (tmp_path / "JPEGImages/480p/cow").rmdir()
    assert list(named(DAVIS.find(tmp_path))) == ["bear", "cow"]


def test_other_layouts_are_refused(tmp_path):
    with pytest.raises(ValueError, match="JPEGImages/480p or JPEGImages/Full-Resolution expected"):
        DAVIS.find(tmp_path)
    with pytest.raises(ValueError, match=r"JPEGImages, Annotations and meta\.json expected"):
        YOUTUBE_VOS.find(tmp_path)
    (tmp_path / "JPEGImages/480p").mkdir(parents=True)
    with pytest.raises(ValueError, match="No folder of a video"):
        DAVIS.find(tmp_path)
