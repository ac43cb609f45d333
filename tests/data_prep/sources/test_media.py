from pathlib import Path

import fsspec
import numpy as np
import pytest
from gray_videos import numbers_of, write_video
from PIL import Image

from data_prep.item import is_damage
from data_prep.sources.media import IMAGES, VIDEOS, MediaFile
from jepakit.data.schema import BadSample


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    for number in range(3):
        write_video(folder / "ab"[number % 2] / f"v{number}.mp4", 12 + number)
    for name in ("a/p.png", "b/q.JPG"):
        Image.new("RGB", (40, 30), (10, 200, 30)).save(folder / name)
    (folder / "a" / "notes.txt").write_text("not a video")
    return folder


def test_videos_and_images_of_a_folder_with_their_classes(folder):
    videos, images = VIDEOS.find(folder), IMAGES.find(folder)
    assert [reader.name for reader in videos] == ["a/v0.mp4", "a/v2.mp4", "b/v1.mp4"]
    assert [reader.name for reader in images] == ["a/p.png", "b/q.JPG"]
    with videos[1].open() as footage:
        assert footage.details == {"class": 0, "class_name": "a"}
        assert len(footage.seconds) == 14
        assert numbers_of(footage.pictures([0, 5, 13])) == [0, 5, 13]
        assert footage.truth is None
    with images[0].open() as footage:
        assert [p.shape for p in footage.pictures([0])] == [(30, 40, 3)]


def test_one_file_and_a_list(folder, tmp_path):
    (reader,) = VIDEOS.find(folder / "b" / "v1.mp4")
    assert reader.name == "v1.mp4"
    listed = tmp_path / "list.txt"
    listed.write_text(f"{folder}/b/v1.mp4 3\n{folder}/a/v0.mp4 1\n")
    readers = VIDEOS.find(listed)
    with readers[0].open() as footage:
        assert footage.details == {"class": 3}


def test_names_of_a_list_do_not_say_where_it_lies(folder, tmp_path, monkeypatch):
    listed = tmp_path / "list.txt"
    listed.write_text(f"{folder}/b/v1.mp4 3\n{folder}/a/v0.mp4 1\n")
    assert [reader.name for reader in VIDEOS.find(listed)] == ["b/v1.mp4", "a/v0.mp4"]
    listed = folder / "list.txt"
    listed.write_text("b/v1.mp4 3\na/v0.mp4 1\n")
    monkeypatch.chdir(folder)
    for path in (listed, Path("list.txt")):
        readers = VIDEOS.find(path)
        assert [reader.name for reader in readers] == ["b/v1.mp4", "a/v0.mp4"]
        with readers[1].open() as footage:
            assert len(footage.seconds) == 12
    listed.unlink()


def test_stamps_tell_labels_and_sizes(folder, tmp_path):
    size = (folder / "a" / "v0.mp4").stat().st_size
    assert VIDEOS.find(folder)[0].stamp == (0, "a", size)
    assert VIDEOS.find(folder / "a" / "v0.mp4")[0].stamp == (None, None, size)
    (tmp_path / "list.txt").write_text("gone.mp4 4")
    assert VIDEOS.find(tmp_path / "list.txt")[0].stamp == (4, None, None)
    fsspec.filesystem("memory").put_file(str(folder / "a" / "v0.mp4"), "/stamped/v0.mp4")
    for address in ("memory://stamped", "memory://stamped/v0.mp4"):
        assert VIDEOS.readers(address)[0].stamp == (None, None, size)


def test_a_network_that_fails_is_not_the_fault_of_the_file(monkeypatch):
    for address in ("https://127.0.0.1:9/a.mp4", "memory://stamped/v0.mp4"):
        if address.startswith("memory"):

            def read(*_, **__):
                raise RuntimeError("no credentials")

            monkeypatch.setattr(fsspec.filesystem("memory"), "open", read, raising=False)
        with pytest.raises(ConnectionError, match="cannot be fetched") as caught:
            MediaFile(address, "a.mp4").open().__enter__()
        assert not is_damage(caught.value)


def test_a_remote_file_that_is_gone_is_damage():
    with pytest.raises(FileNotFoundError) as caught:
        MediaFile("memory://nowhere/a.mp4", "a.mp4").open().__enter__()
    assert is_damage(caught.value)


def test_a_name_that_chains_addresses_opens_no_other_file():
    system = fsspec.filesystem("memory")
    for name in ("secret", "secret::v.mp4"):
        system.pipe_file(f"/chained/{name}", name.encode())
    (reader,) = VIDEOS.readers("memory://chained")
    with pytest.raises(ValueError, match="chain of addresses"), reader.open():
        pass


def test_a_name_too_long_for_a_disk(folder):
    name = "/longest/" + "x" * 300 + ".mp4"
    fsspec.filesystem("memory").put_file(str(folder / "a" / "v0.mp4"), name)
    (reader,) = VIDEOS.readers("memory://longest")
    with reader.open() as footage:
        assert len(footage.seconds) == 12


def test_a_remote_prefix(folder):
    system = fsspec.filesystem("memory")
    system.put(str(folder), "/bucket/media", recursive=True)
    readers = VIDEOS.readers("memory://bucket/media")
    assert [reader.name for reader in readers] == ["a/v0.mp4", "a/v2.mp4", "b/v1.mp4"]
    with readers[2].open() as footage:
        assert numbers_of(footage.pictures(range(13))) == list(range(13))
    (alone,) = VIDEOS.readers("memory://bucket/media/b/v1.mp4")
    assert alone.name == "v1.mp4"
    assert [r.name for r in IMAGES.readers("memory://bucket/media")] == ["a/p.png", "b/q.JPG"]


@pytest.mark.parametrize(
    "address", ["pipe:cat x", "file:///etc", "simplecache::memory://bucket", "ftp://host/x"]
)
def test_other_addresses_are_not_opened(address):
    with pytest.raises(ValueError, match=r"Cannot read|No such file"):
        VIDEOS.readers(address)


def test_nothing_there(folder, tmp_path):
    with pytest.raises(ValueError, match="No such file or folder"):
        VIDEOS.find(tmp_path / "absent")
    with pytest.raises(ValueError, match="No videos or images"):
        VIDEOS.find(tmp_path)
    with pytest.raises(ValueError, match="neither a folder nor"):
        IMAGES.find(folder / "b" / "v1.mp4")


def test_damage_shows_when_a_file_is_opened(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "b.mp4").write_bytes(np.random.default_rng(0).bytes(4000))
    for reader in VIDEOS.find(tmp_path):
        with pytest.raises(BadSample, match=r"[ab]\.mp4"), reader.open():
            pass


def test_files_that_are_not_read_are_counted(folder, capsys):
    VIDEOS.find(folder)
    assert capsys.readouterr().out == "Files that are not read: 1 .jpg, 1 .png, 1 .txt.\n"
    IMAGES.find(folder)
    assert capsys.readouterr().out == "Files that are not read: 3 .mp4, 1 .txt.\n"
    VIDEOS.find(folder / "b" / "v1.mp4")
    assert capsys.readouterr().out == ""
