"""``evaluate.py classify`` as a user runs it: published weights and probes, views, levels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import evaluate
from jepakit.evals.probes.controls import random_init
from jepakit.nn.attentive_pooler import AttentiveClassifier
from jepakit.nn.vit import VisionTransformer
from vjepa2 import Predictor
from vjepa2.checkpoints.pretrained import Pretrained, encoder_arguments, predictor_arguments
from vjepa2.checkpoints.run_folder import write_run
from vjepa2.probe_files import to_official_probe_state

SIGNS = Path(__file__).resolve().parents[2] / "shared" / "data" / "video" / "asl_gestures"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``vjepa2.convert`` would write of a published encoder, tiny and with random weights."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    encoder = random_init(
        lambda: VisionTransformer(
            32,
            depth=3,
            heads=2,
            frames=4,
            size=32,
            patch=8,
            tubelet=2,
            position="rope_tiled",
        ),
        0,
    )
    weights, sizes = encoder.state_dict(), {"width": 12, "depth": 1, "heads": 2}
    predictor = random_init(lambda: Predictor(encoder, **sizes), 1)
    arguments = encoder_arguments(encoder)
    predicting = predictor_arguments(predictor, arguments)
    folder.mkdir()
    write_run(Pretrained(arguments, weights, weights, predicting, predictor.state_dict()), folder)
    return folder


def published(path: Path, classes: int) -> Path:
    """A probe file as the released code writes it, two probes with random weights."""
    probes = (
        random_init(lambda: AttentiveClassifier(32, classes, heads=16, blocks=3), seed)
        for seed in (0, 1)
    )
    states = [to_official_probe_state(probe.state_dict()) for probe in probes]
    torch.save({"classifiers": states, "opt": [], "scaler": [], "epoch": 20}, path)
    return path


def noise(folder: Path, *, first: int, each: int = 4) -> Path:
    """Dark and bright pictures, a folder for each kind."""
    rng = np.random.default_rng(first)
    for kind, base in (("bright", 150), ("dark", 0)):
        (folder / kind).mkdir(parents=True)
        for number in range(first, first + each):
            pixels = rng.integers(base, base + 100, (32, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / kind / f"{number}.png")
    return folder


def classified(out: Path, *arguments: object) -> dict[str, Any]:
    evaluate.main(["classify", *map(str, arguments), "--out", str(out), "--device", "cpu"])
    return json.loads((out / "classification.json").read_text())


def refusal(*arguments: object) -> str:
    with pytest.raises(SystemExit) as stop:
        evaluate.main(["classify", *map(str, arguments), "--device", "cpu"])
    return str(stop.value.code)


def test_a_published_probe_is_judged_on_real_clips(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(SIGNS.glob("*.mkv"))
    if not files:
        pytest.skip("no real clips: shared/data/video/asl_gestures is not beside the repository")
    rows = tmp_path / "signs.csv"
    rows.write_text("".join(f"{file} {number}\n" for number, file in enumerate(files)))
    judge = (run, "--test", rows, "--probe", published(tmp_path / "signs.pt", 10))
    protocol = ("--stride", 4, "--clips", 1, "--segments", 2, "--crops", 3, "--levels", 0, 2)
    result = classified(tmp_path / "out", *judge, *protocol)
    printed = capsys.readouterr().out
    assert "Accuracy, 10 classes" in printed
    assert "top-5" in printed
    assert "attentive_probe.pt" not in printed
    assert (result["classes"], result["test_videos"], result["views"]) == (10, 10, [3, 3])
    (top1, top5) = (score["interval"] for score in result["scores"])
    assert 0 <= top1["low"] <= top1["estimate"] <= top5["estimate"] <= top5["high"] <= 1
    assert not (tmp_path / "out" / "attentive_probe.pt").exists()


def test_a_probe_that_was_learned_is_judged_the_same_later(run: Path, tmp_path: Path) -> None:
    train, test = (noise(tmp_path / name, first=n) for name, n in (("train", 0), ("test", 9)))
    views = ("--crops", 2, "--clips", 1, "--fps", 1)
    learning = ("--train", train, "--steps", 3, "--depth", 1, "--heads", 2, "--levels", 1, 2)
    out = tmp_path / "learned"
    learned = classified(out, run, "--test", test, *views, *learning)
    file = torch.load(out / "attentive_probe.pt", weights_only=True)
    assert (file["levels"], file["names"], file["heads"]) == ([1, 2], ["bright", "dark"], 2)
    probe = ("--probe", out / "attentive_probe.pt")
    judged = classified(tmp_path / "judged", run, "--test", test, *views, *probe)
    assert judged["scores"][0] == learned["scores"][0]
    assert judged["views"] == [2, 2]
    message = refusal(run, "--test", test, *probe, "--levels", 0)
    assert "learned from the levels (1, 2), not (0,)" in message


def test_refusals_say_what_to_do(run: Path, tmp_path: Path) -> None:
    test = noise(tmp_path / "test", first=0, each=1)
    probe = published(tmp_path / "ten.pt", 10)
    one = "give --train to learn probes or --probe to judge one"
    assert one in refusal(run, "--test", test)
    assert one in refusal(run, "--test", test, "--train", test, "--probe", probe)
    other = refusal(run, "--test", test, "--probe", probe)
    assert f"The probe has 10 classes and {test} has 2." in other
    assert "There is no file" in refusal(run, "--test", test, "--probe", tmp_path / "none.pt")
    levels = refusal(run, "--test", test, "--probe", probe, "--levels", 1, 3)
    assert "rising numbers of blocks from 0 to 2, came (1, 3)" in levels
    assert "must be positive" in refusal(run, "--test", test, "--train", test, "--stride", 0)
    assert "crops must be at least 1" in refusal(run, "--test", test, "--train", test, "--crops", 0)
