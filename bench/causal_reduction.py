"""Which reduction of the causal loss trains better: the paper's sum over the width, or the mean.

Run ``python -m bench.causal_reduction``: the demo's recipe with either, probed alike. It is the
bench behind the recipes' ``causal_loss.reduction``.
"""

from __future__ import annotations

import argparse
from statistics import mean

from bench.demo_quality import METRIC, probed
from bench.harness import emit, show
from jepakit.evals.probes.probe_result import ENCODER

OPTION = "--model.init_args.causal_loss.reduction"


def main() -> None:
    """Train, probe, compare; print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--data", default="datasets/demo")
    parser.add_argument("--runs", default="runs")
    args = parser.parse_args()
    scores: dict[str, dict[str, list[float]]] = {}
    for reduction in ("mean", "sum"):
        for seed in range(args.seeds):
            # The demo's own runs serve for its own choice.
            name = f"demo-seed{seed}" if reduction == "mean" else f"demo-sum-seed{seed}"
            result = probed(name, seed, args.runs, args.data, [OPTION, reduction])
            for label in result.labels:
                estimate = label.score(ENCODER, METRIC[label.kind]).interval.estimate
                row = scores.setdefault(label.label, {"mean": [], "sum": []})
                row[reduction].append(estimate)
    means = {name: (mean(row["mean"]), mean(row["sum"])) for name, row in scores.items()}
    means["average"] = mean(m for m, _ in means.values()), mean(s for _, s in means.values())
    rows = [[name, *pair] for name, pair in means.items()]
    show("AUROC or R² of linear probes, mean over seeds", ("label", "mean", "sum"), rows)
    emit("causal_reduction", {"seeds": args.seeds, "scores": scores})


if __name__ == "__main__":
    main()
