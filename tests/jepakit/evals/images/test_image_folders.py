"""Class folders and WebDataset archives hold the same pictures; what is refused."""

import tarfile
from pathlib import Path

import pytest
from labelled_pictures import CLASSES, add, as_archives, as_folders
from torchvision.datasets import ImageFolder
from webdataset.tariterators import group_by_keys, tar_file_expander

from jepakit.evals.images.image_folders import open_images
from jepakit.evals.images.image_set import check_sides


def test_class_folders_are_those_of_torchvision(tmp_path):
    path = as_folders(tmp_path / "train", each=3)
    found, theirs = open_images(path), ImageFolder(path)
    assert found.classes == tuple(theirs.classes) == CLASSES
    assert [(p.file, n) for p, n in zip(found.pictures, found.numbers(CLASSES), strict=True)] == (
        theirs.samples
    )
    assert found.pictures[0].name == "bird/00.png"
    assert found.pictures[0].read() == Path(theirs.samples[0][0]).read_bytes()


def test_archives_hold_what_the_folders_hold(tmp_path):
    path = as_folders(tmp_path / "train", each=3)
    folders, archives = open_images(path), open_images(as_archives(path, tmp_path / "tars"))
    assert archives.classes == CLASSES
    for one, other in zip(folders.pictures, archives.pictures, strict=True):
        assert (one.name, one.label, one.read()) == (other.name, other.label, other.read())


def test_archives_are_read_as_webdataset_reads_them(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for key, label in (("x/n1", 7), ("x/n2", 10), ("y.z/n1", 2)):
            add(tar, f"{key}.JPG", key.encode())
            add(tar, f"{key}.cls", f"{label}\n".encode())
            add(tar, f"{key}.json", b"{}")
            add(tar, f"{key}.seg.png", b"another member, not the picture")
    found = open_images(str(tmp_path))
    with (tmp_path / "a.tar").open("rb") as stream:  # webdataset itself would leave it open
        members = tar_file_expander([{"url": "a.tar", "stream": stream}])
        theirs = list(group_by_keys(members))
    expected = [(s["__key__"], s["cls"].decode().strip(), s["jpg"]) for s in theirs]
    assert [(p.name[: -len(".JPG")], p.label, p.read()) for p in found.pictures] == expected
    assert found.classes == ("2", "7", "10")  # numbers in their order


def test_layouts_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=r"no folder .*absent[\s\S]*absent/cat/0001.jpg[\s\S]*cls"):
        open_images(str(tmp_path / "absent"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"No classes of pictures[\s\S]*empty/cat/0001.jpg"):
        open_images(str(tmp_path / "empty"))
    as_folders(tmp_path / "hollow", each=1)
    (tmp_path / "hollow" / "void").mkdir()
    with pytest.raises(ValueError, match="no valid file for the classes void"):
        open_images(str(tmp_path / "hollow"))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.png": b"", "b.png": b"", "b.cls": b"1"}, r"'a' has no class \(a member 'a.cls'\); 1"),
        ({"a.cls": b"1", "b.png": b"", "b.cls": b"1"}, "'a' has no picture; 1 of 2"),
        ({"a.png": b"", "a.jpg": b"", "a.cls": b"1"}, "'a' has two pictures"),
        ({"a.png": b"", "a.cls": b"\xff\xfe"}, "'a.cls' must hold the number or the name"),
        ({"a.png": b"", "a.cls": b" \n"}, "'a.cls' must hold the number or the name"),
        ({"a.txt": b"cat"}, "No picture in the 1 archives"),
    ],
)
def test_archives_without_pairs(members, message, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, data in members.items():
            add(tar, name, data)
    with pytest.raises(ValueError, match=message):
        open_images(str(tmp_path))


def test_archives_that_are_broken_or_hold_a_name_twice(tmp_path):
    path = as_folders(tmp_path / "train", each=2)
    tars = Path(as_archives(path, tmp_path / "tars", archives=1))
    whole = (tars / "part-0.tar").read_bytes()
    (tars / "part-1.tar").write_bytes(whole)
    with pytest.raises(ValueError, match=r"6 names .* more than once, such as \['bird/00.png'"):
        open_images(str(tars))
    for broken in (whole[:-8000], b"no archive at all" * 100, b""):
        (tars / "part-1.tar").write_bytes(broken)
        with pytest.raises(ValueError, match=r"part-1.tar is no complete, uncompressed tar"):
            open_images(str(tars))


def test_sides_that_do_not_fit(tmp_path):
    train = open_images(as_folders(tmp_path / "train", each=2))
    with pytest.raises(ValueError, match="the same folder"):
        check_sides(train, open_images(f"{tmp_path}/./train"))
    one = open_images(as_folders(tmp_path / "one", each=2, classes=("cat",)))
    with pytest.raises(ValueError, match=r"All 2 pictures of .*one are of the class 'cat'"):
        check_sides(one, train)
    assert check_sides(train, one) == CLASSES  # a class may be missing in the test part
    other = open_images(as_folders(tmp_path / "other", each=1, classes=("cat", "eel", "fox")))
    with pytest.raises(ValueError, match=r"2 of the 3 classes of .*other .*\['eel', 'fox'\]"):
        check_sides(train, other)
