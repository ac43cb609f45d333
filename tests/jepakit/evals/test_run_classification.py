"""``evaluate.py classify``: from a run and two folders of videos to accuracies."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny_runs import MARKS, Train

from jepakit.batch import BatchRequest
from jepakit.data.video import FrameSampling
from jepakit.evals.attentive_probe import Sweep
from jepakit.evals.classification_judge import ClassificationSettings
from jepakit.evals.run_classification import RunClassification, VideoViews

pytestmark = MARKS
SAMPLING = FrameSampling(fps=1.0)
SWEEP = Sweep(lrs=(3e-3,), weight_decays=(0.1,), steps=30, blocks=0, heads=2, batch_size=8)
SETTINGS = ClassificationSettings(sweep=SWEEP, draws=200)


def pictures(folder: Path, *, first: int, each: int = 4) -> str:
    """Dark and bright pictures, a folder for each kind; a picture is a clip that stands still."""
    for kind, base in (("bright", 180), ("dark", 20)):
        (folder / kind).mkdir(parents=True)
        for number in range(first, first + each):
            colour = (base + 4 * number, base, base + 9)
            Image.new("RGB", (40, 36), colour).save(folder / kind / f"{number}.png")
    return str(folder)


def test_two_kinds_of_pictures_are_told_apart(train: Train, tmp_path: Path) -> None:
    train("run", "--trainer.max_steps", "3")
    learned, judged = (
        pictures(tmp_path / name, first=first) for name, first in (("train", 0), ("test", 9))
    )
    result = RunClassification(
        Path("runs/run"), learned, judged, SAMPLING, settings=SETTINGS, device="cpu"
    ).measure()
    assert {c.name for c in result.classifiers} == {
        "encoder, attentive probe",
        "encoder, linear probe",
        "random init, attentive probe",
        "random init, linear probe",
        "majority class",
    }
    assert result.score("encoder, attentive probe").estimate == 1.0
    assert result.score("encoder, linear probe").estimate == 1.0
    assert result.score("majority class").estimate == 0.5


def test_clips_of_a_video_are_views_of_one_file(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "one", first=0, each=2)
    request = BatchRequest(frames=4, size=(32, 32), patch=8, tubelet=2)
    views = VideoViews(folder, request, FrameSampling(fps=1.0, clips=3), batch_size=5)
    batches = list(views)
    videos = [video for batch in batches for video in batch.videos]
    assert videos == [
        str(path.resolve()) for path in sorted(Path(folder).rglob("*.png")) for _ in "123"
    ]
    assert [view for batch in batches for view in batch.views] == [0, 1, 2] * 4
    assert torch.cat([batch.labels for batch in batches]).tolist() == [0] * 6 + [1] * 6
    assert torch.equal(next(iter(views)).frames, batches[0].frames)


@pytest.mark.parametrize("fault", ["unlabelled", "other classes", "same files"])
def test_sides_that_do_not_fit(fault: str, train: Train, tmp_path: Path) -> None:
    train("run", "--trainer.max_steps", "3")
    learned = pictures(tmp_path / "train", first=0)
    judged, message = learned, "Training and test must not share groups"
    if fault == "unlabelled":
        judged, message = f"{learned}/dark", "has no labels: give a list of lines PATH LABEL"
    elif fault == "other classes":
        judged = pictures(tmp_path / "test", first=0)
        (Path(judged) / "dark").rename(Path(judged) / "grey")
        message = "both sides need the same folders"
    subject = RunClassification(
        Path("runs/run"), learned, judged, SAMPLING, settings=SETTINGS, device="cpu"
    )
    with pytest.raises(ValueError, match=message):
        subject.measure()
