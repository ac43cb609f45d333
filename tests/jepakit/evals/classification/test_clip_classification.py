"""Clips in, accuracies out: attention beats the mean, test clips choose nothing, views average."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from needle_clips import CLASSES, PatchColours, needle_clips
from rich.console import Console
from rich.progress import Progress

from jepakit.evals.classification.attentive_probe import Sweep, probabilities
from jepakit.evals.classification.classification_judge import ClassificationSettings
from jepakit.evals.classification.clip_classification import MAJORITY, classify, score_probe
from jepakit.evals.classification.frozen_clips import encode_clips
from jepakit.evals.probes.controls import random_init
from jepakit.nn.attentive_pooler import AttentiveClassifier

SWEEP = Sweep(lrs=(3e-2, 1e-4), weight_decays=(0.01,), steps=80, batch_size=32, blocks=0, heads=2)
SETTINGS = ClassificationSettings(sweep=SWEEP, draws=300)
SHORT = replace(SETTINGS, sweep=replace(SWEEP, steps=10))


def train(videos=200):
    return needle_clips(videos)


def unseen(videos=80, **options):
    return needle_clips(videos, first=1000, seed=1, **options)


def judged(test_clips=None, settings=SHORT, train_clips=None, **options):
    return classify(
        PatchColours(),
        train_clips or train(80),
        test_clips or unseen(),
        classes=CLASSES,
        settings=settings,
        **options,
    )


@pytest.fixture(scope="module")
def result():
    blind = {"blind": PatchColours(blind=True)}
    return judged(settings=SETTINGS, train_clips=train(), controls=blind)


def test_attention_finds_what_the_mean_cannot(result):
    attentive = result.score(result.classifier("encoder", "attentive"))
    linear = result.score(result.classifier("encoder", "linear"))
    assert attentive.low > 0.9
    assert linear.high < 0.7
    assert attentive.is_disjoint(linear)
    gap = result.differences[0]
    assert (gap.classifier, gap.control) == ("encoder, attentive probe", "encoder, linear probe")
    assert gap.disjoint
    assert gap.better


def test_controls_are_no_better_than_their_eyes(result):
    assert result.score(result.classifier("blind", "attentive")).high < 0.7
    labels = torch.cat([batch.labels for batch in train()])
    most = int(torch.bincount(labels).argmax())
    truth = torch.cat([batch.labels for batch in unseen()])
    assert result.score(MAJORITY).estimate == pytest.approx((truth == most).float().mean().item())


def test_every_control_meets_the_same_probe(result):
    pairs = [(d.classifier, d.control) for d in result.differences]
    assert pairs == [
        ("encoder, attentive probe", "encoder, linear probe"),
        ("encoder, attentive probe", "blind, attentive probe"),
        ("encoder, attentive probe", "blind, linear probe"),
        ("encoder, attentive probe", "majority class"),
        ("encoder, linear probe", "blind, linear probe"),
    ]


def test_counts(result):
    assert (result.train_clips, result.selection_clips) == (200, 52)
    assert (result.test_videos, result.test_groups, result.views) == (80, 20, (1, 1))
    assert {score.metric for score in result.scores} == {"top1"}  # of 4 classes 5 are all


def test_test_labels_choose_nothing():
    lying = [replace(b, labels=(b.labels + 1) % CLASSES) for b in unseen()]
    honest, fooled = judged(), judged(lying)
    assert honest.classifiers == fooled.classifiers  # choices and all selection scores
    assert honest.scores != fooled.scores


def test_test_clips_do_not_change_each_other():
    """Answers to a video are the same with other videos beside it."""
    few, many = judged(unseen(40)), judged([*unseen(40), *needle_clips(40, first=2000, seed=5)])
    assert few.classifiers == many.classifiers


def test_repeats_to_the_last_digit():
    assert judged().to_json() == judged().to_json()


def test_another_seed_draws_another_selection_part():
    settings = replace(SHORT, probes=("linear",), strengths=(1e-3, 1.0))
    first, second = (judged(settings=replace(settings, seed=seed)) for seed in (0, 1))
    assert first.to_json() != second.to_json()


def test_streams_where_tokens_are_not_kept():
    encoder, settings = PatchColours(), replace(SHORT, keep_tokens=False, probes=("attentive",))
    found = classify(encoder, train(80), unseen(), classes=CLASSES, settings=settings)
    assert found.score(found.classifiers[0]).estimate > 0.2
    rounds = encoder.encoded - 2 * 80 - 20  # less the first pass, the test pass and the selection
    assert rounds >= 2 * SHORT.sweep.steps * 10  # every step of both trainings encodes a batch
    assert "again in every round" in found.method


def trained():
    return random_init(lambda: AttentiveClassifier(8, CLASSES, heads=2, blocks=1), 0)


def test_a_given_probe_is_judged_by_the_mean_over_views():
    views = unseen(24, views=3)
    found = score_probe(PatchColours(), trained(), views, settings=SHORT)
    rows, truth = {}, {}
    for batch in views:
        answers = probabilities(trained(), encode_clips(PatchColours(), batch))
        for video, answer, label in zip(batch.videos, answers, batch.labels.tolist(), strict=True):
            rows.setdefault(video, []).append(answer)
            truth[video] = label
    hits = [np.mean(rows[video], axis=0).argmax() == truth[video] for video in rows]
    assert found.score(found.classifiers[0]).estimate == pytest.approx(np.mean(hits))
    assert (found.test_videos, found.views, found.train_clips) == (24, (3, 3), 0)


def test_the_lies_of_many_views_cancel():
    settings = replace(SETTINGS, probes=("linear",))
    one, nine = (
        judged(unseen(200, views=views), settings, train(800)).scores[0].interval
        for views in (1, 9)
    )
    assert nine.low > one.high


def test_top_5_is_there_for_more_than_five_classes():
    wide = random_init(lambda: AttentiveClassifier(8, 7, heads=2, blocks=0), 0)
    found = score_probe(PatchColours(), wide, unseen(), settings=SHORT)
    assert found.score(found.classifiers[0], "top5").estimate > 0.3
    assert found.table()[0] == ["classifier", "top-1", "top-5", "chosen"]


def test_progress_reaches_the_end():
    with Progress(console=Console(file=io.StringIO())) as progress:
        judged(progress=progress)
        score_probe(PatchColours(), trained(), unseen(), progress=progress)
        done = {task.description: task.completed for task in progress.tasks}
    assert done == {
        "tokens of the training clips": 80,
        "tokens of the test clips": 80,
        "attentive probes, encoder": 20,
        "test clips": 80,
    }


def test_refuses_groups_on_both_sides():
    with pytest.raises(ValueError, match="must not share groups"):
        judged(test_clips=train(80))


def test_refuses_labels_and_views_that_make_no_sense():
    with pytest.raises(ValueError, match="training clips have others"):
        classify(PatchColours(), train(), unseen(), classes=2, settings=SHORT)
    with pytest.raises(ValueError, match="counts once"):
        judged(test_clips=[*unseen(), *unseen()])
    narrow = random_init(lambda: AttentiveClassifier(8, 2, heads=2, blocks=0), 0)
    with pytest.raises(ValueError, match="test clips have others"):
        score_probe(PatchColours(), narrow, unseen())


def test_refuses_answers_that_are_no_numbers():
    broken = trained()
    broken.head.bias.data.fill_(torch.nan)
    with pytest.raises(ValueError, match="'encoder, attentive probe' are not finite"):
        score_probe(PatchColours(), broken, unseen())


def test_every_number_is_in_the_file(result):
    record = json.loads(result.to_json())
    assert record["classifiers"][0]["chosen"] == {"lr": 0.03, "weight_decay": 0.01}
    assert len(record["classifiers"][0]["selection"]) == len(SWEEP.trials)
    assert record["scores"][0]["interval"]["estimate"] == result.scores[0].interval.estimate
