"""What makes questions and a model unfit for each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jepakit.batch import BatchRequest
from jepakit.data.schema import ClipFormat
from jepakit.data.shard_reader import ShardReader
from jepakit.evals.questions.asked import AskedClip, QuestionSet
from jepakit.training.runs import RunFolder


def check_whole(form: ClipFormat, request: BatchRequest) -> None:
    """Refuse clips of which the model would see only the beginning.

    Raises:
        ValueError: the clips are longer than the model's.
    """
    if form.frames > request.frames:
        raise ValueError(
            f"Questions are about all {form.frames} frames of a clip, and the model takes "
            f"{request.frames}: prepare the data with --frames {request.frames} and a lower rate."
        )


def rate_warning(run: Path, clips: Sequence[Sequence[AskedClip]]) -> str:
    """A sentence if the run learnt from clips of another rate; empty if not, or if unknown.

    Raises:
        ValueError: training and test clips differ in their rate.
    """
    rates = [part[0].fps for part in clips]
    if abs(rates[0] - rates[1]) > 1e-3:
        raise ValueError(f"Training clips have {rates[0]:g} frames per second, test {rates[1]:g}.")
    learnt = trained_rate(run)
    if learnt is None or abs(learnt - rates[0]) < 1e-3:
        return ""
    return (
        f"the run was trained on clips of {learnt:g} frames per second, these have {rates[0]:g}: "
        "what moves looks faster or slower than it ever did in training"
    )


def trained_rate(run: Path) -> float | None:
    """Frames per second of the run's training clips; None where these are not at hand."""
    data = RunFolder(run).read_config().get("data") or {}
    path = data.get("init_args", data).get("train")
    if not isinstance(path, str):
        return None
    try:
        reader = ShardReader(path)
    except (OSError, ValueError):
        return None
    with reader.open(0) as stored:
        return float(stored.meta["fps"])


def check_apart(train: QuestionSet, test: QuestionSet) -> None:
    """Refuse clips that are to be learnt from and judged on.

    Raises:
        ValueError: a group is on both sides.
    """
    shared = sorted(set(train.scenes.tolist()) & set(test.scenes.tolist()))
    if shared:
        raise ValueError(
            f"Training and test must not share clips or their groups; {len(shared)} are on both "
            f"sides, such as {shared[:3]}."
        )
