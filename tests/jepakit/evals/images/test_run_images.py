"""``evaluate.py images``: from a run and labelled pictures to files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import run_folders
import timm
import torch
from labelled_pictures import as_archives, as_folders
from tiny_dynamics import cloning, write_run
from tiny_runs import ENCODER, tiny_config

from jepakit.evals.commands.images import ImageOptions, images
from jepakit.evals.images.image_readouts import ImageSettings
from jepakit.evals.images.linear_sweep import LinearSweep
from jepakit.evals.images.run_images import ImageSource, RunImages

SETTINGS = ImageSettings(
    share=0.3,
    share_draws=1,
    neighbours=(1, 5),
    sweep=LinearSweep(lrs=(0.1, 1.0), weight_decays=(0.0,), steps=20),
    strengths=(1.0, 0.1),
    draws=100,
)
SMALL = {"share": 0.3, "share_draws": 1, "steps": 20, "draws": 100, "device": "cpu"}
CPU = ImageSource(device="cpu")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with an encoder of two blocks and its first weights."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    model = tiny_config(folder)["model"]
    model["init_args"]["encoder"] = ENCODER | {"depth": 2}
    return run_folders.write_run(folder, {"model": model})


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Pictures of three classes, different ones on the two sides."""
    folder = tmp_path_factory.mktemp("pictures")
    return as_folders(folder / "train"), as_folders(folder / "test", first=50, each=4)


def test_folders_and_archives_of_the_same_pictures_give_equal_numbers(run, sides, tmp_path):
    train, test = sides
    archives = [as_archives(side, tmp_path / name) for side, name in ((train, "a"), (test, "b"))]
    one = RunImages(run, train, test, source=CPU, settings=SETTINGS).measure()
    two = RunImages(run, *archives, source=CPU, settings=SETTINGS).measure()
    mixed = RunImages(run, train, archives[1], source=CPU, settings=SETTINGS).measure()
    assert one.scores == two.scores == mixed.scores
    assert one.items.items == two.items.items
    assert one.items.items[0] == "bird/50.png"
    names = ["encoder", "random init", "pixels", "majority"]
    assert list(dict.fromkeys(score.entrant for score in one.scores)) == names
    assert one.score("pixels", "linear, last level").top1.estimate == 1.0  # bright or dark


def test_from_the_command_line_to_files(run, sides, tmp_path, capsys):
    out = tmp_path / "out"
    options = ImageOptions(**SMALL)
    images(str(run), train=sides[0], test=sides[1], neighbours=[1], options=options, out=str(out))
    assert "Top-1 accuracy, 3 classes" in capsys.readouterr().out
    record = json.loads((out / "images.json").read_text())
    assert record["settings"]["share"] == 0.3
    assert record["settings"]["sweep"]["steps"] == 20
    found = json.loads((out / "scores" / "images.json").read_text())
    (linear,) = (
        score
        for score in record["scores"]
        if (score["entrant"], score["readout"]) == ("encoder", "linear, last level")
    )
    assert found["mean"] == linear["top1"]["estimate"]
    assert (out / "images.png").read_bytes()[:4] == b"\x89PNG"
    assert (out / "images.md").exists()


def test_a_reference_with_weights_from_a_file(run, sides, tmp_path):
    name, file = "test_vit", str(tmp_path / "w.pth")  # a tiny architecture of timm
    reference = timm.create_model(name, pretrained=False, num_classes=5)
    torch.save({"state_dict": reference.state_dict()}, file)
    source = ImageSource(device="cpu", timm=name, timm_weights=file)
    found = RunImages(run, *sides, source=source, settings=SETTINGS).measure()
    assert found.score(name, "kNN").encoder_minus_this is not None
    other = ImageSource(device="cpu", timm="test_efficientnet", timm_weights=file)
    with pytest.raises(ValueError, match="test_efficientnet"):
        RunImages(run, *sides, source=other, settings=SETTINGS)
    absent = ImageSource(device="cpu", timm=name, timm_weights=str(tmp_path / "absent.pth"))
    with pytest.raises(FileNotFoundError, match=r"absent\.pth"):
        RunImages(run, *sides, source=absent, settings=SETTINGS)


def test_refusals(run, sides, tmp_path):
    def refused(message: str, *, run: Path = run, train: str = sides[0], **changes: object) -> None:
        options = ImageOptions(**(SMALL | changes))
        with pytest.raises(SystemExit, match=rf"evaluate.py images: [\s\S]*{message}"):
            images(str(run), train=train, test=sides[1], options=options)

    refused("is no run folder", run=tmp_path)
    refused(r"has no best\.ckpt", checkpoint="best")
    refused("There is no folder", train=str(tmp_path / "absent"))
    refused("the same folder", train=sides[1])
    refused("at least 2 readable training pictures", train=as_folders(tmp_path / "a", each=1))
    refused("share must lie above 0", share=1.5)
    refused("needs both --timm NAME and --timm_weights", timm="test_vit")
    refused("no tokenizer for still images", still="image")
    if not torch.cuda.is_available():
        refused("there is no GPU here; use cpu or auto", device="cuda")
    refused("levels must be at least 1", levels=0)
    refused("workers must be 0 or more", workers=-1)
    lost = Path(as_folders(tmp_path / "b"))
    for file in [*lost.rglob("0[0-4].png")]:
        file.write_bytes(b"no picture")
    refused("15 damaged samples, but bad_sample_budget allows 3 of 24", train=str(lost),
            bad_sample_budget=0.1)  # fmt: skip


def test_a_run_without_an_encoder_of_clips(tmp_path, sides):
    write_run(tmp_path / "policy", cloning())
    with pytest.raises(SystemExit, match=r"policy has no encoder to probe: [\s\S]*vjepa2.VJEPA2"):
        images(
            str(tmp_path / "policy"), train=sides[0], test=sides[1], options=ImageOptions(**SMALL)
        )


def test_signature_needs_no_torch():
    code = "import sys, jepakit.evals.commands.images; print('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "False"
