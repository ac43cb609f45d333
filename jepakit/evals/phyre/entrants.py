"""Who enters a PHYRE evaluation of a trained run: its encoder, and what that has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.progress import Progress

from jepakit.evals.controls import pixel_featuriser, random_init
from jepakit.evals.features import Featuriser, encoder_featuriser
from jepakit.evals.phyre.evaluation import Entrant
from jepakit.evals.phyre.feature_probe import FeatureProbe
from jepakit.evals.phyre.memory import NearestSuccess, NeighbourRate
from jepakit.evals.phyre.ranking import RandomAgent
from jepakit.evals.phyre.scene_features import SceneFeatures
from jepakit.evals.probe_result import ENCODER
from jepakit.evals.run_probe import PIXELS, RANDOM, Which, encoder_of
from jepakit.protocols import Encoder
from jepakit.training.runs import build_run, load_run

RANDOM_ORDERS = 20
"""Repetitions of the random agent; cheap, and their mean moves little."""


@dataclass(frozen=True)
class PhyreProbes:
    """How probes look at actions.

    Attributes:
        checkpoint: the last state, or the one with the best monitored value.
        encoder: the EMA target encoder, or the context encoder.
        negatives: unsolved actions learnt from for each solved one.
        untrained: draws of the untrained encoder's weights.
        pixels: side of the shrunk pictures of the pixel control.
        batch_size: pictures per forward pass.
        device: where encoders run; ``auto`` takes a GPU where there is one.
        seed: of the probes and of the random agent.
    """

    checkpoint: Literal["last", "best"] = "last"
    encoder: Which = "target"
    negatives: int = 4
    untrained: int = 1
    pixels: int = 16
    batch_size: int = 64
    device: str = "auto"
    seed: int = 0


def entrants_of(
    run: Path, options: PhyreProbes, progress: Progress | None = None
) -> dict[str, Entrant]:
    """The probe of the run's encoder first, then untrained, pixels, memory and random agents.

    Raises:
        FileNotFoundError: no run, or no such checkpoint.
        ValueError: a run without an encoder of square clips, or negatives or untrained below 1.
    """
    if min(options.negatives, options.untrained) < 1:
        raise ValueError(
            f"Need negatives and untrained of 1 or more, got {options.negatives} and "
            f"{options.untrained}."
        )
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    trained = encoder_of(load_run(run, options.checkpoint).to(device), options.encoder)
    featurisers = {ENCODER: encoder_featuriser(trained), PIXELS: _pixels(options.pixels)}
    for seed in range(options.untrained):
        module = random_init(lambda: build_run(run), seed).to(device)
        featurisers[f"{RANDOM} {seed}"] = encoder_featuriser(encoder_of(module, options.encoder))
    features = SceneFeatures(
        featurisers,
        trained.request,
        device=device,
        batch_size=options.batch_size,
        progress=progress,
    )
    return _entered(features, trained, options)


def _entered(features: SceneFeatures, trained: Encoder, options: PhyreProbes) -> dict[str, Entrant]:
    def probe(name: str, components: int | None = None) -> FeatureProbe:
        return FeatureProbe(
            features.named(name), options.negatives, components=components, seed=options.seed
        )

    which = "EMA target encoder" if options.encoder == "target" else "context encoder"
    untrained = [probe(f"{RANDOM} {seed}") for seed in range(options.untrained)]
    orders = [RandomAgent(options.seed + number) for number in range(RANDOM_ORDERS)]
    return {
        ENCODER: Entrant(
            [probe(ENCODER)],
            f"logistic probe on the trained {which}, frozen; it sees the initial scene with the "
            f"action drawn in, as a clip of {trained.request.frames} equal frames, mean over all "
            f"tokens: {trained.width} values",
        ),
        RANDOM: Entrant(
            untrained, f"the same probe on the untrained network, {options.untrained} draws"
        ),
        PIXELS: Entrant(
            [probe(PIXELS, trained.width)],
            f"the same probe on the picture shrunk to {options.pixels} x {options.pixels} pixels, "
            f"at most {trained.width} principal components of the training pictures",
        ),
        "MEM nearest": Entrant([NearestSuccess()], _memory("distance to the nearest success")),
        "MEM rate": Entrant([NeighbourRate()], _memory("share of successes among 100 neighbours")),
        "random": Entrant(orders, f"actions in random order, {RANDOM_ORDERS} orders"),
    }


def _memory(how: str) -> str:
    return (
        f"{how} in action space, over train and dev tasks; of the task's own template where it "
        "has been seen. Does not look at the scene"
    )


def _pixels(side: int) -> Featuriser:
    shrink = pixel_featuriser(side)
    return lambda frames: shrink(frames[:, :1])
