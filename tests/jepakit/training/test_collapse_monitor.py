from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_training import ToyModule, fit

from jepakit.losses.collapse import effective_rank, feature_std
from jepakit.training.callbacks import CollapseMonitor
from jepakit.training.metrics_file import MetricsFile, read_metrics


class Shown(ToyModule):
    """Gives fixed pooled features."""

    def __init__(self, features: torch.Tensor) -> None:
        super().__init__()
        self.features, self.used = features, 0

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, torch.Tensor]:
        out = super().training_step(batch, batch_idx)
        rows = self.features[self.used : self.used + len(batch)]
        self.used += len(batch)
        return out | {"pooled": rows}


def test_it_looks_at_the_latest_samples(tmp_path: Path) -> None:
    features = torch.randn(24, 5)
    logger = MetricsFile(tmp_path / "metrics.csv")
    monitor = CollapseMonitor(3, samples=10)
    fit(6, model=Shown(features), callbacks=[monitor], logger=logger)
    curves = read_metrics(logger.path)
    looks = [features[2:12], features[14:24]]
    ranks = [float(effective_rank(look)) for look in looks]
    assert curves["collapse/effective_rank"] == ([2, 5], ranks)
    stds = [float(feature_std(look)) for look in looks]
    assert curves["collapse/feature_std"] == ([2, 5], stds)


@pytest.mark.parametrize("kind", ["one direction", "one point"])
def test_the_alarm_comes_once_after_patience(kind: str) -> None:
    line = torch.randn(40, 1) @ torch.ones(1, 5)
    model = Shown(line if kind == "one direction" else 1e-6 * torch.randn(40, 5))
    with pytest.warns(UserWarning, match="Collapse: in 3 looks") as caught:
        fit(10, model=model, callbacks=[CollapseMonitor(1, patience=3)])
    assert len([w for w in caught if "Collapse" in str(w.message)]) == 1


def test_healthy_features_raise_none() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")
        fit(8, model=Shown(torch.randn(32, 5)), callbacks=[CollapseMonitor(1, patience=1)])


def test_state_survives() -> None:
    monitor = CollapseMonitor(1, patience=9)
    fit(4, model=Shown(torch.zeros(16, 5)), callbacks=[monitor])
    other = CollapseMonitor(1, patience=9)
    other.load_state_dict(monitor.state_dict())
    assert other._bad_looks == 4
    assert sum(map(len, other._recent)) == 16


@pytest.mark.parametrize("bad", [{"samples": 1}, {"every_n_steps": 0}, {"patience": 0}])
def test_impossible_settings_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="The monitor needs samples >= 2"):
        CollapseMonitor(**bad)
