"""What a probe suite measured, and the files that it is kept in."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jepakit.counted import counted
from jepakit.evals.item_scores import ItemScores
from jepakit.evals.probes.linear_probe import STRENGTHS, Kind
from jepakit.evals.probes.probe_items import mean_over_labels
from jepakit.evals.scores import METRICS, Metric
from jepakit.evals.statistics import Interval, Method

ENCODER = "encoder"
CSV_COLUMNS = (
    "label",
    "kind",
    "features",
    "metric",
    "estimate",
    "low",
    "high",
    "test_clips",
    "test_groups",
    "encoder_minus_this_estimate",
    "encoder_minus_this_low",
    "encoder_minus_this_high",
)


@dataclass(frozen=True)
class ProbeSettings:
    """How labels are probed.

    Attributes:
        seeds: repetitions; seed ``s`` draws its own selection part and its own random encoder, and
            a score is the mean over seeds on the same test clips.
        selection: share of the training clips (whole groups) that chooses the regularisation.
        strengths: the regularisation strengths to choose from.
        draws: bootstrap draws, over groups of test clips.
        confidence: of the intervals.
        method: of the intervals.
        at_least: clips of either class needed in every part.
    """

    seeds: int = 3
    selection: float = 0.25
    strengths: tuple[float, ...] = STRENGTHS
    draws: int = 2000
    confidence: float = 0.95
    method: Method = "percentile"
    at_least: int = 10


@dataclass(frozen=True)
class Score:
    """One kind of features on one label by one metric; the interval is of the mean over seeds."""

    features: str
    metric: Metric
    interval: Interval
    by_seed: tuple[float, ...]
    strengths: tuple[float, ...]


@dataclass(frozen=True)
class Difference:
    """The encoder's score minus a control's, on the same draws.

    Attributes:
        control: the features compared with.
        metric: the metric compared by.
        interval: of the difference.
        better: whether the whole interval of the difference favours the encoder.
        disjoint: whether, besides, the two intervals of the scores share no value.
    """

    control: str
    metric: Metric
    interval: Interval
    better: bool
    disjoint: bool


@dataclass(frozen=True)
class LabelResult:
    """Everything measured on one label; ``positives``: share of the test clips, if binary.

    ``items`` says of every test clip what the encoder's probes are worth there.
    """

    label: str
    kind: Kind
    train_clips: int
    test_clips: int
    test_groups: int
    positives: float | None
    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    items: ItemScores | None = field(default=None, repr=False, compare=False)

    def score(self, features: str, metric: Metric) -> Score:
        """The score of ``features`` by ``metric``."""
        return next(s for s in self.scores if (s.features, s.metric) == (features, metric))

    def difference(self, control: str, metric: Metric) -> Difference:
        """The encoder against ``control`` by ``metric``."""
        return next(d for d in self.differences if (d.control, d.metric) == (control, metric))


@dataclass(frozen=True)
class UndefinedLabel:
    """A label that cannot be scored, and why."""

    label: str
    kind: Kind
    reason: str


@dataclass(frozen=True)
class ProbeResult:
    """A whole suite.

    Attributes:
        labels: what could be scored.
        undefined: what could not.
        notes: what each kind of features is.
        source: where the model and the clips came from.
        settings: how it was measured.
    """

    labels: tuple[LabelResult, ...]
    undefined: tuple[UndefinedLabel, ...]
    notes: dict[str, str]
    source: dict[str, str]
    settings: ProbeSettings

    @classmethod
    def read(cls, folder: Path) -> ProbeResult:
        """What :meth:`write` put into ``folder``.

        Raises:
            FileNotFoundError: nothing was probed there.
        """
        record = json.loads((folder / "probe.json").read_text(encoding="utf-8"))
        labels = []
        for label in record["labels"]:
            for part, kind in (("scores", Score), ("differences", Difference)):
                for entry in label[part]:
                    entry["interval"] = Interval(**entry["interval"])
                label[part] = tuple(kind(**_tupled(entry)) for entry in label[part])
            labels.append(LabelResult(**label))
        return cls(
            labels=tuple(labels),
            undefined=tuple(UndefinedLabel(**entry) for entry in record["undefined"]),
            notes=record["notes"],
            source=record["source"],
            settings=ProbeSettings(**_tupled(record["settings"])),
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The kinds of features, the encoder first."""
        return tuple(self.notes)

    def to_json(self) -> str:
        """Every number, with names."""
        content = dataclasses.asdict(self)
        for label in content["labels"]:
            del label["items"]
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def to_csv(self) -> str:
        """One row per label, features and metric."""
        out = io.StringIO()
        table = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
        table.writeheader()
        for result in self.labels:
            for score in result.scores:
                row: dict[str, Any] = {
                    "label": result.label,
                    "kind": result.kind,
                    "features": score.features,
                }
                row |= {"metric": score.metric, **_columns(score.interval)}
                row |= {"test_clips": result.test_clips, "test_groups": result.test_groups}
                if score.features != ENCODER:
                    gap = result.difference(score.features, score.metric).interval
                    row |= _columns(gap, prefix="encoder_minus_this_")
                table.writerow(row)
        return out.getvalue()

    def to_markdown(self) -> str:
        """Tables for people: one per metric, then what was left out, and how it was measured."""
        lines = ["# Linear probes of frozen features", ""]
        lines += [f"- {name}: {value}" for name, value in self.source.items()] + [""]
        for metric, facts in METRICS.items():
            header, rows = self.table(metric)
            if rows:
                direction = "higher" if facts.higher_is_better else "lower"
                lines += [f"## {facts.title} ({direction} is better)", ""]
                lines += [f"| {' | '.join(header)} |", "|---|" + "---:|" * (len(header) - 1)]
                lines += [f"| {' | '.join(row)} |" for row in rows] + [""]
        if self.undefined:
            lines += ["## Not scored", ""]
            lines += [f"- `{u.label}` ({u.kind}): {u.reason}" for u in self.undefined] + [""]
        lines += ["## How it was measured", "", self.method_text(), ""]
        lines += [f"- **{name}**: {note}" for name, note in self.notes.items()]
        return "\n".join(lines) + "\n"

    def table(self, metric: Metric) -> tuple[list[str], list[list[str]]]:
        """Header and rows of one metric; a star marks controls that the encoder clearly beats."""
        header = ["label", "test clips", *self.feature_names]
        rows = []
        for result in self.labels:
            if metric not in {score.metric for score in result.scores}:
                continue
            row = [result.label, str(result.test_clips)]
            for name in self.feature_names:
                beaten = name != ENCODER and result.difference(name, metric).disjoint
                row.append(f"{result.score(name, metric).interval}{' *' if beaten else ''}")
            rows.append(row)
        return header, rows

    def method_text(self) -> str:
        """One paragraph on splits, seeds and intervals."""
        s = self.settings
        return (
            f"Scores are means over {counted(s.seeds, 'seed')} with {s.confidence:.0%} {s.method} "
            f"bootstrap intervals ({s.draws} draws of whole groups of test clips, the same draws "
            "for all features). They say how far a score may move with other test tasks, not with "
            f"another training run. The regularisation was chosen on {s.selection:.0%} of the "
            "training clips, split off by group, never on test clips. A star marks a control whose "
            "interval lies entirely on the worse side of the encoder's; nothing is corrected for "
            "the number of labels."
        )

    def write(self, folder: Path) -> list[Path]:
        """Write ``probe.json``, ``probe.csv``, ``probe.md`` and ``scores/`` into ``folder``.

        ``scores/probe_LABEL.json`` says what the encoder's probes are worth on each clip,
        ``scores/probe.json`` the mean R² of all regressions, ``scores/probe_binary.json`` the mean
        balanced accuracy of the others.
        """
        folder.mkdir(parents=True, exist_ok=True)
        texts = {"json": self.to_json(), "csv": self.to_csv(), "md": self.to_markdown()}
        paths = []
        for suffix, text in texts.items():
            paths.append(folder / f"probe.{suffix}")
            paths[-1].write_text(text, encoding="utf-8")
        for name, scores in self._items().items():
            paths.append(scores.write(folder / "scores" / f"{name}.json"))
        return paths

    def _items(self) -> dict[str, ItemScores]:
        known = [(r, r.items) for r in self.labels if r.items is not None]
        found = {f"probe_{result.label}": items for result, items in known}
        for kind, name in (("regression", "probe"), ("binary", "probe_binary")):
            own = {result.label: items for result, items in known if result.kind == kind}
            if own:
                found[name] = mean_over_labels(own)
        return found


def _tupled(fields: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no tuples."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}


def _columns(interval: Interval, prefix: str = "") -> dict[str, str]:
    names = ("estimate", "low", "high")
    return {prefix + name: f"{getattr(interval, name):.6f}" for name in names}
