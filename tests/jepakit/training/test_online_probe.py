from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_training import ToyData, ToyModule, fit, same_weights

from jepakit.training.callbacks import OnlineProbe
from jepakit.training.metrics_file import MetricsFile, read_metrics

WIDTH = 6


class Labelled(ToyModule):
    """Pooled features that tell the labels: the sign of one, and a sum."""

    def _with_features(self, out: Any, batch: Any) -> Any:
        columns = [batch.targets[f"feature_{column}"] for column in range(WIDTH)]
        return out | {"pooled": torch.stack(columns, dim=1)}

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return self._with_features(super().training_step(batch, batch_idx), batch)

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        return self._with_features(super().validation_step(batch, batch_idx), batch)


def labelled(count: int, generator: torch.Generator | None = None) -> tuple[Any, dict[str, Any]]:
    """Features normalised per sample, and what a line through them tells."""
    features = torch.randn(count, WIDTH, generator=generator)
    features = torch.nn.functional.layer_norm(features, (WIDTH,))
    height = features[:, 0] - 0.5 * features[:, 1] + 3
    height[::3] = torch.nan  # undefined in a third of the samples
    return features, {"height": height, "moves": (features[:, 2] > 0).float()}


class LabelledData(ToyData):
    def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
        features, labels = labelled(len(batch))
        columns = {f"feature_{n}": column for n, column in enumerate(features.unbind(dim=1))}
        return replace(batch, targets=labels | columns)


def probed(tmp_path: Path, steps: int) -> tuple[OnlineProbe, dict[str, Any]]:
    probe = OnlineProbe({"height": "regression", "moves": "binary"}, every_n_steps=2)
    options = {"logger": MetricsFile(tmp_path / "metrics.csv"), "val_check_interval": 4}
    fit(steps, model=Labelled(), data=LabelledData(), callbacks=[probe], **options)
    return probe, read_metrics(tmp_path / "metrics.csv")


def test_it_finds_what_the_features_tell() -> None:
    probe, generator = OnlineProbe({"height": "regression", "moves": "binary"}, lr=0.1), None
    probe._build(torch.zeros(1, WIDTH))
    generator = torch.Generator().manual_seed(0)
    for step in range(200):
        if step == 180:
            probe._scores["train"] = {}
        with torch.enable_grad():
            probe._step(*labelled(16, generator))
    count, error, total, squares = probe._scores["train"]["height"].tolist()
    assert count == 20 * 10  # 6 of 16 are undefined
    assert 1 - error / (squares - total**2 / count) > 0.99
    count, hits, _, _ = probe._scores["train"]["moves"].tolist()
    assert hits / count > 0.9


def test_what_is_logged_when(tmp_path: Path) -> None:
    _, curves = probed(tmp_path, 8)
    for name in ("height/r2", "moves/accuracy"):
        assert curves[f"probe/{name}"][0] == [1, 3, 5, 7]
        assert curves[f"val/probe/{name}"][0] == [3, 7]


def test_scores_are_those_of_a_slow_count() -> None:
    probe = OnlineProbe({"moves": "binary", "height": "regression"})
    probe._build(torch.zeros(1, 3))
    generator = torch.Generator().manual_seed(0)
    answers, targets = torch.randn(2, 50, generator=generator).double()
    binary = (targets > 0).double()
    for part in (slice(0, 20), slice(20, 50)):
        probe._score("train", "moves", answers[part], binary[part])
        probe._score("train", "height", answers[part], targets[part])
    count, hits, _, _ = probe._scores["train"]["moves"].tolist()
    assert hits / count == pytest.approx(float(((answers > 0) == (binary > 0.5)).double().mean()))
    count, error, total, squares = probe._scores["train"]["height"].tolist()
    r2 = 1 - error / (squares - total**2 / count)
    variance = targets.var(correction=0)
    assert r2 == pytest.approx(float(1 - (answers - targets).square().mean() / variance))


def test_no_gradient_and_no_influence_on_the_model() -> None:
    plain, _ = fit(4)
    watched, _ = fit(4, callbacks=[OnlineProbe({"bright": "binary"})], val_check_interval=2)
    assert same_weights(plain, watched)


def test_undefined_labels_weigh_nothing() -> None:
    probe = OnlineProbe({"x": "regression"})
    probe._build(torch.zeros(1, 3))
    with torch.enable_grad():
        probe._step(torch.randn(4, 3), {"x": torch.full((4,), torch.nan)})
    weights = probe._probes.state_dict()
    assert all(value.isfinite().all() for value in weights.values())
    assert probe._scores["train"]["x"].tolist() == [0, 0, 0, 0]


def test_state_survives(tmp_path: Path) -> None:
    probe, _ = probed(tmp_path, 5)
    other = OnlineProbe({"height": "regression", "moves": "binary"})
    other.load_state_dict(probe.state_dict())
    assert other.state_dict().keys() == probe.state_dict().keys()  # before the width is known
    other._build(torch.zeros(1, WIDTH))
    assert same_weights(other._probes, probe._probes)
    state = other._optimizer.state_dict()["state"]
    assert state[0]["step"] == 5


def test_a_missing_label_is_named() -> None:
    with pytest.raises(
        ValueError, match=r"wants the labels \['solved'\], the batch has \['bright'\]"
    ):
        fit(1, callbacks=[OnlineProbe({"solved": "binary"})])


def test_without_labels_nothing_happens() -> None:
    probe = OnlineProbe()
    fit(2, callbacks=[probe], val_check_interval=1)
    assert probe.state_dict() == {}
