import io
import json
import pickle
import tarfile

import numpy as np
import pytest
from gray_videos import numbers_of, write_video
from PIL import Image

from data_prep.sources.tars import SOURCE


def png(array, mode=None):
    stream = io.BytesIO()
    picture = Image.fromarray(array)
    if mode == "P":
        picture = Image.fromarray(array, "L").convert("P")
        picture.putdata(array.ravel().tolist())
    picture.save(stream, "PNG")
    return stream.getvalue()


def write_tar(path, members):
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
MASK = (np.arange(24 * 32) % 7).reshape(24, 32).astype(np.uint8)


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "v.mp4", 9).read_bytes()


def faults(readers):
    said = {}
    for reader in readers:
        try:
            with reader.open() as footage:
                list(footage.pictures([0]))
        except ValueError as error:
            said[reader.name] = str(error)
    return said


def test_videos_and_pictures_with_masks(tmp_path, video):
    members = [
        ("x/one.mp4", video),
        ("x/one.json", json.dumps({"caption": "gray"}).encode()),
        ("x/one.cls", b"4"),
        ("two.png", png(PICTURE)),
        ("two.mask.png", png(MASK)),
        ("two.txt", b"left alone"),
    ]
    (tmp_path / "tars").mkdir()
    write_tar(tmp_path / "tars" / "a.tar", members)
    one, two = SOURCE.find(tmp_path / "tars")
    assert (one.name, two.name) == ("a.tar/x/one", "a.tar/two")
    with one.open() as footage:
        assert numbers_of(footage.pictures(range(9))) == list(range(9))
        assert footage.details == {"class": 4, "json": {"caption": "gray"}}
        assert footage.truth is None
    with two.open() as footage:
        assert (next(footage.pictures([0])) == PICTURE).all()
        assert (next(footage.truth([0])) == MASK).all()


def test_what_carries_code_or_leaves_its_folder_is_rejected_and_never_run(tmp_path, video):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    trap = pickle.dumps(Trap())
    members = [
        ("good.mp4", video),
        ("a.mp4", video),
        ("a.pkl", trap),
        ("b.mp4", video),
        ("b.pth", trap),
        ("../../evil.mp4", video),
        ("/evil.mp4", video),
        ("x/../../evil.mp4", video),
        ("pipe:touch ran.mp4", video),
        ("cat x|sh.mp4", video),
    ]
    tar = write_tar(tmp_path / "a.tar", members)
    readers = SOURCE.find(tar)
    said = faults(readers)
    assert len(readers) == 8
    assert sorted(said) == sorted(reader.name for reader in readers[1:])
    assert "can carry code" in said["a.tar/a"]
    assert "leaves its folder" in said["a.tar/../../evil.mp4"]
    assert "command" in said["a.tar/pipe:touch ran.mp4"]
    assert not (tmp_path / "ran").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "v.mp4"]


def test_links_and_sparse_files_are_not_lost_without_a_word(tmp_path, video):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in [("a", tarfile.REGTYPE), ("b", tarfile.LNKTYPE), ("c", tarfile.SYMTYPE)]:
            info = tarfile.TarInfo(f"{name}.mp4")
            info.type, info.linkname = kind, "a.mp4"
            info.size = len(video) if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(video))
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    said = faults(SOURCE.find(path))
    assert sorted(said) == ["a.tar/b.mp4", "a.tar/c.mp4"]
    assert all("is a link" in reason for reason in said.values())


def test_numbers_that_are_not_json_become_null(tmp_path, video):
    members = [("a.mp4", video), ("a.json", b'{"p": NaN, "q": [-Infinity, 2]}')]
    (reader,) = SOURCE.find(write_tar(tmp_path / "a.tar", members))
    with reader.open() as footage:
        assert footage.details == {"json": {"p": None, "q": [None, 2]}}


def test_samples_that_make_no_clip(tmp_path, video):
    members = [
        ("none.json", b"{}"),
        ("both.mp4", video),
        ("both.jpg", b"x"),
        ("maskvideo.mp4", video),
        ("maskvideo.mask.png", png(MASK)),
        ("json.mp4", video),
        ("json.json", b"{"),
        ("rgbmask.png", png(PICTURE)),
        ("rgbmask.mask.png", png(PICTURE)),
        ("cls.mp4", video),
        ("cls.cls", b"cat"),
        ("twice.mp4", video),
        ("twice.mp4", video),
        ("broken.mp4", video[:200]),
        ("long.mp4", video),
        ("long.json", b'"' + b"x" * (1 << 20) + b'"'),
    ]
    readers = SOURCE.find(write_tar(tmp_path / "a.tar", members))
    said = faults(readers)
    assert len(said) == len(readers) == 9
    for key, words in {
        "none": "One video or picture",
        "both": "One video or picture",
        "maskvideo": "beside a video",
        "rgbmask": "mode RGB",
        "twice": "twice",
        "long": "JSON member",
    }.items():
        assert words in said[f"a.tar/{key}"]


def test_a_cut_tar_keeps_what_is_whole_and_says_so(tmp_path, video):
    members = [(f"s{number}.mp4", video) for number in range(4)]
    data = write_tar(tmp_path / "whole.tar", members).read_bytes()
    step = len(data) // 40
    for size in range(0, len(data) - 2 * 512, step):
        path = tmp_path / "cut.tar"
        path.write_bytes(data[:size])
        readers = SOURCE.find(path)
        said = faults(readers)
        entry = 512 + -(-len(video) // 512) * 512
        whole = sum(size >= number * entry + 512 + len(video) for number in range(4))
        assert len(readers) - len(said) == whole
        assert said or size >= 4 * entry
    path.write_bytes(data[: entry + 100] + b"\xff" * 30 + data[entry + 130 :])
    readers = SOURCE.find(path)
    assert "broken header" in faults(readers)["cut.tar/(rest)"]
    assert len(readers) == 2


def test_nothing_there(tmp_path):
    with pytest.raises(ValueError, match="No such file or folder"):
        SOURCE.find(tmp_path / "absent")
    with pytest.raises(ValueError, match="No samples"):
        SOURCE.find(tmp_path)
