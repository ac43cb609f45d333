"""Whether the demo's training teaches anything: trained against untrained encoder, over seeds.

Run ``python -m bench.demo_quality`` (about 8 minutes per seed on two cores; data and runs that
exist are used again). A label counts where, for every seed, the 95 % interval of the trained
encoder lies wholly above that of the same network untrained.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from bench.harness import emit, show
from jepakit.evals.probes.probe_result import ENCODER, LabelResult, ProbeResult
from jepakit.evals.scores import Metric

METRIC: dict[str, Metric] = {"binary": "auroc", "regression": "r2"}
RECIPE = "configs/cjepa/demo.yaml"


def program(*words: str) -> None:
    """Run a program of the project, and stop with it if it fails."""
    subprocess.run([sys.executable, *words], check=True)


def probed(name: str, seed: int, runs: str, data: str, extra: list[str]) -> ProbeResult:
    """The probe suite of the demo trained with one seed and some options changed."""
    run = Path(runs) / name
    if not (run / "probe.json").exists():
        seeds = ["--seed_everything", str(seed), "--data.init_args.seed", str(seed)]
        places = ["--data.init_args.train", data, "--data.init_args.val", data]
        where = ["--runs", runs, "--name", name, "--resume", "auto"]
        program("train.py", "--config", RECIPE, *seeds, *places, *where, *extra)
        program("evaluate.py", "probe", str(run), "--data", data)
    return ProbeResult.read(run)


def margin(label: LabelResult) -> tuple[float, float, float]:
    """Estimates of the trained and the untrained encoder, and the gap between their intervals."""
    metric = METRIC[label.kind]
    trained = label.score(ENCODER, metric).interval
    untrained = label.score("random init", metric).interval
    return trained.estimate, untrained.estimate, trained.low - untrained.high


def main() -> None:
    """Train, probe, compare; print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", default="datasets/demo")
    parser.add_argument("--runs", default="runs")
    args, extra = parser.parse_known_args()
    if not (Path(args.data) / "manifest.json").exists():
        program("-m", "data_prep", "demo", "--out", args.data)
    results = [
        probed(f"demo-seed{seed}", seed, args.runs, args.data, extra) for seed in range(args.seeds)
    ]
    names = [label.label for label in results[0].labels]
    figures = {}
    for name in names:
        margins = [
            margin(label) for result in results for label in result.labels if label.label == name
        ]
        trained, untrained, gaps = zip(*margins, strict=True)
        figures[name] = {
            "trained": trained,
            "untrained": untrained,
            "smallest_gap": min(gaps),
            "disjoint": len(gaps) == args.seeds and min(gaps) > 0,
        }
    rows = [
        [
            name,
            " ".join(f"{value:.3f}" for value in row["trained"]),
            " ".join(f"{value:.3f}" for value in row["untrained"]),
            f"{row['smallest_gap']:+.3f}",
            "yes" if row["disjoint"] else "no",
        ]
        for name, row in figures.items()
    ]
    columns = ("label", "trained, by seed", "untrained", "gap of intervals", "disjoint in all")
    show("AUROC (binary labels) and R² of linear probes", columns, rows)
    emit("demo_quality", {"seeds": args.seeds, "labels": figures})


if __name__ == "__main__":
    main()
