"""``evaluate.py classify``: attentive and linear probes that classify videos."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


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
        levels: Numbers from 0 of the blocks whose normed outputs a probe reads together; the last
            one if none are given. V-JEPA 2 for Diving48: 17 19 21 23 of the large encoder, 24 29 34
            39 of the giant one.
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

        from jepakit.evals.classification.classification_result import print_classification
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
        """The evaluation, a ``RunClassification``, of these options."""
        from jepakit.data.video import FrameSampling
        from jepakit.evals.classification.attentive_probe import Sweep
        from jepakit.evals.classification.classification_judge import ClassificationSettings
        from jepakit.evals.classification.run_classification import RunClassification

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
