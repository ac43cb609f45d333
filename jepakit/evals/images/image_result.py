"""What image probes measured: tables with intervals, as JSON and Markdown."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from jepakit.evals.images.image_readouts import ImageSettings
from jepakit.evals.item_scores import ItemScores
from jepakit.evals.statistics import Interval

ACCURACIES = {"top1": "Top-1 accuracy", "top5": "Top-5 accuracy"}


@dataclass(frozen=True)
class ImageScore:
    """Accuracy of one readout of one entrant's features on the test pictures, 0..1.

    Attributes:
        entrant: whose features.
        readout: how they were read.
        top1: accuracy; the mean over repetitions (untrained networks, draws of labels).
        top5: share of pictures whose class is among the best five; None with 5 classes or fewer.
        repetitions: top-1 accuracy of each.
        chosen: hyper-parameters of each.
        at_edge: whether one of them is an end of its grid.
        selection: accuracies on the held-out training pictures that a choice was made by.
        detail: whether it is a variant beside a chosen one.
        encoder_minus_this: top-1 accuracy of the encoder minus this one's, on the same draws.
    """

    entrant: str
    readout: str
    top1: Interval
    top5: Interval | None
    repetitions: tuple[float, ...]
    chosen: tuple[dict[str, float], ...]
    at_edge: bool
    selection: dict[str, float | None]
    detail: bool
    encoder_minus_this: Interval | None


@dataclass(frozen=True)
class ImageResult:
    """A whole evaluation.

    Attributes:
        scores: one per entrant and readout, the encoder's first.
        notes: what each entrant is.
        source: where the model and the pictures came from.
        classes: number of classes.
        damaged: pictures that could not be read, by name, and why.
        settings: how it was measured.
        items: top-1 hits of the encoder's linear probe of the last level, per test picture.
    """

    scores: tuple[ImageScore, ...]
    notes: dict[str, str]
    source: dict[str, str]
    classes: int
    damaged: dict[str, str]
    settings: ImageSettings
    items: ItemScores

    def score(self, entrant: str, readout: str) -> ImageScore:
        """The score of an entrant by a readout."""
        return next(s for s in self.scores if (s.entrant, s.readout) == (entrant, readout))

    def table(
        self, accuracy: str = "top1", *, detail: bool = False
    ) -> tuple[list[str], list[list[str]]]:
        """Header and rows, a row per readout; a star marks what the encoder beats on top-1.

        No rows where there are too few classes for the accuracy.
        """
        shown = [s for s in self.scores if s.detail == detail and getattr(s, accuracy) is not None]
        entrants = list(dict.fromkeys(s.entrant for s in shown))
        rows = []
        for readout in dict.fromkeys(s.readout for s in shown):
            cells = {s.entrant: s for s in shown if s.readout == readout}
            row = [readout]
            for entrant in entrants:
                score = cells.get(entrant)
                gap = score and score.encoder_minus_this
                star = " *" if gap and gap.low > 0 and accuracy == "top1" else ""
                row.append(f"{getattr(score, accuracy)}{star}" if score else "")
            rows.append(row)
        return ["readout", *entrants], rows

    def method_text(self) -> str:
        """One paragraph on parts, choices and intervals."""
        s, sweep = self.settings, self.settings.sweep
        return (
            f"Frozen features. kNN: cosine, votes exp(cos / {s.temperature:g}). Linear: "
            f"{len(sweep.trials)} pairs of a learning rate and a weight decay trained side by side "
            f"by SGD on standardised features. {s.few.capitalize()}: L2-regularised, mean of "
            f"{s.share_draws} class-balanced draws, the strength chosen by cross-validation within "
            f"a draw. Everything else is chosen on {s.selection:.0%} of the training pictures of "
            "each class, held out; linear probes are then fitted on all of them. No test picture "
            f"takes part in a choice. {s.confidence:.0%} percentile bootstrap intervals, {s.draws} "
            "draws of test pictures, the same for all; another training run or another draw of "
            "labels is not in them. A tie among classes counts as it would be won by lot. A star: "
            "the encoder is better on the same draws."
        )

    def to_json(self) -> str:
        """Every number, with names."""
        fields = {
            "scores": [dataclasses.asdict(score) for score in self.scores],
            "notes": self.notes,
            "source": self.source,
            "classes": self.classes,
            "damaged": self.damaged,
            "settings": dataclasses.asdict(self.settings),
        }
        return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"

    def to_markdown(self) -> str:
        """Tables for people, and how it was measured."""
        lines = ["# Image probes of frozen features", ""]
        lines += [f"- {name}: {value}" for name, value in self.source.items()] + [""]
        for accuracy, title in ACCURACIES.items():
            for detail in (False, True):
                header, rows = self.table(accuracy, detail=detail)
                if rows:
                    lines += [f"## {title}{' by number of neighbours' if detail else ''}", ""]
                    lines += [f"| {' | '.join(header)} |", "|---|" + "---:|" * (len(header) - 1)]
                    lines += [f"| {' | '.join(row)} |" for row in rows] + [""]
        lines += ["## What was chosen", ""]
        lines += [f"- {_chosen(score)}" for score in self.scores if any(score.chosen)] + [""]
        lines += ["## How it was measured", "", self.method_text(), ""]
        lines += [f"- **{name}**: {note}" for name, note in self.notes.items()]
        if self.damaged:
            lines += ["", "## Damaged pictures, left out", ""]
            lines += [f"- {name}: {reason}" for name, reason in self.damaged.items()]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> list[Path]:
        """Write ``images.json``, ``images.md`` and ``scores/images.json`` into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for suffix, text in {"json": self.to_json(), "md": self.to_markdown()}.items():
            paths.append(folder / f"images.{suffix}")
            paths[-1].write_text(text, encoding="utf-8")
        return [*paths, self.items.write(folder / "scores" / "images.json")]


def _chosen(score: ImageScore) -> str:
    values: dict[str, list[str]] = {}
    for choice in score.chosen:
        for name, value in choice.items():
            values.setdefault(name, []).append(f"{value:g}")
    told = ", ".join(f"{name} {' / '.join(found)}" for name, found in values.items())
    edge = " (an end of the grid)" if score.at_edge else ""
    return f"{score.entrant}, {score.readout}: {told}{edge}"
