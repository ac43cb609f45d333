"""Two real rows of two steps, by the command a user types."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[4]
PARTS = ("train.py", "evaluate.py", "configs", "jepakit", "cjepa", "vjepa2", "data_prep", "worlds")
SCALE: dict[str, Any] = {
    "about": "two steps",
    "folder": "datasets",
    "data": {
        "scenes": {
            "make": "data_prep scenes --out {path} --clips 60 --val_clips 24 --frames 4 --size 32 "
            "--tubelet 2 --counterfactuals all"
        }
    },
    "train": {
        "configs": ["configs/cjepa/demo.yaml"],
        "options": {
            "data.init_args.train": "{scenes}",
            "data.init_args.val": "{scenes}",
            "data.init_args.batch_size": 4,
            "model.init_args.encoder.width": 24,
            "model.init_args.encoder.depth": 2,
            "model.init_args.encoder.frames": 4,
            "model.init_args.encoder.size": 32,
            "model.init_args.encoder.tubelet": 2,
            "model.init_args.predictor.init_args.width": 16,
            "model.init_args.predictor.init_args.depth": 1,
            "model.init_args.optimization.warmup_steps": 1,
            "trainer.max_steps": 2,
            "trainer.val_check_interval": 2,
            "trainer.logger": False,
        },
    },
    "values": {"wide": 32, "narrow": 8, "deep": 2, "tau": 0.99},
    "measures": {
        "fidelity": {
            "command": "fidelity --data {scenes} --seeds 1 --draws 20",
            "scores": {"fidelity": "fidelity.json"},
        },
        "interventions": {
            "command": "interventions --data {scenes} --seeds 1 --draws 20",
            "scores": {"removal": "interventions_object_moves.json"},
        },
    },
}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_rows_of_the_ablation_table(tmp_path: Path) -> None:
    for part in PARTS:
        source, place = REPOSITORY / part, tmp_path / part
        shutil.copytree(source, place) if source.is_dir() else shutil.copy(source, place)
    (tmp_path / "configs/tables/scales/two.yaml").write_text(yaml.safe_dump(SCALE))
    words = ["evaluate.py", "table", "ablations", "--scale", "two", "--seeds", "2", "--jobs", "2"]
    command = [sys.executable, *words, "--rows", "random_patches"]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    folder = tmp_path / "runs/tables/ablations_two"
    cells = {
        (cell["row"], cell["column"]): cell
        for cell in json.loads((folder / "table.json").read_text())["cells"]
    }
    for column in ("fidelity", "removal"):
        assert set(cells["full", column]["by_seed"]) == {"0", "1"}
        assert cells["random_patches", column]["difference"] is not None
        assert cells["source_drop", column]["difference"]["high"] == 0  # as in demo.yaml
        assert cells["causal_mean", column]["difference"]["high"] == 0  # likewise
        assert cells["causal_sum", column]["value"] is None  # a run of its own, not asked for
    assert cells["random_patches", "auccess"]["paper_difference"] == pytest.approx(-0.068)
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0
    assert "] full-s0" not in again.stdout
    assert (folder / "table.png").stat().st_size > 10_000
