"""Evaluate a trained run: ``python evaluate.py probe runs/NAME --data DIR``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser

# Idle OpenMP threads must not spin; has to be set before torch is imported, which waits until the
# arguments are known to be right.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def probe(
    run: str,
    *,
    data: str,
    checkpoint: Literal["last", "best"] = "last",
    encoder: Literal["target", "context"] = "target",
    pool: Literal["mean", "time"] = "mean",
    seeds: int = 3,
    train_split: str = "train",
    test_split: str = "val",
    group: str = "group",
    draws: int = 2000,
    interval: Literal["percentile", "bca"] = "percentile",
    pixels: int = 16,
    batch_size: int = 64,
    device: str = "auto",
    out: str | None = None,
) -> None:
    """Linear probes of frozen features for every label of a data set, against three controls.

    Controls: the same network untrained, the pixels, and the majority class or mean. Writes
    probe.json, probe.csv, probe.md and probe.png.

    Args:
        run: The run folder.
        data: The data set whose labels are probed.
        checkpoint: The last state, or the one with the best monitored value.
        encoder: The moving-average target encoder, or the context encoder.
        pool: Mean over all tokens, or over space only, with the tubelets side by side.
        seeds: Repetitions; each has its own untrained network and its own selection part.
        train_split: Clips that probes learn from.
        test_split: Clips that they are judged on; no task may be in both.
        group: Field of a clip's details that names its task.
        draws: Bootstrap draws, of whole tasks.
        interval: Kind of the bootstrap interval.
        pixels: Side of the shrunk clips of the pixel control.
        batch_size: Clips per forward pass.
        device: Where encoders run; auto takes a GPU where there is one.
        out: Folder of the results; the run folder if not given.
    """
    options = {
        "checkpoint": checkpoint,
        "encoder": encoder,
        "pool": pool,
        "train_split": train_split,
        "test_split": test_split,
        "group": group,
        "pixels": pixels,
        "batch_size": batch_size,
        "device": device,
    }
    measure(run, data, out or run, options, {"seeds": seeds, "draws": draws, "method": interval})


def measure(
    run: str, data: str, out: str, options: dict[str, Any], settings: dict[str, Any]
) -> None:
    """Probe, print the tables and write the files; see :func:`probe`."""
    from rich.progress import Progress

    from jepakit.evals.figures import to_png
    from jepakit.evals.probe_console import print_probe
    from jepakit.evals.probe_report import probe_forest
    from jepakit.evals.probe_result import ProbeSettings
    from jepakit.evals.run_probe import ProbeOptions, RunProbe

    try:
        subject = RunProbe(
            Path(run), data, options=ProbeOptions(**options), settings=ProbeSettings(**settings)
        )
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py probe: {error}")
    with Progress(transient=True) as progress:
        result = subject.measure(progress)
    paths = result.write(Path(out))
    if result.labels:
        paths.append(Path(out) / "probe.png")
        paths[-1].write_bytes(to_png(probe_forest(result)))
    print_probe(result)
    print("Written:", *paths)  # noqa: T201


def report(
    run: str,
    *,
    data: str,
    split: str = "val",
    checkpoint: Literal["last", "best"] = "last",
) -> None:
    """One self-contained page about a run: report.html in its folder.

    Args:
        run: The run folder.
        data: The data set whose clips are shown.
        split: Clips that pictures are taken of.
        checkpoint: The last state, or the one with the best monitored value.
    """
    from jepakit.evals.run_report import RunReport

    try:
        page = RunReport(Path(run), data, split=split, checkpoint=checkpoint)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py report: {error}")
    print("Written:", page.write())  # noqa: T201


def classify(
    run: str,
    *,
    train: str,
    test: str,
    fps: float = 4.0,
    clips: int = 2,
    checkpoint: Literal["last", "best"] = "last",
    encoder: Literal["target", "context"] = "target",
    steps: int = 1000,
    depth: int = 4,
    heads: int = 16,
    seed: int = 0,
    batch_size: int = 16,
    workers: int = 0,
    device: str = "auto",
    out: str | None = None,
) -> None:
    """Attentive and linear probes that classify videos, against two controls.

    The attentive probes are a sweep of 20 (learning rate and weight decay) on one frozen pass,
    chosen on a part of the training videos. Controls: the same network untrained, and the most
    frequent class. Writes classification.json.

    Args:
        run: The run folder; of published weights, what vjepa2.convert wrote.
        train: Videos to learn from, a list of lines PATH LABEL or a folder with one per class.
        test: Videos that probes are judged on.
        fps: Frames per second (Hz) that a clip shows.
        clips: Clips of a video, spread over it; answers on a test video are averaged over them.
        checkpoint: The last state, or the one with the best monitored value.
        encoder: The moving-average target encoder, or the context encoder.
        steps: Optimizer steps of the attentive probes.
        depth: Attention layers of an attentive probe, the pooling one included.
        heads: Its attention heads.
        seed: Of the selection part, the first weights and the bootstrap.
        batch_size: Clips per forward pass.
        workers: Decoding processes.
        device: Where encoders and probes run; auto takes a GPU where there is one.
        out: Folder of the result; the run folder if not given.
    """
    probes = {"steps": steps, "blocks": depth - 1, "heads": heads, "seed": seed}
    options = {
        "checkpoint": checkpoint,
        "encoder": encoder,
        "batch_size": batch_size,
        "workers": workers,
        "device": device,
    }
    measure_classes(run, (train, test), out or run, (fps, clips), probes, options)


def measure_classes(
    run: str,
    videos: tuple[str, str],
    out: str,
    sampling: tuple[float, int],
    probes: dict[str, Any],
    options: dict[str, Any],
) -> None:
    """Classify, print the table and write the file; see :func:`classify`."""
    from rich.progress import Progress

    from jepakit.data.video import FrameSampling
    from jepakit.evals.attentive_probe import Sweep
    from jepakit.evals.classification_judge import ClassificationSettings
    from jepakit.evals.classification_result import print_classification
    from jepakit.evals.run_classification import RunClassification

    fps, clips = sampling
    try:
        settings = ClassificationSettings(sweep=Sweep(**probes), seed=probes["seed"])
        frames = FrameSampling(fps=fps, clips=clips)
        subject = RunClassification(Path(run), *videos, frames, settings=settings, **options)
        with Progress(transient=True) as progress:
            result = subject.measure(progress)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py classify: {error}")
    path = Path(out) / "classification.json"
    path.write_text(result.to_json())
    print_classification(result)
    print("Written:", path)  # noqa: T201


COMMANDS: dict[str, Callable[..., None]] = {
    "probe": probe,
    "classify": classify,
    "report": report,
}


def main(arguments: list[str] | None = None) -> None:
    """Parse the command and its options, and run it."""
    parser = ArgumentParser(prog="evaluate.py", description="Evaluate a trained run.")
    commands = parser.add_subcommands(dest="command", title="commands")
    for name, function in COMMANDS.items():
        summary = (function.__doc__ or "").strip().splitlines()[0]
        own = ArgumentParser(description=summary)
        own.add_argument("run", type=str, help="The run folder.")
        own.add_function_arguments(function, skip={"run"}, as_positional=False)
        commands.add_subcommand(name, own, help=summary)
    chosen = parser.parse_args(arguments)
    COMMANDS[chosen.command](**chosen[chosen.command].as_dict())


if __name__ == "__main__":
    main()
