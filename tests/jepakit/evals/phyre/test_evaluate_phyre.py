"""From a run folder to a table of agents on toy tasks, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import timm
from run_folders import causal_jepa, write_run
from safetensors.torch import save_file
from toy_tasks import near, toy_tasks

from jepakit.evals.commands.phyre import PhyreOptions, phyre
from jepakit.evals.item_scores import ItemScores
from jepakit.evals.phyre import actions as bank_module
from jepakit.evals.phyre import evaluation
from jepakit.evals.phyre.entrants import PhyreProbes, entrants_of

ENCODER = {"width": 24, "depth": 1, "heads": 2, "frames": 4, "size": 16, "patch": 8, "tubelet": 2}
MODEL = causal_jepa(ENCODER)
WITHOUT_REMOVALS = {
    "class_path": "vjepa2.VJEPA2",
    "init_args": {
        "encoder": ENCODER,
        "masker": "jepakit.masks.TubeMasker",
        "predictor": {
            "class_path": "vjepa2.Predictor",
            "init_args": {"width": 16, "depth": 1, "heads": 2},
        },
    },
}
SMALL = {
    "tasks_per_template": 1,
    "actions": 20,
    "candidates": 20,
    "draws": 50,
    "device": "cpu",
}


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    monkeypatch.setattr(bank_module, "attempt", near)
    monkeypatch.setattr(evaluation, "official_tasks", lambda path: toy_tasks(10, 2))


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", {"model": MODEL})


def test_from_run_to_files(run, tmp_path, capsys):
    phyre(str(run), folds=[0], options=PhyreOptions(bank=str(tmp_path / "bank"), **SMALL))
    record = json.loads((run / "phyre_ball_cross_template.json").read_text())
    names = ["encoder", "random init", "intervention", "intervention, random init", "pixels"]
    found = [score["agent"] for score in record["scores"]]
    assert found == [*names, "MEM nearest", "MEM rate", "random"]
    assert len(record["scores"][-1]["by_repetition"]) == 20
    assert record["source"]["run"] == "run, last checkpoint"
    assert "AUCCESS" in capsys.readouterr().out
    assert len(list((tmp_path / "bank" / "seed0" / "uniform").glob("*.npz"))) == 10
    for number, ending in ((0, ""), (2, "_intervention")):
        path = run / "scores" / f"phyre_ball_cross_template{ending}.json"
        mean = record["scores"][number]["auccess"]["estimate"]
        assert ItemScores.read(path).mean == pytest.approx(mean)


def test_models_without_removals_leave_one_probe_out(tmp_path, capsys):
    run = write_run(tmp_path / "tubes", {"model": WITHOUT_REMOVALS})
    phyre(str(run), options=PhyreOptions(bank=str(tmp_path / "bank"), untrained=0, **SMALL))
    record = json.loads((run / "phyre_ball_cross_template.json").read_text())
    found = [score["agent"] for score in record["scores"]]
    assert found == ["encoder", "pixels", "MEM nearest", "MEM rate", "random"]
    reason = record["source"]["left out, intervention"]
    assert reason == "VJEPA2 does not predict what a removal changes"
    assert reason in capsys.readouterr().out
    assert [path.name for path in (run / "scores").iterdir()] == ["phyre_ball_cross_template.json"]


def test_a_control_of_timm(run, tmp_path):
    name, weights = "vit_tiny_patch16_224", tmp_path / "tiny.safetensors"
    save_file(timm.create_model(name).state_dict(), weights)
    probes = PhyreProbes(
        hidden="none", untrained=0, timm=name, timm_weights=str(weights), device="cpu"
    )
    line_up = entrants_of(run, probes)
    assert list(line_up.entrants)[:3] == ["encoder", "pixels", "timm"]
    assert "tiny.safetensors" in line_up.entrants["timm"].note
    assert not line_up.left_out


def test_refusals(run, tmp_path, monkeypatch):
    bank = str(tmp_path / "bank")
    with pytest.raises(SystemExit, match=r"evaluate.py phyre: .*from 0 to 9; got \[12\]"):
        phyre(str(run), folds=[12], options=PhyreOptions(bank=bank, **SMALL))
    with pytest.raises(SystemExit, match="absent is no run folder"):
        phyre(str(tmp_path / "absent"), options=PhyreOptions(bank=bank, **SMALL))
    with pytest.raises(SystemExit, match=r"has no best\.ckpt"):
        phyre(str(run), options=PhyreOptions(checkpoint="best", bank=bank, **SMALL))
    with pytest.raises(SystemExit, match="got 0 and 1"):
        phyre(str(run), options=PhyreOptions(negatives=0, bank=bank, **SMALL))
    with pytest.raises(SystemExit, match=r"timm and timm_weights together.*Got 'x' and ''"):
        phyre(str(run), options=PhyreOptions(timm="x", bank=bank, **SMALL))
    absent = {"timm": "vit_tiny_patch16_224", "timm_weights": str(tmp_path / "absent.pt")}
    with pytest.raises(SystemExit, match=r"No timm weights at .*absent\.pt\. Nothing is downl"):
        phyre(str(run), options=PhyreOptions(bank=bank, **absent, **SMALL))
    never = bank_module.Status.NOT_SOLVED
    monkeypatch.setattr(bank_module, "attempt", lambda task, action: never)
    with pytest.raises(SystemExit, match=r"0 of the .* training tasks solve their task"):
        phyre(str(run), options=PhyreOptions(bank=str(tmp_path / "none"), **SMALL))


def test_signature_needs_no_torch():
    code = "import sys, jepakit.evals.commands.phyre; print('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "False"
