"""The table says what the numbers say."""

import io
import json

from rich.console import Console

from jepakit.evals.classification.classification_result import (
    AccuracyDifference,
    AccuracyScore,
    ClassificationResult,
    Classifier,
    print_classification,
)
from jepakit.evals.statistics import Interval


def result():
    ours = Classifier("encoder", "attentive", {"lr": 1e-3, "weight_decay": 0.4}, at_edge=False)
    linear = Classifier("encoder", "linear", {"strength": 10.0}, at_edge=True)
    majority = Classifier("majority class", "none", {}, at_edge=False)
    gap = Interval(0.2, 0.1, 0.3)
    return ClassificationResult(
        classes=12,
        train_clips=100,
        selection_clips=25,
        test_videos=40,
        test_groups=10,
        views=(2, 3),
        classifiers=(ours, linear, majority),
        scores=(
            AccuracyScore(ours.name, "top1", Interval(0.7, 0.6, 0.8)),
            AccuracyScore(linear.name, "top1", Interval(0.5, 0.4, 0.6)),
            AccuracyScore(majority.name, "top1", Interval(0.1, 0.05, 0.2)),
        ),
        differences=(
            AccuracyDifference(ours.name, linear.name, "top1", gap, better=True, disjoint=False),
            AccuracyDifference(ours.name, majority.name, "top1", gap, better=True, disjoint=True),
            AccuracyDifference(linear.name, linear.name, "top1", gap, better=True, disjoint=True),
        ),
        method="Measured so.",
    )


def test_table_marks_what_the_first_classifier_clearly_beats():
    header, rows = result().table()
    assert header == ["classifier", "top-1", "chosen"]
    assert rows == [
        ["encoder, attentive probe", "0.700 [0.600, 0.800]", "lr 0.001, weight_decay 0.4"],
        ["encoder, linear probe", "0.500 [0.400, 0.600]", "strength 10 (edge)"],
        ["majority class", "0.100 [0.050, 0.200] *", ""],
    ]


def test_prints_accuracies_and_method():
    console = Console(file=io.StringIO(), width=100)
    print_classification(result(), console)
    printed = console.file.getvalue()
    assert "Accuracy, 12 classes" in printed
    assert "[0.050, 0.200] *" in printed
    assert "Measured so." in printed


def test_file_holds_every_field():
    record = json.loads(result().to_json())
    assert record["views"] == [2, 3]
    assert record["differences"][1]["interval"] == {
        "estimate": 0.2,
        "low": 0.1,
        "high": 0.3,
        "confidence": 0.95,
    }
