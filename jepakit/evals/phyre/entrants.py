"""Who enters a PHYRE evaluation of a trained run: its encoder, and what that has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.progress import Progress

from jepakit.counted import counted
from jepakit.evals.phyre.evaluation import Entrant
from jepakit.evals.phyre.feature_probe import FeatureProbe
from jepakit.evals.phyre.intervention import HIDDEN, Hidden, intervention_featuriser
from jepakit.evals.phyre.memory import NearestSuccess, NeighbourRate
from jepakit.evals.phyre.ranking import Agent, RandomAgent
from jepakit.evals.phyre.result import INTERVENTION
from jepakit.evals.phyre.scene_features import SceneFeatures, SceneFeaturiser, of_frames
from jepakit.evals.probes.controls import pixel_featuriser, random_init
from jepakit.evals.probes.features import Featuriser, encoder_featuriser
from jepakit.evals.probes.probe_result import ENCODER
from jepakit.evals.probes.run_probe import PIXELS, RANDOM, Which, encoder_of
from jepakit.evals.probes.timm_control import timm_featuriser
from jepakit.protocols import Encoder, Intervenes
from jepakit.training.module import JepaModule
from jepakit.training.runs import build_run, load_run

UNTRAINED_INTERVENTION = f"{INTERVENTION}, {RANDOM}"
TIMM = "timm"
RANDOM_ORDERS = 20
"""Repetitions of the random agent; cheap, and their mean moves little."""


@dataclass(frozen=True)
class PhyreProbes:
    """How probes look at actions.

    Attributes:
        checkpoint: the last state, or the one with the best monitored value.
        encoder: the EMA target encoder, or the context encoder.
        hidden: what the interventional probe removes from the scene; ``none`` leaves it out.
        negatives: unsolved actions learnt from for each solved one.
        untrained: draws of the untrained network's weights; 0 leaves these controls out.
        pixels: side of the shrunk pictures of the pixel control.
        timm: name of a control among timm's models; none if empty.
        timm_weights: file of its weights.
        batch_size: pictures per forward pass.
        device: where encoders run; ``auto`` takes a GPU where there is one.
        seed: of the probes and of the random agent.
    """

    checkpoint: Literal["last", "best"] = "last"
    encoder: Which = "target"
    hidden: Hidden = "ball"
    negatives: int = 4
    untrained: int = 1
    pixels: int = 16
    timm: str = ""
    timm_weights: str = ""
    batch_size: int = 64
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class LineUp:
    """Agents by name, the model's first, and why others did not enter."""

    entrants: Mapping[str, Entrant]
    left_out: Mapping[str, str]


def entrants_of(run: Path, options: PhyreProbes, progress: Progress | None = None) -> LineUp:
    """Probes of the run's encoder and of its predictor, then their controls.

    The predictor of a model that predicts no removal is left out, with the reason.

    Raises:
        FileNotFoundError: no run, no such checkpoint, or no file of timm's weights.
        ValueError: a run without an encoder of square clips, negatives below 1, or a
            timm model without weights of its own.
    """
    if options.negatives < 1 or options.untrained < 0:
        raise ValueError(
            "Need negatives of 1 or more and untrained of 0 or more, got "
            f"{options.negatives} and {options.untrained}."
        )
    if bool(options.timm) != bool(options.timm_weights):
        raise ValueError(
            "Give timm and timm_weights together: the name of the model and the file of its "
            f"weights, since nothing is downloaded. Got {options.timm!r} and "
            f"{options.timm_weights!r}."
        )
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    model = load_run(run, options.checkpoint).to(device)
    twins = [
        random_init(lambda: build_run(run), seed).to(device) for seed in range(options.untrained)
    ]
    trained = encoder_of(model, options.encoder)
    featurisers = _featurisers(model, twins, options)
    if options.timm:
        control = timm_featuriser(options.timm, Path(options.timm_weights), device)
        featurisers[TIMM] = of_frames(control)
    features = SceneFeatures(
        featurisers,
        trained.request,
        device=device,
        batch_size=options.batch_size,
        progress=progress,
    )
    left_out = {}
    if options.hidden != "none" and INTERVENTION not in featurisers:
        left_out[INTERVENTION] = f"{type(model).__name__} does not predict what a removal changes"
    return LineUp(_entered(features, trained, options), left_out)


