"""``evaluate.py craft`` from a run folder to files, and what it refuses."""

import json

import pytest
import torch
import yaml
from asked_clips import clip, halves, write_clips, write_run

import evaluate
from jepakit.evals.item_scores import ItemScores
from jepakit.evals.questions import run_craft
from jepakit.evals.questions.options import CraftOptions
from jepakit.evals.questions.training import train_reader

FAST = ["--seeds", "2", "--steps", "4", "--draws", "50", "--device", "cpu"]
NAMES = ["encoder", "random init", "pixels", "text only", "majority"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return halves(tmp_path_factory.mktemp("sets") / "halves")


def refusal(run, data, *options):
    with pytest.raises(SystemExit) as stop:
        evaluate.main(["craft", str(run), "--data", str(data), *FAST, *options])
    return str(stop.value.code)


@pytest.mark.parametrize("options", [[], ["--head", "attend", "--words", "bag"]])
def test_from_run_to_files(run, data, tmp_path, capsys, options):
    evaluate.main(["craft", str(run), "--data", str(data), *FAST, "--out", str(tmp_path), *options])
    record = json.loads((tmp_path / "craft.json").read_text())
    assert list(record["notes"]) == NAMES
    kinds = {score["kind"] for score in record["scores"]}
    assert kinds == {"all", "Cause", "Descriptive"}
    assert len(record["facts"]["random init"]) == 2
    assert record["source"]["training"].startswith("72 questions about 24 clips, 10 words, 5 ans")
    scores = ItemScores.read(tmp_path / "scores" / "craft.json")
    assert len(scores.items) == 36
    mean = next(s for s in record["scores"] if (s["kind"], s["entrant"]) == ("all", "encoder"))
    assert scores.mean == pytest.approx(mean["interval"]["estimate"])
    assert "Questions answered rightly" in capsys.readouterr().out


def test_every_seed_reads_an_untrained_network_of_its_own(run, data, monkeypatch):
    learnt = []

    def note(tokens, *given, **more):
        learnt.append(tokens)
        return train_reader(tokens, *given, **more)

    monkeypatch.setattr(run_craft, "train_reader", note)
    options = CraftOptions(seeds=2, steps=1, draws=10, device="cpu")
    run_craft.RunCraft(run, str(data), options=options).measure()
    trained, twins, pixels, words = learnt[:2], learnt[2:4], learnt[4:6], learnt[6:]
    assert torch.equal(*trained)
    assert torch.equal(*pixels)
    assert words == [None, None]
    assert not torch.allclose(*twins)
    assert not any(torch.allclose(trained[0], twin) for twin in twins)


def test_two_evaluations_agree_to_the_last_digit(run, data, tmp_path):
    texts = []
    for name in "ab":
        out = str(tmp_path / name)
        evaluate.main(["craft", str(run), "--data", str(data), *FAST, "--out", out])
        texts.append((tmp_path / name / "craft.json").read_text())
    assert texts[0] == texts[1]


def test_crafts_own_divisions_are_followed(run, tmp_path):
    clips = [
        clip(
            f"c{n}",
            n,
            splits={
                "split_info_random": "test" if n % 3 == 0 else "train",
                "split_info_hard": "test" if n < 6 else "train",
            },
        )
        for n in range(24)
    ]
    # Stored as one split; the division decides.
    folder = write_clips(tmp_path / "set", {"train": clips})
    for division, tested in (("random", 8), ("hard", 6)):
        out = tmp_path / division
        options = ["--split", division, "--out", str(out)]
        evaluate.main(["craft", str(run), "--data", str(folder), *FAST, *options])
        record = json.loads((out / "craft.json").read_text())
        assert record["questions"]["all"] == 3 * tested
    assert "No split 'test'" in refusal(run, folder)


def test_folders_that_are_no_run_or_no_data_are_refused(run, data, tmp_path):
    assert "is no run folder" in refusal(tmp_path, data)
    assert "has no best.ckpt" in refusal(run, data, "--checkpoint", "best")
    assert "No manifest.json" in refusal(run, tmp_path)
    assert "the data set has ['test', 'train']" in refusal(run, data, "--test_split", "val")


def test_clips_without_questions_are_the_news_even_without_a_test_split(run, tmp_path):
    clips = {"train": [clip(f"c{n}", n, questions=[]) for n in range(3)]}
    assert "no clip that carries questions" in refusal(run, write_clips(tmp_path / "set", clips))


def test_a_run_without_an_encoder_of_clips_is_refused(run, data, monkeypatch):
    monkeypatch.setattr("cjepa.CausalJEPA.ema_pairs", lambda self: [])
    assert "CausalJEPA has no EMA pair" in refusal(run, data)


def test_a_single_answer_is_refused(run, tmp_path):
    same = [{"question": "Is it?", "answer": "True"}]
    assert "All 24 training questions have the answer" in refusal(
        run, halves(tmp_path / "set", questions=same)
    )


def test_words_outside_the_vocabulary_are_refused_or_accepted(run, tmp_path, capsys):
    odd = [{"question": "Is the bright half a sphere?", "answer": "Maybe"}]
    train = [clip(f"train-{n}", n) for n in range(24)]
    test = [clip(f"test-{n}", n, questions=odd) for n in range(4)]
    folder = write_clips(tmp_path / "set", {"train": train, "test": test})
    told = refusal(run, folder)
    assert "2 words of the test questions are in no training question" in told
    assert "a (4), sphere (4)" in told
    options = ["--unknown_words", "accept", "--out", str(tmp_path / "out")]
    evaluate.main(["craft", str(run), "--data", str(folder), *FAST, *options])
    printed = capsys.readouterr().out
    assert "read as one unknown word" in printed
    assert "4 test questions have answers never seen in training: 'Maybe' (4)" in printed
    record = json.loads((tmp_path / "out" / "craft.json").read_text())
    assert {score["interval"]["estimate"] for score in record["scores"]} == {0.0}


def test_scenes_on_both_sides_are_refused(run, tmp_path):
    train = [clip(f"train-{n}", n, group=f"scene-{n}") for n in range(8)]
    test = [clip(f"test-{n}", n, group=f"scene-{n + 7}") for n in range(4)]
    folder = write_clips(tmp_path / "set", {"train": train, "test": test})
    assert "1 are on both sides, such as ['scene-7']" in refusal(run, folder)


def test_clips_of_which_only_a_part_would_be_seen_are_refused(data, tmp_path):
    short = write_run(tmp_path / "short")
    config = yaml.safe_load((short / "config.yaml").read_text())
    config["model"]["init_args"]["encoder"]["frames"] = 2
    (short / "config.yaml").write_text(yaml.safe_dump(config))
    told = refusal(short, data)
    assert "Questions are about all 4 frames of a clip, and the model takes 2" in told


def test_another_rate_than_that_of_training_is_told(data, tmp_path, capsys):
    slow = halves(tmp_path / "slow", train=1, test=1, fps=8.0)
    learnt = {"class_path": "SceneDataModule", "init_args": {"train": str(slow)}}
    own = write_run(tmp_path / "run", data=learnt)
    evaluate.main(["craft", str(own), "--data", str(data), *FAST])
    assert "trained on clips of 8 frames per second, these have 2" in capsys.readouterr().out
    train = [clip(f"train-{n}", n) for n in range(8)]
    test = [clip(f"test-{n}", n, fps=4.0) for n in range(4)]
    mixed = write_clips(tmp_path / "mixed", {"train": train, "test": test})
    assert "Training clips have 2 frames per second, test 4" in refusal(own, mixed)
