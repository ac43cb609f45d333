"""Latents come back from files as they were, by id alone, until they are old."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from extracted_models import noise_clip
from safetensors.numpy import save_file

from explorer.clip import Clip, SceneTruth
from explorer.extraction import ArtifactStore
from explorer.latents import Latents


def some_latents(*, seed: int = 0, truth: bool = False) -> Latents:
    clip = noise_clip(seed=seed)
    if truth:
        labels = np.ones((4, 32, 32), dtype=np.uint8)
        centres = np.array([[[1.5, 2.0], [np.nan, np.nan], [3.0, 4.0], [5.0, 6.0]]])
        known = SceneTruth(labels, centres, ("ball",), {1: clip.frames // 2})
        clip = Clip(clip.frames, clip.fps, clip.name, clip.source_frames, known)
    values = np.random.default_rng(seed).normal(size=(2, 4, 4, 6)).astype(np.float32)
    return Latents(values, clip, 2, 8, site="blocks.01.out", model="small", facts={"a": "b"})


def test_latents_come_back_to_the_last_bit(tmp_path: Path) -> None:
    store, kept = ArtifactStore(tmp_path), some_latents(truth=True)
    read = store.load(store.save(kept))
    np.testing.assert_array_equal(read.values, kept.values)
    np.testing.assert_array_equal(read.clip.frames, kept.clip.frames)
    assert (read.site, read.model, read.tubelet, read.patch) == ("blocks.01.out", "small", 2, 8)
    assert read.facts == {"a": "b"}
    assert (read.clip.fps, read.clip.name) == (10.0, "noise")
    assert read.clip.source_frames == (0, 1, 2, 3)
    assert read.clip.truth is not None
    assert kept.clip.truth is not None
    np.testing.assert_array_equal(read.clip.truth.labels, kept.clip.truth.labels)
    np.testing.assert_array_equal(read.clip.truth.centres, kept.clip.truth.centres)
    np.testing.assert_array_equal(read.clip.truth.without[1], kept.clip.truth.without[1])
    assert read.clip.truth.names == ("ball",)


def test_half_precision_halves_the_values(tmp_path: Path) -> None:
    store, kept = ArtifactStore(tmp_path), some_latents()
    whole, half = store.save(kept), store.save(kept, half=True)
    assert store.path(whole).stat().st_size - store.path(half).stat().st_size >= 2 * 192 - 64
    np.testing.assert_array_equal(
        store.load(half).values, kept.values.astype(np.float16).astype(np.float32)
    )


def test_the_same_latents_have_the_same_id(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    assert store.save(some_latents()) == store.save(some_latents())
    assert store.save(some_latents(seed=1)) != store.save(some_latents())
    assert len(store.list()) == 2
    assert {artifact.about["site"] for artifact in store.list()} == {"blocks.01.out"}


def test_old_files_are_removed_and_others_left_alone(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path, max_age_s=100.0)
    old, new = store.save(some_latents()), store.save(some_latents(seed=1))
    (tmp_path / "notes.safetensors").write_text("mine")
    os.utime(store.path(old), (1000.0, 1000.0))
    os.utime(store.path(new), (1090.0, 1090.0))
    assert store.remove_old(now=1101.0) == [old]
    assert [artifact.id for artifact in store.list()] == [new]
    assert (tmp_path / "notes.safetensors").exists()


def test_the_oldest_make_room(tmp_path: Path) -> None:
    size = ArtifactStore(tmp_path / "probe")
    one = size.path(size.save(some_latents())).stat().st_size
    store = ArtifactStore(tmp_path / "store", quota_bytes=int(2.5 * one))
    first, second = store.save(some_latents(seed=1)), store.save(some_latents(seed=2))
    os.utime(store.path(first), (1e9, 1e9 + 1e6))
    third = store.save(some_latents(seed=3))
    assert {artifact.id for artifact in store.list()} == {second, third}
    with pytest.raises(ValueError, match="may hold 0 MB"):
        ArtifactStore(tmp_path / "tiny", quota_bytes=100).save(some_latents())


@pytest.mark.parametrize(
    "name", ["../secret", "latents-" + "0" * 24, "latents-xyz", "", "/etc/passwd"]
)
def test_ids_are_no_paths(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.safetensors").write_text("")
    store = ArtifactStore(tmp_path / "store")
    for ask in (store.load, store.path):
        with pytest.raises(KeyError, match="No latents with the id"):
            ask(name)


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = ArtifactStore(tmp_path / "outside")
    kept = outside.save(some_latents())
    store = ArtifactStore(tmp_path / "store")
    (tmp_path / "store" / f"{kept}.safetensors").symlink_to(outside.path(kept))
    assert store.list() == []
    with pytest.raises(KeyError):
        store.load(kept)


def test_damaged_files_are_refused_and_not_listed(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    kept = store.save(some_latents())
    path = store.path(kept)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ValueError, match="cannot be read"):
        store.load(kept)
    path.write_bytes(b"\x80\x04K\x01.")  # a pickle
    with pytest.raises(ValueError, match="cannot be read"):
        store.load(kept)
    assert store.list() == []
    save_file({"values": np.zeros(3)}, path, {"about": "{}"})
    with pytest.raises(ValueError, match="cannot be read"):
        store.load(kept)


def test_nothing_is_left_of_a_file_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtifactStore(tmp_path)

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        store.save(some_latents())
    assert list(tmp_path.iterdir()) == []