def _featurisers(
    model: JepaModule, twins: list[JepaModule], options: PhyreProbes
) -> dict[str, SceneFeaturiser]:
    """Of the trained model and its untrained twins, and of the pixels."""
    found = {PIXELS: of_frames(_pixels(options.pixels))}
    named = [(ENCODER, INTERVENTION, model)]
    named += [
        (f"{RANDOM} {seed}", f"{UNTRAINED_INTERVENTION} {seed}", twin)
        for seed, twin in enumerate(twins)
    ]
    for plain, predicted, module in named:
        encoder = encoder_of(module, options.encoder)
        found[plain] = of_frames(encoder_featuriser(encoder))
        if options.hidden != "none" and isinstance(module, Intervenes):
            found[predicted] = intervention_featuriser(module, encoder.request, options.hidden)
    return found


def _entered(features: SceneFeatures, trained: Encoder, options: PhyreProbes) -> dict[str, Entrant]:
    def probe(name: str, components: int | None = None) -> FeatureProbe:
        return FeatureProbe(
            features.named(name), options.negatives, components=components, seed=options.seed
        )

    def untrained(name: str) -> list[Agent]:
        return [probe(f"{name} {seed}") for seed in range(options.untrained)]

    which = "EMA target encoder" if options.encoder == "target" else "context encoder"
    twins = f"the same probe on the untrained network, {counted(options.untrained, 'draw')}"
    entered = {
        ENCODER: Entrant(
            [probe(ENCODER)],
            f"logistic probe on the trained {which}, frozen; it sees the initial scene with the "
            f"action drawn in, as a clip of {trained.request.frames} equal frames, mean over all "
            f"tokens: {trained.width} values",
        ),
    }
    if options.untrained:
        entered[RANDOM] = Entrant(untrained(RANDOM), twins)
    if INTERVENTION in features.featurisers:
        sides = 4 if options.hidden == "each" else 2
        entered[INTERVENTION] = Entrant(
            [probe(INTERVENTION)],
            f"logistic probe on what the trained predictor says when {HIDDEN[options.hidden]} are "
            "hidden from the context encoder: mean latent at the hidden places beside mean "
            f"predicted change of the visible tokens, {sides * trained.width} values "
            "(Causal-JEPA, Algorithm 3, lines 5-7)",
        )
        if options.untrained:
            entered[UNTRAINED_INTERVENTION] = Entrant(untrained(UNTRAINED_INTERVENTION), twins)
    entered[PIXELS] = Entrant(
        [probe(PIXELS, trained.width)],
        f"the same probe on the picture shrunk to {options.pixels} x {options.pixels} pixels, at "
        f"most {trained.width} principal components of the training pictures",
    )
    if TIMM in features.featurisers:
        entered[TIMM] = Entrant(
            [probe(TIMM)],
            f"the same probe on the pooled features of timm's {options.timm}, weights "
            f"{Path(options.timm_weights).name}, of the same picture resized",
        )
    orders = [RandomAgent(options.seed + number) for number in range(RANDOM_ORDERS)]
    return entered | {
        "MEM nearest": Entrant([NearestSuccess()], _memory("distance to the nearest success")),
        "MEM rate": Entrant([NeighbourRate()], _memory("share of successes among 100 neighbours")),
        "random": Entrant(
            orders, f"100 actions in random order, {RANDOM_ORDERS} orders of the same ones"
        ),
    }


def _memory(how: str) -> str:
    return (
        f"{how} in action space, over train and dev tasks; of the task's own template where it "
        "has been seen. Does not look at the scene"
    )


def _pixels(side: int) -> Featuriser:
    shrink = pixel_featuriser(side)
    return lambda frames: shrink(frames[:, :1])
