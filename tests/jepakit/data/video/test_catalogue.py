import os
import re
from pathlib import Path

import pytest

from jepakit.data.video.catalogue import read_catalogue


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return str(folder)


def listed(folder, text, name="list.txt"):
    (folder / name).write_text(text)
    return str(folder / name)


def test_sub_folders_are_classes(tmp_path):
    path = touch(tmp_path, "dog/B.mp4", "dog/a b.mkv", "cat/x/1.webm", "cat/2.JPG", "notes.txt")
    catalogue = read_catalogue(path)
    assert catalogue.classes == ("cat", "dog")
    assert [(e.key, e.label) for e in catalogue.entries] == [
        ("cat-2", 0),
        ("cat-x-1", 0),
        ("dog-b", 1),
        ("dog-a-b", 1),
    ]
    assert catalogue.entries[3].path == str(tmp_path / "dog/a b.mkv")
    assert catalogue.is_labelled


def test_files_beside_sub_folders_have_no_class(tmp_path):
    catalogue = read_catalogue(touch(tmp_path, "a.mp4", "dog/b.mp4", ".hidden.mp4"))
    assert [(e.key, e.label) for e in catalogue.entries] == [("a", None), ("dog-b", None)]
    assert not catalogue.is_labelled


def test_keys_are_keys_unique_and_the_same_wherever_the_folder_lies(tmp_path):
    long = "x" * 90
    names = [
        "Ä ö.mp4",
        "ä-ö.mp4",
        "a.mp4",
        "a.png",
        "a!.mp4",
        "--.mp4",
        f"{long}.mp4",
        f"{long}y.mp4",
    ]
    first = read_catalogue(touch(tmp_path / "one", *names))
    keys = [entry.key for entry in first.entries]
    assert len(set(keys)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_-]{1,76}", key) for key in keys)
    second = read_catalogue(touch(tmp_path / "two", *names))
    assert [entry.key for entry in second.entries] == keys
    assert second.fingerprint == first.fingerprint


def test_linked_folders_are_followed(tmp_path):
    touch(tmp_path / "elsewhere", "a.mp4")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "dog").symlink_to(tmp_path / "elsewhere")
    assert [e.key for e in read_catalogue(str(tmp_path / "here")).entries] == ["dog-a"]


def test_a_folder_that_may_not_be_read_is_not_passed_over(tmp_path, monkeypatch):
    touch(tmp_path, "dog/a.mp4", "cat/b.mp4")
    plain = os.scandir

    def scandir(path):
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied", path)
        return plain(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ValueError, match=r"Cannot list the folder .*dog: Permission denied"):
        read_catalogue(str(tmp_path))


def test_links_in_a_circle_name_no_video_twice(tmp_path):
    touch(tmp_path / "here", "dog/a.mp4", "cat/b.mp4")
    (tmp_path / "here" / "dog" / "up").symlink_to("..")
    (tmp_path / "here" / "dog" / "above").symlink_to(tmp_path)
    touch(tmp_path / "far", "c.mp4")
    (tmp_path / "here" / "far").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "back").symlink_to(tmp_path / "here" / "dog")  # not above: followed
    (tmp_path / "far" / "round").symlink_to(tmp_path / "here" / "far")
    keys = [entry.key for entry in read_catalogue(str(tmp_path / "here")).entries]
    assert keys == ["cat-b", "dog-a", "far-back-a", "far-c"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "v/one.mp4 3\nv/sub/two.mp4 0\n\n"),
        ("a.txt", "v/one.mp4::3\nv/sub/two.mp4::0\n"),
        ("a.csv", "v/one.mp4,3\nv/sub/two.mp4, 0"),
        ("a.csv", "\ufeffv/one.mp4,3\r\nv/sub/two.mp4,0\r\n"),
        ("a.txt", "v/one.mp4\t3\r\nv/sub/two.mp4   0\r\n"),
    ],
)
def test_lists(tmp_path, name, text):
    catalogue = read_catalogue(listed(tmp_path, text, name))
    assert [tuple(entry) for entry in catalogue.entries] == [
        ("one", str(tmp_path / "v/one.mp4"), 3),
        ("sub-two", str(tmp_path / "v/sub/two.mp4"), 0),
    ]
    assert catalogue.classes == ()


