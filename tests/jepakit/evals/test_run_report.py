"""The page of a real, tiny run on real shards."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from data_prep.simulated.scenes import scenes
from jepakit.evals.run_clips import telling_removals, telling_samples
from jepakit.evals.run_report import RunReport
from jepakit.training.cli import TrainCLI

pytestmark = [
    pytest.mark.filterwarnings("ignore::jepakit.losses.SmallBatchWarning"),
    pytest.mark.filterwarnings("ignore:.*val_dataloader.*:UserWarning"),
]

MODEL = {
    "class_path": "cjepa.CausalJEPA",
    "init_args": {
        "encoder": {"width": 24, "depth": 1, "heads": 2, "frames": 4, "size": 32, "patch": 8},
        "masker": "jepakit.masks.ObjectMasker",
        "predictor": {
            "class_path": "cjepa.Predictor",
            "init_args": {"width": 16, "depth": 1, "heads": 2},
        },
        "intervention": "drop",
        "optimization": {"warmup_steps": 1},
    },
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("scenes"))
    scenes(
        folder, clips=8, val_clips=4, frames=4, rate=2.0, size=32, patch=8, counterfactuals="one"
    )
    return folder


@pytest.fixture(scope="module")
def report(data: str, tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    runs = tmp_path_factory.mktemp("runs")
    cli = TrainCLI(
        {
            "model": MODEL,
            "data": {
                "class_path": "jepakit.data.module.SceneDataModule",
                "init_args": {"train": data, "val": data, "batch_size": 4},
            },
            "trainer": {
                "max_steps": 3,
                "val_check_interval": 3,
                "log_every_n_steps": 1,
                "accelerator": "cpu",
            },
            "runs": str(runs),
            "name": "tiny",
        }
    )
    cli.fit()
    return RunReport(runs / "tiny", data)


class Headings(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.inside = tag == "h2"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.found.append(data)
            self.inside = False


def test_the_page_shows_the_run_from_recipe_to_removal(report: RunReport) -> None:
    with torch.no_grad():
        page = report.page()
    headings = Headings()
    headings.feed(page)
    assert headings.found == [
        "What was trained",
        "How training went",
        "What is hidden",
        "What the tokens hold",
        "What if an object were not there",
        "What frozen features know",
        "Where the time went",
        "The recipe",
    ]
    assert "<dd>12</dd>" in page  # 3 steps of 4 clips
    assert "No probes have been run yet" in page
    assert "trained with intervention &#x27;drop&#x27;" in page
    assert page.count("data:image/png;base64,") >= 10
    assert page.count("data:image/webp;base64,") >= 1
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_the_file_lies_in_the_run_folder(report: RunReport) -> None:
    path: Path = report.write()
    assert path == report.folder.path / "report.html"
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_removals_are_ordered_by_their_consequences(report: RunReport) -> None:
    removals = telling_removals(report.reader, 3)
    changes = [removal.changed for removal in removals]
    assert changes == sorted(changes, reverse=True)
    best = removals[0]
    other = best.sample.counterfactuals[best.identity]
    assert not (other.labels == best.identity).any()
    assert (best.sample.labels == best.identity).any()


def test_samples_come_from_different_groups(report: RunReport) -> None:
    samples = telling_samples(report.reader, 3)
    assert len({sample.meta["details"]["group"] for sample in samples}) == 3
