"""A page about a run: what was trained, how it went, what it sees, expects and knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
import yaml

from jepakit.data.manifest import Manifest
from jepakit.data.shard_reader import ShardReader
from jepakit.evals.figures.curves import training_curves
from jepakit.evals.pages.report import (
    Animation,
    Facts,
    Figure,
    Part,
    Section,
    Table,
    Text,
    build_report,
)
from jepakit.evals.probes.controls import random_init
from jepakit.evals.probes.probe_report import probe_parts
from jepakit.evals.probes.probe_result import ProbeResult
from jepakit.evals.probes.run_probe import encoder_of
from jepakit.evals.run_clips import (
    Removal,
    mask_drawings,
    removal_drawing,
    telling_removals,
    telling_samples,
    token_drawings,
)
from jepakit.protocols import Intervenes
from jepakit.training.metrics_file import read_metrics
from jepakit.training.module import JepaModule
from jepakit.training.runs import RunFolder, build_run, load_run

CURVES = {
    "Loss": {"training": "train/loss", "held-out clips": "val/loss"},
    "Prediction of hidden tokens": {"training": "train/prediction", "held-out": "val/prediction"},
    "Predicted effect of removal": {"training": "train/causal", "held-out": "val/causal"},
    "Spread of the features (SIGReg)": {"training": "train/sigreg", "held-out": "val/sigreg"},
    "Effective rank of the features": {"training": "collapse/effective_rank"},
    "Learning rate": {"training": "optim/lr"},
}

NEVER_SEEN = (
    "This model was trained with intervention '{source}', where nothing moves differently once an "
    "object is gone. It has never seen consequences such as a ball that falls, so agreement with "
    "them is not to be expected; intervention 'resimulated' teaches them."
)
"""Said above the counterfactuals of a model that learned removal without its consequences."""


class RunReport:
    """A trained run and the data set on which it is shown.

    Args:
        run: the run folder.
        data: the data set.
        split: clips that pictures are taken of; the model has not been trained on them.
        checkpoint: the last state, or the best.

    Raises:
        FileNotFoundError: no run, or no such checkpoint.
        ValueError: no such data set or split.
    """

    def __init__(
        self,
        run: Path,
        data: str,
        *,
        split: str = "val",
        checkpoint: Literal["last", "best"] = "last",
    ) -> None:
        self.folder = RunFolder(run)
        self.reader = ShardReader(data, split=split)
        self.model: JepaModule = load_run(run, checkpoint)
        self.encoder = encoder_of(self.model, "target")
        self.untrained = encoder_of(random_init(lambda: build_run(run), 0), "target")
        self.curves = read_metrics(self.folder.metrics)

    def page(self) -> str:
        """The report as one HTML page."""
        sections = [
            Section("What was trained", self._trained()),
            Section("How training went", self._training()),
            Section("What is hidden", self._hidden()),
            Section("What the tokens hold", self._tokens()),
            Section("What if an object were not there", self._removals()),
            Section("What frozen features know", self._probes()),
            Section("Where the time went", self._timings()),
            Section("The recipe", self._recipe()),
        ]
        return build_report(
            sections,
            title=f"Run {self.folder.path.name}",
            kicker=type(self.model).__name__,
            lede=f"{self._task()} All pictures are of clips held back from training.",
            footer=f"Made by python evaluate.py report {self.folder.path}",
        )

    def _task(self) -> str:
        if isinstance(self.model, Intervenes):
            return (
                "Whole objects are hidden from an encoder; a predictor learns their latents and "
                "what their removal changes."
            )
        return "Parts of a clip are hidden from an encoder; a predictor learns their latents."

    @torch.no_grad()
    def write(self) -> Path:
        """Write ``report.html`` into the run folder."""
        path = self.folder.path / "report.html"
        path.write_text(self.page(), encoding="utf-8")
        return path

    @property
    def _manifest(self) -> Manifest:
        return self.reader.manifest

    def _trained(self) -> list[Part]:
        description = self._manifest.description
        config = self.folder.read_config()
        request = self.encoder.request
        teachers = {p for _, teacher in self.model.ema_pairs() for p in teacher.parameters()}
        trained = sum(p.numel() for p in self.model.parameters() if p not in teachers)
        clips = sum(shard.samples for shard in self._manifest.of_split("train"))
        steps = int(config["trainer"]["max_steps"])
        batch = int(config["data"]["init_args"]["batch_size"])
        start = json.loads(self.folder.record.read_text())["starts"][-1]
        facts = {
            "trained parameters": f"{trained:,}",
            "optimizer steps": f"{steps:,}",
            "clips seen": f"{steps * batch * start['ranks']:,}",
            "training clips": f"{clips:,}",
            "held-out clips": f"{len(self.reader):,}",
            "clip": f"{request.frames} x {request.size[0]} x {request.size[1]}",
            "tokens per clip": str(request.grid[0] * request.grid[1] * request.grid[2]),
        }
        parts: list[Part] = [Facts(facts), Text(f"Data: {description.source}")]
        if note := description.settings.get("note"):
            parts.append(Text(str(note), style="note"))
        return parts

    def _recipe(self) -> list[Part]:
        model = _without_empty(self.folder.read_config()["model"])
        return [Text(yaml.safe_dump(model, sort_keys=False), style="code")]

    def _training(self) -> list[Part]:
        panels = {}
        for title, named in CURVES.items():
            found = {n: self.curves[key] for n, key in named.items() if key in self.curves}
            if found and any(value != 0 for _, values in found.values() for value in values):
                panels[title] = found
        if not panels:
            return [Text("The run logged no values: it was shorter than log_every_n_steps.")]
        drawing = training_curves(panels)
        return [Figure(drawing, alt="Logged values over optimizer steps")]

    def _hidden(self) -> list[Part]:
        masker = self.model.masker
        if masker is None:
            return [Text("This model finds its objects itself; no masker draws them beforehand.")]
        parts: list[Part] = [
            Text(
                "The context encoder sees only the tokens that are not hatched. What is hidden is "
                "drawn anew each time a clip is seen."
            )
        ]
        for sample in telling_samples(self.reader, 3):
            alt = f"Clip {sample.key}, its objects, and its visible context"
            parts += [
                Figure(drawing, alt=alt, caption=f"Clip {sample.key}")
                for drawing in mask_drawings(sample, self.encoder, masker)
            ]
        return parts

    def _tokens(self) -> list[Part]:
        encoders = {"trained": self.encoder, "untrained": self.untrained}
        sample = telling_samples(self.reader, 1)[0]
        similarity, components = token_drawings(sample, encoders)
        return [
            Figure(
                similarity,
                alt="Cosine similarity of every token to one token on a moving object",
                caption="Where the encoder sees the same as at the star, a token on a moving "
                "object; the mean token of the clip is taken away first.",
            ),
            Figure(
                components,
                alt="Three principal components of the tokens as colours",
                caption="First three principal components of the tokens as red, green and blue.",
            ),
        ]

    def _removals(self) -> list[Part]:
        if not isinstance(self.model, Intervenes):
            return [Text("This model does not predict interventions.")]
        removals = telling_removals(self.reader, 2)
        if not removals:
            return [
                Text(
                    "The data set carries no clips simulated again without an object; write it "
                    "with --counterfactuals.",
                    style="note",
                )
            ]
        parts: list[Part] = [
            Text(
                "The same world was simulated twice, the second time without one object. The model "
                "sees the first clip without the tokens of that object, and predicts how much the "
                "object's presence changes the latent of every other token."
            )
        ]
        source = self.folder.read_config()["model"]["init_args"].get("intervention")
        if source is not None and source != "resimulated":
            parts.append(Text(NEVER_SEEN.format(source=source), style="note"))
        for removal in removals:
            parts += self._removal(removal, self.model)
        return parts

    def _removal(self, removal: Removal, model: Intervenes) -> list[Part]:
        sample = removal.sample
        clips = {
            "as it happened": sample.frames,
            f"without {removal.name}": sample.counterfactuals[removal.identity].frames,
        }
        drawing = removal_drawing(removal, model, self.encoder)
        return [
            Animation(clips, alt="A clip and its counterfactual", fps=max(2.0, sample.meta["fps"])),
            Figure(
                drawing,
                alt="True change and predicted residual of every token",
                caption=f"Clip {sample.key}, without {removal.name}.",
            ),
        ]

    def _probes(self) -> list[Part]:
        if not (self.folder.path / "probe.json").exists():
            command = f"python evaluate.py probe {self.folder.path} --data {self.reader.path}"
            return [Text("No probes have been run yet:"), Text(command, style="code")]
        return probe_parts(ProbeResult.read(self.folder.path))

    def _timings(self) -> list[Part]:
        rows = [
            [title, _seconds(end - begin)]
            for title, begin, end in self._stages()
            if end is not None and begin is not None and end >= begin
        ]
        parts: list[Part] = [Table(["stage", "time"], rows)]
        speed = {
            "clips per second": ("speed/clips_per_second", "{:.0f}"),
            "tokens per second": ("speed/tokens_per_second", "{:,.0f}"),
            "model GFLOP/s": ("speed/model_tflops", "{:.1f}"),
            "waiting for data": ("speed/data_wait", "{:.1%}"),
        }
        values = {}
        for title, (name, form) in speed.items():
            if name in self.curves:
                ordered = sorted(self.curves[name][1])
                median = ordered[len(ordered) // 2]
                values[title] = form.format(median * 1e3 if "tflops" in name else median)
        if values:
            parts += [Text("Medians over training:"), Facts(values)]
        return parts

    def _stages(self) -> list[tuple[str, float | None, float | None]]:
        """Stage, begin and end, told from when files were written."""
        run, data = self.folder.path, Path(self.reader.path)
        tars = [path.stat().st_mtime for path in data.glob("*.tar")] if data.is_dir() else []
        config, probe = _written(self.folder.config), _written(run / "probe.json")
        last = _written(self.folder.last)
        return [
            (
                "data, from the first shard on",
                min(tars, default=None),
                _written(data / "manifest.json"),
            ),
            ("training", config, last),
            ("probes", last, probe),
        ]


def _written(path: Path) -> float | None:
    return path.stat().st_mtime if path.exists() else None


def _seconds(value: float) -> str:
    minutes, seconds = divmod(round(value), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_empty(v) for k, v in value.items() if v is not None}
    return value