def test_lists_without_labels_and_absolute_paths(tmp_path):
    catalogue = read_catalogue(listed(tmp_path, "/data/x/a.mp4\n/data/y/my film.mp4\n"))
    assert [tuple(entry) for entry in catalogue.entries] == [
        ("x-a", "/data/x/a.mp4", None),
        ("y-my-film", "/data/y/my film.mp4", None),
    ]


def test_paths_with_blanks_and_labels(tmp_path):
    catalogue = read_catalogue(listed(tmp_path, "my film.mp4 5\n"))
    assert [(Path(e.path).name, e.label) for e in catalogue.entries] == [("my film.mp4", 5)]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a.mp4 1\nb.mp4 cat\n", 2, "expected 'PATH LABEL' with a whole number, got 'b.mp4 cat'"),
        ("a.mp4 1\nb.mp4 2.5\n", 2, "whole number"),
        ("a.mp4::1\nb.mp4::\n", 2, "expected 'PATH::LABEL'"),
        ("a.mp4::1\n::2\n", 2, "expected 'PATH::LABEL'"),
        ("a.mp4 1\n\nb.mp4\n", 3, "label all or none"),
        ("a.mp4\nb.mp4 1\n", 2, "label all or none"),
        ("x/a.mp4 1\nb.mp4 1\nx/a.mp4 2\n", 3, "is already on line 1"),
    ],
)
def test_a_bad_line_is_named(tmp_path, text, line, words):
    path = listed(tmp_path, text)
    with pytest.raises(ValueError, match=re.escape(f"{path}, line {line}: ")) as caught:
        read_catalogue(path)
    assert words in str(caught.value)


def test_a_header_is_a_bad_line(tmp_path):
    with pytest.raises(ValueError, match=r"line 1: expected 'PATH,LABEL'"):
        read_catalogue(listed(tmp_path, "path,label\na.mp4,1\n", "a.csv"))


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_list(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.csv lists no videos"):
        read_catalogue(str(tmp_path / "a.csv"))


def test_a_list_that_is_no_text(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"a\.csv is not text in UTF-8"):
        read_catalogue(str(tmp_path / "a.csv"))


def test_what_is_no_catalogue(tmp_path):
    with pytest.raises(ValueError, match=r"neither a folder nor a \.csv or \.txt list"):
        read_catalogue(str(tmp_path / "a.npy"))
    with pytest.raises(ValueError, match="No such list"):
        read_catalogue(str(tmp_path / "a.csv"))
    with pytest.raises(ValueError, match="No videos or images in"):
        read_catalogue(touch(tmp_path, "notes.txt"))


def test_validation_folders_take_the_numbers_of_the_training_folders(tmp_path):
    train = read_catalogue(touch(tmp_path / "train", "a/1.mp4", "b/2.mp4", "c/3.mp4"))
    val = touch(tmp_path / "val", "c/4.mp4", "a/5.mp4")
    assert [e.label for e in read_catalogue(val, classes=train.classes).entries] == [0, 2]
    with pytest.raises(ValueError, match=r"classes that the training videos do not have: \['d'\]"):
        read_catalogue(touch(tmp_path / "val", "d/6.mp4"), classes=train.classes)
    with pytest.raises(ValueError, match="give the training videos as a list too"):
        read_catalogue(listed(tmp_path, "a.mp4 1\n"), classes=train.classes)


def test_a_share_is_held_out_by_key_alone(tmp_path):
    whole = read_catalogue(touch(tmp_path, *(f"v{n}.mp4" for n in range(20))))
    train, val = whole.divide(0.25)
    assert (len(train), len(val)) == (15, 5)
    assert sorted(train.entries + val.entries) == sorted(whole.entries)
    assert whole.divide(0.25) == (train, val)
    assert set(whole.divide(0.5)[1].entries) > set(val.entries)
    assert train.fingerprint != whole.fingerprint
    for share in (0.01, 0.99):
        with pytest.raises(ValueError, match="both parts need one"):
            whole.divide(share)
