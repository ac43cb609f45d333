"""Runs are found below one folder alone, listed by ids, and opened as they are now."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import torch
from model_folders import causal_config, video_config, write_run

from explorer.models import BUNDLED_ID, ModelCatalogue
from explorer.models.entries import DEPTH, find_runs, run_id
from jepakit.training.runs import load_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    write_run(root / "first", causal_config())
    write_run(root / "tables" / "Full method" / "seed0", causal_config(), seed=1)
    (root / "half" / "checkpoints").mkdir(parents=True)
    (root / "half" / "config.yaml").write_text("model: {}\n")
    return root


def test_ids_are_words_and_digits_and_stay_the_same(runs: Path) -> None:
    catalogue = ModelCatalogue(runs)
    entries = catalogue.entries()
    assert [entry.title for entry in entries] == [
        "bundled demo",
        "first",
        "tables/Full method/seed0",
    ]
    assert all(re.fullmatch("[a-z0-9-]{8,64}", entry.id) for entry in entries)
    assert [entry.id for entry in ModelCatalogue(runs).entries()] == [e.id for e in entries]
    assert run_id("a/b") != run_id("a-b")
    assert re.fullmatch("[a-z0-9-]{8,64}", run_id("../Ä" * 40))


def test_entries_say_what_the_configuration_says(runs: Path) -> None:
    first = ModelCatalogue(runs).entries()[1]
    assert (first.family, first.frames, first.size, first.source) == (
        "CausalJEPA",
        4,
        (32, 32),
        "run",
    )
    assert first.megabytes > 0.1


def test_target_and_context_encoders_are_the_runs_own(runs: Path) -> None:
    catalogue = ModelCatalogue(runs, bundled=False)
    module = load_run(runs / "first")
    for which, mine in (("target", module.target_encoder), ("context", module.encoder)):
        opened = catalogue.open(run_id("first"), encoder=which)
        found = opened.encoder.state_dict()
        assert all(torch.equal(value, found[name]) for name, value in mine.state_dict().items())
        assert which in opened.name
        assert opened.facts["encoder"] == which
        assert not opened.encoder.training


def test_untrained_twins_depend_on_their_seed_only(runs: Path) -> None:
    catalogue = ModelCatalogue(runs)
    model = run_id("first")
    before = torch.random.get_rng_state()
    one, again = (catalogue.open(model, untrained=3).encoder.state_dict() for _ in range(2))
    other = ModelCatalogue(runs).open(model, untrained=4).encoder.state_dict()
    same = ModelCatalogue(runs).open(model, untrained=3).encoder.state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    trained = catalogue.open(model).encoder.state_dict()
    assert one.keys() == trained.keys()
    assert not torch.equal(one["blocks.0.qkv.weight"], trained["blocks.0.qkv.weight"])


def test_a_training_that_goes_on_is_opened_anew(tmp_path: Path) -> None:
    catalogue = ModelCatalogue(tmp_path, bundled=False)
    assert catalogue.entries() == []
    write_run(tmp_path / "live", causal_config(), seed=0)
    (entry,) = catalogue.entries()
    old = catalogue.open(entry.id)
    assert catalogue.open(entry.id).module is old.module
    write_run(tmp_path / "live", causal_config(), seed=5)
    last = tmp_path / "live" / "checkpoints" / "last.ckpt"
    os.utime(last, (entry.saved + 10, entry.saved + 10))
    (newer,) = catalogue.entries()
    assert (newer.id, newer.saved > entry.saved) == (entry.id, True)
    assert catalogue.open(entry.id).weights_hash != old.weights_hash


def test_a_checkpoint_that_is_being_replaced_counts_by_the_one_before(tmp_path: Path) -> None:
    write_run(tmp_path / "live", causal_config())
    write_run(tmp_path / "live", causal_config())
    (tmp_path / "live" / "checkpoints" / "last.ckpt").unlink()
    assert [entry.title for entry in ModelCatalogue(tmp_path, bundled=False).entries()] == ["live"]


def test_nothing_outside_of_the_folder_is_listed(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(runs / "first", target_is_directory=True)
    (tmp_path / ".hidden").mkdir()
    deep = tmp_path.joinpath(*"abcdefgh"[: DEPTH + 1])
    (deep / "checkpoints").mkdir(parents=True)
    (deep / "config.yaml").touch()
    (deep / "checkpoints" / "last.ckpt").touch()
    assert list(find_runs(tmp_path)) == []


@pytest.mark.parametrize("model", ["../first", "first", "", "/etc/passwd", BUNDLED_ID + "x"])
def test_only_listed_ids_are_opened(runs: Path, model: str) -> None:
    with pytest.raises(KeyError, match="No model has the id"):
        ModelCatalogue(runs).open(model)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder of runs"):
        ModelCatalogue(tmp_path / "nothing")


def test_configurations_that_are_none_are_left_out(tmp_path: Path) -> None:
    for name, text in (("list", "- 1\n"), ("broken", "model: [\n"), ("other", "data: 1\n")):
        write_run(tmp_path / name, causal_config())
        (tmp_path / name / "config.yaml").write_text(text)
    assert ModelCatalogue(tmp_path, bundled=False).entries() == []


def test_v_jepa_2_runs_open_like_others(tmp_path: Path) -> None:
    write_run(tmp_path / "video", video_config(variant="2.1"))
    catalogue = ModelCatalogue(tmp_path, bundled=False)
    (entry,) = catalogue.entries()
    model = catalogue.open(entry.id)
    assert (entry.family, model.depth, model.width, model.tubelet) == ("VJEPA2", 12, 192, 2)
    assert model.encoder.images
    assert model.encoder.levels == (2, 5, 8, 11)
