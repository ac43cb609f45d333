import fsspec
import pytest

from jepakit.data import ShardReader
from jepakit.data.storage import RemoteFolder, open_storage


@pytest.mark.parametrize(
    "address",
    [
        "pipe:cat /etc/passwd",
        "pipe://x",
        "simplecache::memory://a",
        "memory://a::file://b",
        "ftp://a/b",
        "file:///a",
        "ssh://a/b",
        "http://a/b",
        "s3a://b",
        "github://a",
        "reference://a",
        "ray://x",
    ],
)
def test_addresses_that_are_never_opened(address):
    with pytest.raises(ValueError, match="Cannot read"):
        open_storage(address)


@pytest.fixture
def remote(make_set, tmp_path):
    """A data set in fsspec's memory."""
    manifest = make_set(tmp_path / "made", {"train": [2, 2, 2]})
    system = fsspec.filesystem("memory")
    for path in (tmp_path / "made").iterdir():
        with system.open(f"/bucket/{path.name}", "wb") as stream:
            stream.write(path.read_bytes())
    yield manifest
    system.rm("/bucket", recursive=True)


def test_remote_shards_are_read_through_the_cache(remote, tmp_path):
    cache = tmp_path / "cache"
    reader = ShardReader("memory://bucket", cache=str(cache))
    local = ShardReader(str(tmp_path / "made"))
    assert [s.key for s in reader] == [s.key for s in local]
    assert sorted(p.name for p in cache.glob("*/*.tar")) == [
        f"{s.name}.{s.sha256[:16]}.tar" for s in remote.shards
    ]
    fsspec.filesystem("memory").rm("/bucket/train-000000.tar")
    with reader.open(0) as stored:  # still there
        assert stored.frames().shape == (4, 32, 32, 3)


def test_a_data_set_made_anew_at_its_address_is_fetched_anew(remote, make_set, tmp_path):
    cache = str(tmp_path / "cache")
    old = [sample.key for sample in ShardReader("memory://bucket", cache=cache)]
    make_set(tmp_path / "other", {"train": [1, 3]})
    system = fsspec.filesystem("memory")
    for path in (tmp_path / "other").iterdir():
        system.pipe_file(f"/bucket/{path.name}", path.read_bytes())
    new = [sample.key for sample in ShardReader("memory://bucket", cache=cache)]
    assert new == [sample.key for sample in ShardReader(str(tmp_path / "other"))]
    assert len(new) != len(old)


def test_a_missing_remote_shard_is_an_error_at_start(remote, tmp_path):
    fsspec.filesystem("memory").rm("/bucket/train-000001.tar")
    with pytest.raises(ValueError, match="lacks 1 files"):
        ShardReader("memory://bucket", cache=str(tmp_path))


@pytest.mark.parametrize("change", [b"longer", b""])
def test_remote_bytes_are_checked(remote, tmp_path, change):
    system = fsspec.filesystem("memory")
    with system.open("/bucket/train-000000.tar", "rb") as stream:
        data = bytearray(stream.read())
    data[600] ^= 1
    with system.open("/bucket/train-000000.tar", "wb") as stream:
        stream.write(bytes(data) + change)
    reader = ShardReader("memory://bucket", cache=str(tmp_path / "cache"))
    with pytest.raises(ValueError, match=r"has not the .* bytes and checksum"), reader.open(0):
        pass
    assert not list((tmp_path / "cache").glob("*/*.tar"))


def test_the_cache_stays_within_its_limit(remote, tmp_path):
    size = remote.shards[0].size
    reader = ShardReader("memory://bucket", cache=str(tmp_path / "c"), cache_gb=2.5 * size / 1e9)
    for number in (0, 2, 4, 0):
        with reader.open(number) as stored:
            stored.frames()
        assert len(list((tmp_path / "c").glob("*/*.tar"))) <= 2


def test_an_index_of_absurd_size_is_refused(remote, tmp_path, monkeypatch):
    monkeypatch.setattr("jepakit.data.storage.MAX_SMALL", 100)
    with pytest.raises(ValueError, match="larger than 100 bytes"):
        RemoteFolder("memory://bucket", tmp_path, 1).small("manifest.json")
