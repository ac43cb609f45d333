"""Whether the analysis of states finds what is there: ``python -m bench.state_calibration``.

On labels that mean nothing the cross-fitted effect has to be 0 within its own error and the p of
permuted labels uniform; the in-sample effect stands beside it. On the structured proxy, whose
variable is known, layer, effect, controls, patching and portability have to come out as built in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jsonargparse import auto_cli
from scipy.stats import kstest

from bench.harness import emit, show
from jepakit.evals.permutation_tests import permutation_p
from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.effects.pipeline_null import pipeline_effect, pipeline_null
from jepakit.evals.states.effects.portability import portability
from jepakit.evals.states.probes.layer_curve import LayerCurve
from jepakit.evals.states.run_states import PROXY_TURN, PROXY_TURNED_SNR, proxy_activations
from jepakit.evals.states.settings import StudySettings
from jepakit.evals.states.study import Study

NOISE = {"clips": 400, "width": 256, "classes": 8}
SMALL = {"clips": 96, "width": 24, "classes": 4, "folds": 3, "permutations": 19}
"""Of the p values: the test is as exact in a small set, and 4,000 pipelines take minutes."""
LEAN = StudySettings(
    layer="noise", controls=(), draws=1, pairs=0, permutations=0, portable_layers=0, bootstrap=100
)
ONSET_ACCURACY = 0.85
LAYER = "blocks.18.out"
FROM = 18


@dataclass(frozen=True)
class Figure:
    """One figure with what it has to be."""

    name: str
    value: float
    asked: str
    met: bool


def noise(clips: int, width: int, classes: int, seed: int) -> Activations:
    """Normal activations and labels that have nothing to do with them."""
    rng = np.random.default_rng([7, seed])
    return Activations(
        model="noise",
        values={"noise": rng.standard_normal((clips, width))},
        labels=rng.permutation(np.arange(clips) % classes),
        groups=np.arange(clips),
        classes=tuple(map(str, range(classes))),
    )


def noise_figures(draws: int) -> Iterator[Figure]:
    """Cross-fitted effects in units of their own standard error, and in-sample ones."""
    within, crossfit, paper = 0, [], []
    for seed in range(draws):
        drawn = noise(**NOISE, seed=seed)
        row = Study(drawn, replace(LEAN, seed=seed), {}).run().rows[0]
        assert row.effect is not None
        assert row.standard_error is not None
        crossfit.append(row.effect.estimate)
        within += abs(row.effect.estimate) <= 2 * row.standard_error
        paper.append(pipeline_effect(drawn, "noise", protocol="paper", seed=seed))
    least = draws - max(1, draws // 20)
    yield Figure(
        f"noise: crossfit CE within 2 SE of 0, of {draws}",
        float(within),
        f">= {least}",
        within >= least,
    )
    yield Figure("noise: mean crossfit CE", float(np.mean(crossfit)), "about 0", True)
    yield Figure("noise: mean in-sample CE (paper)", float(np.mean(paper)), "an artefact", True)
    wide = noise(**NOISE | {"width": 1024}, seed=0)
    effect = pipeline_effect(wide, "noise", protocol="paper")
    yield Figure("noise: the same at width 1024", effect, "about 0.84", True)


def permutation_figures(draws: int) -> Iterator[Figure]:
    """Whether p under permuted labels is uniform.

    p comes in steps of 1 / (permutations + 1); a uniform share of a step is taken off, which makes
    it continuous and, where the test is exact, uniform.
    """
    o = SMALL
    rng, values = np.random.default_rng(8), np.empty(draws)
    for seed in range(draws):
        drawn = noise(o["clips"], o["width"], o["classes"], seed)
        observed = pipeline_effect(drawn, "noise", protocol="crossfit", folds=o["folds"], seed=seed)
        null = pipeline_null(
            drawn,
            "noise",
            permutations=o["permutations"],
            protocol="crossfit",
            folds=o["folds"],
            seed=seed,
        )
        values[seed] = permutation_p(observed, null) - rng.random() / (len(null) + 1)
    uniform = float(kstest(values, "uniform").pvalue)
    yield Figure(f"permutation p, {draws} draws: KS p", uniform, "> 0.01", uniform > 0.01)
    share = float((values <= 0.05).mean())
    yield Figure("share of p <= 0.05", share, "about 0.05", True)


def proxy_figures() -> Iterator[Figure]:
    """The structured proxy at one layer, and the time of a whole study."""
    proxy = proxy_activations()
    asked = StudySettings(portable_methods=("pca", "dim"))
    start, start_cpu = time.perf_counter(), time.process_time()
    Study(proxy, asked, {}).run()
    wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    fixed = replace(asked, layer=LAYER, permutations=0, portable_layers=0)
    result = Study(proxy, fixed, {}).run()
    effects = {row.name: row.effect.estimate for row in result.rows if row.effect}
    curve = LayerCurve(result.layers, result.accuracy)
    onset = curve.onset(ONSET_ACCURACY)
    number = float(result.layers.index(onset)) if onset else float("nan")
    yield Figure("proxy: onset layer (accuracy 0.85)", number, "14 +- 1", abs(number - 14) <= 1)
    late = float(curve.mean[FROM:].min())
    yield Figure("proxy: least accuracy from layer 18", late, "1.0", late == 1.0)
    bars = {"causal": (0.80, 1), "random": (0.01, -1), "early": (0.05, -1)}
    for name, (bar, sign) in bars.items():
        value = effects[name]
        text = f"{'>=' if sign > 0 else '<='} {bar}"
        yield Figure(f"proxy: CE at layer 18, {name}", value, text, sign * (value - bar) >= 0)
    for name in ("equal_norm", "shuffled", "rotated", "energy"):
        yield Figure(f"proxy: CE at layer 18, {name}", effects[name], "", True)
    psr = result.success["causal"].estimate
    yield Figure("proxy: patching success rate", psr, ">= 0.98", psr >= 0.98)
    yield Figure("24 layers x 400 clips, whole study: wall s", wall, "<= 180", wall <= 180)
    yield Figure("the same in CPU s", cpu, "", True)


def turned_figures() -> Iterator[Figure]:
    """Two proxies whose bases are turned against each other."""
    first, second = (
        proxy_activations(snr=PROXY_TURNED_SNR, phi=phi, seed=seed)
        for seed, phi in enumerate((0.0, PROXY_TURN))
    )
    found = portability(first, second, first.layers[-1])
    sas, rce = float(found.alignment.mean()), found.retained.value or float("nan")
    turn = f"turned by {PROXY_TURN:g} degrees"
    yield Figure(f"{turn}: SAS", sas, "0.65 +- 0.05", abs(sas - 0.65) <= 0.05)
    yield Figure(f"{turn}: RCE", rce, "0.35 +- 0.05", abs(rce - 0.35) <= 0.05)


def main(*, quick: bool = False) -> None:
    """Print every figure with what it has to be.

    Args:
        quick: 6 draws of noise instead of 20, and 40 p values instead of 200.
    """
    figures = [*proxy_figures(), *turned_figures(), *noise_figures(6 if quick else 20)]
    figures += permutation_figures(40 if quick else 200)
    rows = [(f.name, f.value, f.asked, "yes" if f.met else "NO") for f in figures]
    show("calibration of the analysis of states", ("figure", "value", "asked", "met"), rows)
    emit(
        "state_calibration",
        {
            "quick": quick,
            "figures": {f.name: f.value for f in figures},
            "missed": [f.name for f in figures if not f.met],
        },
    )


if __name__ == "__main__":
    auto_cli(main)
