"""Evaluate a trained run: ``python evaluate.py probe runs/NAME --data DIR``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


def predict(
    run: str,
    *,
    data: str,
    steps: Sequence[int] = (1, 5, 10),
    checkpoint: Literal["last", "best"] = "last",
    split: str = "val",
    windows: int = 1,
    batch_size: int = 32,
    draws: int = 2000,
    seed: int = 0,
    device: str = "auto",
    out: str | None = None,
) -> None:
    """How well a world model imagines held-out episodes, against three controls.

    Controls: a copy of the last frame's latents, the mean latent, and the model with the actions of
    other episodes. Writes prediction.json and prediction.png.

    Args:
        run: The run folder.
        data: The data set of episodes.
        steps: How far ahead.
        checkpoint: The last state, or the one with the best monitored value.
        split: Episodes that are predicted.
        windows: Windows of each episode, evenly spread.
        batch_size: Windows that are imagined at once, about.
        draws: Bootstrap draws, of whole episodes.
        seed: Of the bootstrap, and of which window gets whose actions.
        device: Where the model runs; auto takes a GPU where there is one.
        out: Folder of the results; the run folder if not given.
    """
    from rich.progress import Progress

    from jepakit.evals.prediction_result import print_prediction
    from jepakit.evals.run_prediction import PredictionOptions, RunPrediction

    options = PredictionOptions(
        tuple(steps), checkpoint, split, windows, batch_size, draws, seed, device
    )
    try:
        subject = RunPrediction(Path(run), data, options=options)
        with Progress(transient=True) as progress:
            result = subject.measure(progress)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py predict: {error}")
    folder = Path(out or run)
    folder.mkdir(parents=True, exist_ok=True)
    files = result.write(folder)
    print_prediction(result)
    print("Written:", *files)  # noqa: T201


@dataclass(kw_only=True)
class Classify:
    """Attentive and linear probes that classify videos, against two controls; or a finished probe.

    The attentive probes are a sweep of 20 (learning rate and weight decay) on one frozen pass,
    chosen on a part of the training videos. Controls: the same network untrained, and the most
    frequent class. Writes classification.json, and the encoder's probe as attentive_probe.pt.

    Args:
        run: The run folder; of published weights, what vjepa2.convert wrote.
        test: Videos that probes are judged on, a list of lines PATH LABEL or a folder with one per
            class.
        train: Videos to learn from, likewise; not with probe.
        probe: A published probe or an attentive_probe.pt to judge instead of training any; of a
            file of several the first. A list has the numbers that it learned, and folders, which
            count alphabetically, must be all of its classes.
        fps: Frames per second (Hz) that a clip shows.
        stride: Distance of the frames of a clip, instead of fps.
        clips: Views of a video over time; probabilities of a test video are averaged over them.
        segments: Clips of a view, whose tokens a probe reads together. The "16 x 2 x 3" of V-JEPA 2
            is stride 4, clips 1, segments 2, crops 3.
        crops: Views of a test video along its longer side, averaged; a single one is the centre.
        levels: Blocks whose outputs a probe reads together.
        checkpoint: The last state, or the one with the best monitored value.
        encoder: The moving-average target encoder, or the context encoder.
        steps: Optimizer steps of the attentive probes.
        depth: Attention layers of an attentive probe, the pooling one included.
        heads: Its attention heads, also of a finished one whose file does not say.
        seed: Of the selection part, the first weights and the bootstrap.
        keep_tokens: Encode every clip once and keep its tokens in memory; or again in every round.
        batch_size: Clips per forward pass.
        workers: Decoding processes.
        device: Where encoders and probes run; auto takes a GPU where there is one.
        out: Folder of the results; the run folder if not given.
    """

    run: str
    test: str
    train: str | None = None
    probe: str | None = None
    fps: float = 4.0
    stride: int | None = None
    clips: int = 2
    segments: int = 1
    crops: int = 1
    levels: Sequence[int] = ()
    checkpoint: Literal["last", "best"] = "last"
    encoder: Literal["target", "context"] = "target"
    steps: int = 1000
    depth: int = 4
    heads: int = 16
    seed: int = 0
    keep_tokens: bool = True
    batch_size: int = 16
    workers: int = 0
    device: str = "auto"
    out: str | None = None

    def __call__(self) -> None:
        """Classify, print the table and write the files."""
        from rich.progress import Progress

        from jepakit.evals.classification_result import print_classification
        from vjepa2.probed_run import judge_saved, learn_and_keep

        if (self.train is None) == (self.probe is None):
            sys.exit("evaluate.py classify: give --train to learn probes or --probe to judge one.")
        out = Path(self.out or self.run)
        out.mkdir(parents=True, exist_ok=True)
        files = [out / "classification.json"]
        try:
            with Progress(transient=True) as progress:
                if self.train is not None:
                    files.append(out / "attentive_probe.pt")
                    result = learn_and_keep(
                        self.subject(), self.train, self.test, files[-1], progress
                    )
                else:
                    probe = Path(self.probe or "")
                    result = judge_saved(
                        self.subject(), probe, self.test, progress, heads=self.heads
                    )
        except (FileNotFoundError, ValueError) as error:
            sys.exit(f"evaluate.py classify: {error}")
        files[0].write_text(result.to_json())
        print_classification(result)
        print("Written:", *files)  # noqa: T201

    def subject(self) -> Any:
        """The :class:`jepakit.evals.run_classification.RunClassification` of these options."""
        from jepakit.data.video import FrameSampling
        from jepakit.evals.attentive_probe import Sweep
        from jepakit.evals.classification_judge import ClassificationSettings
        from jepakit.evals.run_classification import RunClassification

        sweep = Sweep(steps=self.steps, blocks=self.depth - 1, heads=self.heads, seed=self.seed)
        settings = ClassificationSettings(sweep=sweep, keep_tokens=self.keep_tokens, seed=self.seed)
        return RunClassification(
            Path(self.run),
            FrameSampling(self.fps if self.stride is None else None, self.stride, self.clips),
            segments=self.segments,
            crops=self.crops,
            levels=tuple(self.levels),
            checkpoint=self.checkpoint,
            encoder=self.encoder,
            settings=settings,
            batch_size=self.batch_size,
            workers=self.workers,
            device=self.device,
        )


LEVELS = (
    "Numbers from 0 of the blocks whose normed outputs a probe reads together; the last one if "
    "none are given. V-JEPA 2 for Diving48: 17 19 21 23 of the large encoder, 24 29 34 39 of the "
    "giant one."
)

STEPS = "How far ahead, each a number of actions; 1 5 10 by default."
NUMBERS: dict[str, tuple[str, list[int], str]] = {
    "classify": ("levels", [], LEVELS),
    "predict": ("steps", [1, 5, 10], STEPS),
}
"""Options that take several numbers: name, default and help, by command."""

COMMANDS: dict[str, Callable[..., Classify | None]] = {
    "probe": probe,
    "classify": Classify,
    "report": report,
    "predict": predict,
}


def main(arguments: list[str] | None = None) -> None:
    """Parse the command and its options, and run it."""
    parser = ArgumentParser(prog="evaluate.py", description="Evaluate a trained run.")
    commands = parser.add_subcommands(dest="command", title="commands")
    for name, function in COMMANDS.items():
        summary = (function.__doc__ or "").strip().splitlines()[0]
        own = ArgumentParser(description=summary)
        own.add_argument("run", type=str, help="The run folder.")
        skip: set[str | int] = {"run"}
        if name in NUMBERS:
            option, default, told = NUMBERS[name]
            own.add_argument(f"--{option}", type=int, nargs="+", default=default, help=told)
            skip.add(option)
        if isinstance(function, type):
            own.add_class_arguments(function, skip=skip, as_positional=False)
        else:
            own.add_function_arguments(function, skip=skip, as_positional=False)
        commands.add_subcommand(name, own, help=summary)
    chosen = parser.parse_args(arguments)
    made = COMMANDS[chosen.command](**chosen[chosen.command].as_dict())
    if made is not None:
        made()


if __name__ == "__main__":
    main()
