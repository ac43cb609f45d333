"""``evaluate.py`` as a user runs it: help, refusals, and a probe from run folder to files."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from run_folders import causal_jepa, write_run

import evaluate
from jepakit.data.manifest import Description, merge_manifest
from jepakit.data.members import encode_sample
from jepakit.data.metadata import build_meta
from jepakit.data.schema import ClipFormat, Sample
from jepakit.data.shard_writer import write_shard
from jepakit.evals.probes.probe_result import ProbeResult, ProbeSettings
from jepakit.evals.probes.run_probe import ProbeOptions, RunProbe, encoder_of
from jepakit.training.runs import build_run

ROOT = Path(__file__).resolve().parent.parent
FORM = ClipFormat(frames=4, height=16, width=16, patch=8, tubelet=2, image="png")
ENCODER = {"width": 24, "depth": 1, "heads": 2, "frames": 4, "size": 16, "patch": 8, "tubelet": 2}
MODEL = causal_jepa(ENCODER)


def clip(key: str, rng: np.random.Generator, *, group: str | None) -> Sample:
    level = int(rng.integers(0, 2))
    frames = rng.integers(0, 100, (*FORM.shape, 3), dtype=np.uint8) + np.uint8(100 * level)
    meta = build_meta(
        key,
        FORM,
        source="noise",
        licence="CC0-1.0",
        fps=8.0,
        objects=[],
        labels={"bright": float(level), "level": float(frames.mean()), "never": 0.0},
        details={} if group is None else {"group": group},
    )
    return Sample(key=key, frames=frames, labels=np.zeros(FORM.shape, np.uint8), meta=meta)


def write_data(folder: Path, *, labels: bool = True, grouped: bool = True) -> Path:
    folder.mkdir()
    kinds = {"bright": "binary", "level": "regression", "never": "binary"} if labels else {}
    description = Description("noise", "tests/1", ("CC0-1.0",), FORM, kinds)
    rng = np.random.default_rng(0)
    for split, tasks in (("train", 28), ("val", 8)):
        samples = (
            clip(f"{split}-{task}-{i}", rng, group=f"{split}:{task}" if grouped else None)
            for task in range(tasks)
            for i in range(6)
        )
        encoded = (encode_sample(sample, FORM) for sample in samples)
        write_shard(folder, f"{split}-0", encoded, split=split, spec=description.digest(split))
    merge_manifest(folder, description, ["train-0", "val-0"])
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("sets") / "tiny")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "tiny", {"model": MODEL})


@pytest.mark.parametrize(
    "arguments", [["--help"], ["probe", "--help"], ["report", "--help"], ["classify", "--help"]]
)
def test_help_needs_no_torch(arguments: list[str]) -> None:
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['evaluate.py', *{arguments}]\n"
        "try:\n    runpy.run_path('evaluate.py', run_name='__main__')\n"
        "except SystemExit as stop:\n    assert stop.code == 0, stop.code\n"
        "heavy = {'torch', 'sklearn', 'matplotlib', 'lightning'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "The run folder" in done.stdout or "probe" in done.stdout


def test_probe_writes_and_prints(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results"
    arguments = ["probe", str(run), "--data", str(data), "--out", str(out), "--draws", "200"]
    evaluate.main(arguments)
    printed = capsys.readouterr().out
    assert "AUROC (higher is better)" in printed
    assert "Not scored: never" in printed
    assert (out / "probe.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((out / "probe.csv").read_text().splitlines()))
    names = {row["features"] for row in rows}
    assert names == {"encoder", "random init", "pixels", "majority / mean"}
    result = ProbeResult.read(out)
    assert [label.label for label in result.labels] == ["bright", "level"]
    bright = result.labels[0]
    assert (bright.train_clips, bright.test_clips, bright.test_groups) == (168, 48, 8)
    # Brightness is easy for pixels; the majority knows nothing.
    assert bright.score("pixels", "auroc").interval.low > 0.9
    assert bright.score("majority / mean", "auroc").interval.high == 0.5
    assert result.source["run"] == "tiny, last checkpoint"


def test_probe_defaults_to_the_run_folder(data: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {"model": MODEL})
    evaluate.main(["probe", str(run), "--data", str(data), "--seeds", "1", "--draws", "50"])
    assert {path.name for path in run.glob("probe.*")} == {
        "probe.json",
        "probe.csv",
        "probe.md",
        "probe.png",
    }


def measure(run: Path, data: Path, **options: Any) -> ProbeResult:
    settings = ProbeSettings(seeds=2, draws=50)
    return RunProbe(run, str(data), options=ProbeOptions(**options), settings=settings).measure()


def test_features_of_a_run_repeat_exactly(run: Path, data: Path) -> None:
    first = measure(run, data)
    torch.manual_seed(99)
    assert measure(run, data).to_json() == first.to_json()


def test_random_controls_differ_from_seed_to_seed(run: Path, data: Path) -> None:
    level = measure(run, data).labels[1]
    first, second = level.score("random init", "mae").by_seed
    assert first != second


def test_pooling_over_time_widens_the_features(run: Path, data: Path) -> None:
    assert "24 values" in measure(run, data).notes["encoder"]
    wide = measure(run, data, pool="time", encoder="context")
    assert "48 values" in wide.notes["encoder"]
    assert "context encoder" in wide.notes["encoder"]


def test_the_pixel_control_reads_as_many_values_as_the_encoder_or_as_are_asked_for(
    run: Path, data: Path
) -> None:
    level = measure(run, data).labels[1].score("pixels", "r2").interval.estimate
    plain, more, fewer = (measure(run, data, pixel_components=count) for count in (24, 150, 1))
    assert plain.labels[1].score("pixels", "r2").interval.estimate == level
    assert "first 24 principal components" in plain.notes["pixels"]
    assert "first 150 principal components" in more.notes["pixels"]
    values, own = (
        [found.labels[1].score(name, "r2").by_seed for found in (plain, more, fewer)]
        for name in ("pixels", "encoder")
    )
    assert len(set(values)) == 3
    assert len(set(own)) == 1


def test_which_encoder_is_taken(run: Path) -> None:
    module = build_run(run)
    assert encoder_of(module, "target") is module.target_encoder
    assert encoder_of(module, "context") is module.encoder


def refusal(*arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        evaluate.main(["probe", *arguments])
    return str(stop.value.code)


def test_refuses_pixels_without_a_component(run: Path, data: Path) -> None:
    told = refusal(str(run), "--data", str(data), "--pixel_components", "0")
    assert "pixel_components must be at least 1, got 0" in told


def test_refuses_a_folder_that_is_no_run(data: Path, tmp_path: Path) -> None:
    assert "is no run folder" in refusal(str(tmp_path), "--data", str(data))


def test_refuses_a_missing_checkpoint(run: Path, data: Path) -> None:
    message = refusal(str(run), "--data", str(data), "--checkpoint", "best")
    assert "has no best.ckpt, only ['last.ckpt']" in message


def test_refuses_a_missing_data_set(run: Path, tmp_path: Path) -> None:
    assert "No manifest.json" in refusal(str(run), "--data", str(tmp_path))


def test_refuses_an_unknown_split(run: Path, data: Path) -> None:
    message = refusal(str(run), "--data", str(data), "--test_split", "dev")
    assert "No split 'dev'; the data set has ['train', 'val']" in message


def test_refuses_a_data_set_without_labels(run: Path, tmp_path: Path) -> None:
    bare = write_data(tmp_path / "bare", labels=False)
    assert "carry no labels" in refusal(str(run), "--data", str(bare))


def test_refuses_clips_without_groups(run: Path, tmp_path: Path) -> None:
    loose = write_data(tmp_path / "loose", grouped=False)
    message = refusal(str(run), "--data", str(loose))
    assert "Clip 'train-0-0' does not name its group: its details have no 'group'" in message


def test_refuses_an_unknown_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal("runs/x", "--data", "d", "--speed", "9") == "2"
    assert "--speed" in capsys.readouterr().err
