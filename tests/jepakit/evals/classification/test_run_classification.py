"""``evaluate.py classify``: from a run and two folders of videos to accuracies."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from lossless_video import write_video
from PIL import Image
from run_folders import write_run
from tiny_runs import ENCODER, tiny_config

from jepakit.data.video import FrameSampling
from jepakit.evals.classification import clip_classification
from jepakit.evals.classification.attentive_probe import Sweep
from jepakit.evals.classification.classification_judge import (
    Answer,
    ClassificationSettings,
    judge_answers,
)
from jepakit.evals.classification.classification_result import ClassificationResult
from jepakit.evals.classification.run_classification import RunClassification
from jepakit.evals.probes.controls import random_init
from jepakit.nn.attentive_pooler import AttentiveClassifier
from jepakit.training.runs import load_run

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


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with an encoder of three blocks and its first weights."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    model = tiny_config(folder)["model"]
    model["init_args"]["encoder"] = ENCODER | {"depth": 3}
    return write_run(folder, {"model": model})


def test_two_kinds_of_pictures_are_told_apart(run: Path, tmp_path: Path) -> None:
    learned, judged = (
        pictures(tmp_path / name, first=first) for name, first in (("train", 0), ("test", 9))
    )
    kept: list[tuple[AttentiveClassifier, tuple[str, ...]]] = []
    subject = RunClassification(run, SAMPLING, settings=SETTINGS, device="cpu")
    result = subject.measure(learned, judged, keep=lambda *probe: kept.append(probe))
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
    ((probe, names),) = kept
    assert names == ("bright", "dark")
    again = subject.score(probe, judged, names=names)
    assert again.score("encoder, attentive probe") == result.score("encoder, attentive probe")
    assert (again.test_videos, again.train_clips) == (8, 0)


def test_views_and_levels_reach_both_ways_of_judging(run: Path, tmp_path: Path) -> None:
    learned, judged = (
        pictures(tmp_path / name, first=first) for name, first in (("train", 0), ("test", 9))
    )
    kept: list[AttentiveClassifier] = []
    subject = RunClassification(
        run,
        SAMPLING,
        segments=2,
        crops=3,
        levels=(0, 2),
        settings=SETTINGS,
        device="cpu",
    )
    result = subject.measure(learned, judged, keep=lambda probe, _: kept.append(probe))
    assert (result.views, result.train_clips) == ((3, 3), 8)
    assert result.score("encoder, attentive probe").estimate == 1.0
    scored = subject.score(kept[0], judged)
    assert scored.views == (3, 3)
    for found in (result, scored):
        assert "A view is 2 clips whose tokens are read together" in found.method
        assert "outputs of the blocks 0, 2, counted from 0" in found.method
    assert scored.score("encoder, attentive probe").estimate == 1.0


def test_the_answer_is_the_mean_over_crops_of_what_is_read_of_all_segments_and_levels(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a loop over the views, written out from frames to probabilities."""
    names = ("a/first.mkv", "b/second.mkv")
    videos = [write_video(tmp_path / "test" / name, frames=12, size=(32, 40)) for name in names]
    probe = random_init(lambda: AttentiveClassifier(32, 2, heads=2, blocks=1), 0).eval()
    seen: list[np.ndarray] = []

    def caught(answers: list[Answer], *_: object, **options: object) -> ClassificationResult:
        seen.extend(answer for _, answer in answers)
        return judge_answers(answers, *_, **options)

    monkeypatch.setattr(clip_classification, "judge_answers", caught)
    sampling = FrameSampling(stride=1)
    subject = RunClassification(
        run, sampling, segments=2, crops=3, levels=(1, 2), batch_size=3, device="cpu"
    )
    subject.score(probe, str(tmp_path / "test"))
    encoder = load_run(run).target_encoder
    expected = []
    for video in videos:
        answers = []
        for left in (0, 4, 8):
            tokens = []
            for first in (2, 6):  # a quarter and three quarters of the 9 starts
                clip = video[first : first + 4, :, left : left + 32].unsqueeze(0)
                got = encoder(clip, capture=["blocks.01.out", "blocks.02.out"]).captured
                tokens += [encoder.norm(level) for level in got.values()]
            answers.append(probe(torch.cat(tokens).unsqueeze(0)).softmax(dim=1)[0])
        expected.append(sum(answers) / 3)
    found = torch.from_numpy(seen[0])
    assert (found - torch.stack(expected)).abs().max() < 1e-6
    assert (answers[0] - answers[1]).abs().max() > 1e-4


@pytest.mark.parametrize("fault", ["unlabelled", "other classes", "same files"])
def test_sides_that_do_not_fit(fault: str, run: Path, tmp_path: Path) -> None:
    learned = pictures(tmp_path / "train", first=0)
    judged, message = learned, "Training and test must not share groups"
    if fault == "unlabelled":
        judged, message = f"{learned}/dark", "has no labels: give a list of lines PATH LABEL"
    elif fault == "other classes":
        judged = pictures(tmp_path / "test", first=0)
        (Path(judged) / "dark").rename(Path(judged) / "grey")
        message = "both sides need the same folders"
    subject = RunClassification(run, SAMPLING, settings=SETTINGS, device="cpu")
    with pytest.raises(ValueError, match=message):
        subject.measure(learned, judged)


def test_a_probe_of_another_encoder_or_other_classes(run: Path, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "test", first=0)
    subject = RunClassification(run, SAMPLING, settings=SETTINGS, device="cpu")

    def probe(width: int, classes: int) -> AttentiveClassifier:
        return AttentiveClassifier(width, classes, heads=2, blocks=0)

    with pytest.raises(ValueError, match=r"tokens of width 24, and the target encoder of .* 32"):
        subject.score(probe(24, 2), folder)
    with pytest.raises(ValueError, match=r"The probe has 5 classes and .*test has 2"):
        subject.score(probe(32, 5), folder)
    with pytest.raises(ValueError, match=r"classes are \('a', 'b'\), those of .*'bright', 'dark'"):
        subject.score(probe(32, 2), folder, names=("a", "b"))
    rows = tmp_path / "list.csv"
    files = sorted(Path(folder).rglob("*.png"))
    rows.write_text("".join(f"{file} {2 + number}\n" for number, file in enumerate(files)))
    with pytest.raises(ValueError, match=r"The probe has 5 classes and .*list\.csv has 10"):
        subject.score(probe(32, 5), str(rows))
    found = subject.score(probe(32, 174), str(rows))  # a list may lack some of the classes
    assert (found.classes, found.test_videos) == (174, 8)
    subject = dataclasses.replace(subject, levels=(3,))
    with pytest.raises(ValueError, match="rising numbers of blocks from 0 to 2"):
        subject.score(probe(32, 2), folder)
