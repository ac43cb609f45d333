"""A study whose numbers are made up: all parts, defined and undefined."""

import numpy as np

from jepakit.evals.states.caveats import CEILING, IDENTITY, IN_SAMPLE, OVERLAP, RANDOM_WEAK
from jepakit.evals.states.effects.portability import Portability
from jepakit.evals.states.result import EffectRow, PortableRow, SparseLayer, StudyResult
from jepakit.evals.statistics import Interval
from jepakit.interp.alignment import RetainedEffect

LAYERS = ("embed", *(f"blocks.{i:02d}.out" for i in range(24)), "norm")
UNDEFINED = "the effect of its own subspace, 0.01, is below 0.05"
IMPOSSIBLE = "no random subspace of rank 7 catches 93 % of the variance"
FEW_SOURCES = "The 400 clips come from 9 sources."
CAVEATS = (IN_SAMPLE, OVERLAP, RANDOM_WEAK, IDENTITY, CEILING, FEW_SOURCES)
ALPHAS = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)


def study(*, data="scs", seed=0, model="encoder of a test", caveats=CAVEATS, lean=False, **facts):
    rng = np.random.default_rng(seed)
    curve = 0.125 + 0.875 / (1 + np.exp(-(np.arange(26) - 4.0)))
    accuracy = np.clip(curve[:, None] + rng.normal(0, 0.02, (26, 5)), 0, 1)
    chosen = ("blocks.07.out",) * 4 + ("blocks.08.out",)
    least = {
        "facts": {"model": model, "data": data, **facts},
        "layers": LAYERS,
        "accuracy": accuracy,
        "chance": 0.125,
        "chosen": chosen,
        "rows": rows(),
        "before": 0.97,
    }
    if lean:
        return StudyResult(**least)
    return StudyResult(
        **least,
        sparse=tuple(sparse(i) for i in (1, 9, 18, 25)),
        p_value=0.05,
        null=tuple(rng.normal(0, 0.02, 19).tolist()),
        success={
            "causal": interval(0.9),
            "random": interval(0.03),
            "whole": interval(0.99),
            "nothing": interval(0.01),
            "donor gain": interval(0.85),
            "source drop": interval(0.88),
        },
        steering={
            "causal": {a: interval(0.2 * (a - 1) ** 2 / (1 + 0.2 * (a - 1) ** 2)) for a in ALPHAS},
            "random": {a: interval(0.002 * (a - 1) ** 2) for a in ALPHAS},
        },
        portable=tuple(
            portable(method, layer, rng)
            for method in ("pca", "dim", "sparse")
            for layer in LAYERS[8:11]
        ),
        caveats=caveats,
    )


def interval(value, width=0.02):
    return Interval(value, value - width, value + width)


def rows():
    return (
        EffectRow(
            "causal",
            "blocks.07.out (4 of 5), blocks.08.out (1 of 5)",
            interval(0.81),
            0.01,
            absolute=0.815,
            accuracy_drop=0.86,
            normalised=0.9586,
        ),
        EffectRow("random", "blocks.07.out", interval(0.012), 0.002, "67.5x [40, 110]"),
        EffectRow("early", "blocks.04.out", interval(0.4), 0.02, "2.02x [1.9, 2.2]"),
        EffectRow("equal_norm", "blocks.07.out", interval(-0.001, 0.003), 0.001, ">= 405x"),
        EffectRow("shuffled", "blocks.07.out", interval(0.15), 0.01, "5.4x [5, 6]"),
        EffectRow("rotated", "blocks.07.out", interval(-0.01, 0.002), 0.001, "undefined"),
        EffectRow("energy", "blocks.07.out", None, None, impossible=IMPOSSIBLE),
    )


def sparse(place):
    accuracy = 0.125 + 0.87 * min(1.0, place / 9)
    converged = place != 18
    return SparseLayer(LAYERS[place], accuracy, 0.01, 300 + 9 * place, 1024, 450, converged)


def portable(method, layer, rng):
    low = {"pca": 0.4, "dim": 0.4, "sparse": 0.1}[method]
    undefined = (method, layer) == ("sparse", "blocks.07.out")
    retained = RetainedEffect(0.98, None, (0.9, 1.06), 0.97)
    if undefined:
        retained = RetainedEffect(None, UNDEFINED, None, None)
    return PortableRow(
        method,
        layer,
        Portability(
            alignment=low + rng.normal(0, 0.03, 5),
            energy_weighted=low + 0.4 + rng.normal(0, 0.02, 5),
            spectrum=np.linspace(0.98, 0.02, 7) ** (1 if method != "sparse" else 4),
            chance=7 / 1024,
            ceiling=(low - 0.03, low + 0.05),
            retained=retained,
            own=0.01 if undefined else 0.8,
            cross=0.79,
        ),
    )
