"""The bundled model is whole, small, and what was trained up to half precision."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from model_folders import causal_config

from explorer.models import BUNDLED_ID, ModelCatalogue
from explorer.models.bundled import BUNDLED, WEIGHTS, bundle_config, load_bundle
from explorer.models.bundling import write_bundle
from jepakit.training.module import JepaModule
from jepakit.training.runs import build_model


def still_module(config: dict[str, object]) -> JepaModule:
    module = build_model(config)
    pairs = module.ema_pairs()
    pairs[0][1].load_state_dict(pairs[0][0].state_dict())
    return module


def test_it_opens_at_once_with_the_grid_of_the_default_clip() -> None:
    model = ModelCatalogue().open(BUNDLED_ID)
    assert model.grid_of(16, (96, 96)) == (8, 12, 12)
    assert (model.frames, model.size) == (16, (96, 96))
    assert model.module is not None
    weights = sum(value.abs().sum() for value in model.encoder.state_dict().values())
    assert weights.isfinite()


def test_it_is_small_and_says_what_it_is() -> None:
    assert sum(path.stat().st_size for path in BUNDLED.iterdir()) < 4e6
    facts = bundle_config()["facts"]
    assert {"trained", "causal fidelity"} <= facts.keys()
    assert all(isinstance(value, str) for value in facts.values())


def test_a_bundle_is_the_model_in_half_precision(tmp_path: Path) -> None:
    config = causal_config()
    module = still_module(config)
    write_bundle(module, config, facts={"trained": "not"}, folder=tmp_path)
    read = load_bundle(tmp_path).state_dict()
    assert read.keys() == module.state_dict().keys()
    assert all(value.dtype == torch.float32 for value in read.values())
    for name, value in module.state_dict().items():
        assert torch.equal(read[name], value.half().float()), name
    assert (tmp_path / WEIGHTS).stat().st_size < 2.2 * sum(
        value.numel() for name, value in read.items() if not name.startswith("target_encoder.")
    ) + 20_000


def test_two_different_encoders_are_refused(tmp_path: Path) -> None:
    config = causal_config()
    module = still_module(config)
    next(module.ema_pairs()[0][0].parameters()).data.add_(1)
    with pytest.raises(ValueError, match="differ in 1 tensors"):
        write_bundle(module, config, facts={}, folder=tmp_path)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    config = causal_config()
    write_bundle(still_module(config), config, facts={}, folder=tmp_path)
    other = tmp_path / "config.yaml"
    other.write_text(other.read_text().replace("depth: 2", "depth: 3"))
    with pytest.raises(ValueError, match="do not fit"):
        load_bundle(tmp_path)
