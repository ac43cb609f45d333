import copy

import numpy as np
import pytest
import torch
from batch_recording import fit
from transition_recorder import TransitionRecorder

from jepakit.data.shard_reader import ShardReader
from jepakit.data.transitions import TransitionDataModule
from jepakit.data.transitions.encoding import cache_features
from jepakit.data.transitions.features import CachedFeatures, weights_sha256


class Means(torch.nn.Module):
    """Two tokens for each frame: means of its halves by channel, scaled."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.01))
        self.calls = 0

    def forward(self, frames):
        self.calls += 1
        halves = frames.float().unflatten(2, (2, -1)).mean(dim=(3, 4))
        return halves * self.scale


@pytest.fixture
def encoder():
    return Means()


@pytest.fixture
def path(make_episodes, tmp_path):
    make_episodes(tmp_path / "set", {"train": [5, 4], "val": [2]})
    return str(tmp_path / "set")


def cache(path, out, encoder, **options):
    cache_features(path, str(out), encoder, encoder=weights_sha256(encoder), **options)
    return str(out)


def test_features_of_windows_equal_the_encoded_frames(path, tmp_path, encoder):
    folder = cache(path, tmp_path / "cache", encoder, batch=3)
    reader = ShardReader(path, split="train")
    features = CachedFeatures(folder, reader, encoder=weights_sha256(encoder))
    assert features.shape == (2, 3)
    for number, sample in enumerate(reader):
        frames = torch.from_numpy(sample.frames[None].copy())
        expected = encoder(frames)[0].detach().half().numpy()
        assert np.array_equal(features.window(number, 2, 4), expected[2:6])


def test_training_on_features_reads_the_windows_that_frames_would_give(
    path, tmp_path, encoder, space
):
    folder = cache(path, tmp_path / "cache", encoder)
    hashed = weights_sha256(encoder)
    options = {"val": path, "batch_size": 4, "windows_per_episode": 2}
    plain, _ = fit(
        tmp_path, TransitionDataModule(path, **options), 5, module=TransitionRecorder(space)
    )
    for workers in (0, 2):
        data = TransitionDataModule(path, **options, features=folder, workers=workers)
        module = TransitionRecorder(space, encoder_sha256=hashed)
        cached, _ = fit(tmp_path, data, 5, module=module)
        for a, b in zip(plain.batches, cached.batches, strict=True):
            assert a.keys == b.keys
            assert torch.equal(a.actions, b.actions)
            assert b.frames.shape == (4, 4, 0, 0, 3)
            assert torch.equal(encoder(a.frames).half(), b.features)


def test_stale_features_are_refused(path, make_episodes, tmp_path, encoder):
    folder = cache(path, tmp_path / "cache", encoder)
    reader, hashed = ShardReader(path), weights_sha256(encoder)
    with pytest.raises(ValueError, match="stale: they were made of another encoder"):
        CachedFeatures(folder, reader, encoder="0" * 64)
    make_episodes(tmp_path / "other", {"train": [4, 4], "val": [2]})
    with pytest.raises(ValueError, match=r"'train-000000' in .* made of another shard"):
        CachedFeatures(folder, ShardReader(str(tmp_path / "other")), encoder=hashed)
    with pytest.raises(ValueError, match="made of another shard"):
        cache(str(tmp_path / "other"), folder, encoder)
    (tmp_path / "cache" / "val-000000.json").unlink()
    with pytest.raises(ValueError, match="no features of shard 'val-000000'; run cache_features"):
        CachedFeatures(folder, reader, encoder=hashed)
    (tmp_path / "cache" / "val-000000.json").write_text("[]")
    with pytest.raises(ValueError, match="not the header of features in format 1"):
        CachedFeatures(folder, reader, encoder=hashed)


def test_a_stopped_run_continues(path, tmp_path, encoder):
    folder = cache(path, tmp_path / "cache", encoder, batch=9)
    before = {file.name: file.read_bytes() for file in (tmp_path / "cache").iterdir()}
    assert encoder.calls == 3
    (tmp_path / "cache" / "train-000001.json").unlink()
    cache(path, folder, encoder, batch=9)
    assert encoder.calls == 4
    assert {file.name: file.read_bytes() for file in (tmp_path / "cache").iterdir()} == before


def test_a_damaged_episode_has_no_features(path, tmp_path, encoder):
    reader = ShardReader(path)
    for number in (0, 2):
        place = reader._index(0).places(number)["png"]
        with open(f"{path}/train-000000.tar", "r+b") as file:
            file.seek(place.offset + place.size // 2)
            file.write(b"damage")
    folder = cache(path, tmp_path / "cache", encoder)
    features = CachedFeatures(folder, reader, encoder=weights_sha256(encoder))
    with pytest.raises(ValueError, match="episode 2: its frames were damaged when it was encoded"):
        features.window(2, 0, 4)
    with reader.open(3) as stored:
        expected = encoder(torch.from_numpy(stored.frames()[None])).detach().half()[0]
    assert np.array_equal(features.window(3, 0, 8), expected.numpy())


def test_a_damaged_cache_is_found(path, tmp_path, encoder):
    folder = cache(path, tmp_path / "cache", encoder)
    features = CachedFeatures(folder, ShardReader(path), encoder=weights_sha256(encoder))
    file = tmp_path / "cache" / "train-000000.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1  # in the last frame of episode 4
    file.write_bytes(data)
    features.window(4, 0, 7)
    with pytest.raises(ValueError, match="episode 4, frame 7: not the stored crc32"):
        features.window(4, 4, 4)
    file.write_bytes(data[:-5])
    with pytest.raises(ValueError, match=r"train-000000.npy, episode 0: "):
        features.window(0, 0, 4)


def test_latents_beyond_float16_are_refused(path, tmp_path, encoder):
    encoder.scale.data.fill_(1e9)
    with pytest.raises(ValueError, match="not finite in float16"):
        cache(path, tmp_path / "cache", encoder)
    assert not list((tmp_path / "cache").glob("*.json"))


def test_the_hash_of_weights_sees_names_types_and_values():
    layer = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).to(torch.bfloat16)
    same = copy.deepcopy(layer)
    assert weights_sha256(layer) == weights_sha256(same)
    hashes = {
        weights_sha256(layer),
        weights_sha256(layer[0]),
        weights_sha256(copy.deepcopy(layer).float()),
    }
    same[1].running_mean[0] = 1e-3
    assert len(hashes | {weights_sha256(same)}) == 4
