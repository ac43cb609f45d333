"""From a run folder and two folders of labelled pictures to probe accuracies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.progress import Progress

from jepakit.evals.images.image_evaluation import Entrant, evaluate_images
from jepakit.evals.images.image_features import (
    ImageFeaturiser,
    encoder_levels,
    image_features,
    picture_pixels,
)
from jepakit.evals.images.image_folders import open_images
from jepakit.evals.images.image_frames import ImageFrames
from jepakit.evals.images.image_readouts import ImageSettings, LabelPlan
from jepakit.evals.images.image_result import ImageResult
from jepakit.evals.images.image_set import check_sides
from jepakit.evals.probes.controls import random_init
from jepakit.evals.probes.probe_result import ENCODER
from jepakit.evals.probes.run_probe import PIXELS, RANDOM, Which, encoder_of
from jepakit.protocols import Encoder
from jepakit.training.module import JepaModule
from jepakit.training.runs import build_run, load_run


@dataclass(frozen=True)
class ImageSource:
    """What of a run is probed, and how it looks at pictures.

    Attributes:
        checkpoint: the last state, or the one with the best monitored value.
        encoder: the EMA target encoder, or the context encoder.
        still: repeat a picture to a clip, or give it as one frame to an encoder that has a
            tokenizer for still images.
        levels: how many of the last levels the wider linear probe reads.
        crop: share of the largest centred window of a picture that is seen.
        untrained: draws of the untrained network's weights.
        pixels: side of the shrunk pictures of the pixel control.
        timm: architecture of a reference encoder.
        timm_weights: file of its weights.
        budget: share of damaged pictures that is tolerated on either side.
        batch_size: pictures per forward pass.
        workers: decoding processes.
        device: where networks and probes run; ``auto`` takes a GPU where there is one.
    """

    checkpoint: Literal["last", "best"] = "last"
    encoder: Which = "target"
    still: Literal["repeat", "image"] = "repeat"
    levels: int = 4
    crop: float = 0.875
    untrained: int = 1
    pixels: int = 16
    timm: str | None = None
    timm_weights: str | None = None
    budget: float = 0.01
    batch_size: int = 64
    workers: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse counts below 1, a reference without weights, and a GPU that is not there."""
        for name in ("levels", "untrained", "pixels", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.workers < 0:
            raise ValueError(f"workers must be 0 or more, got {self.workers}.")
        if (self.timm is None) != (self.timm_weights is None):
            raise ValueError(
                "A timm reference needs both --timm NAME and --timm_weights FILE; nothing is "
                f"fetched, got {self.timm} and {self.timm_weights}."
            )

        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise ValueError(f"device is {self.device} and there is no GPU here; use cpu or auto.")

    @property
    def place(self) -> torch.device:
        """Where networks and probes run."""
        if self.device != "auto":
            return torch.device(self.device)
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class RunImages:
    """A trained run, its untrained twins and labelled pictures, opened and held together.

    Args:
        run: the run folder.
        train: pictures to learn from: class folders, or WebDataset archives.
        test: pictures to judge on.
        source: what is probed.
        settings: how.

    Raises:
        FileNotFoundError: no run, or no such checkpoint.
        ValueError: a run without an encoder of clips, or pictures that cannot be probed.
    """

    def __init__(
        self,
        run: Path,
        train: str,
        test: str,
        *,
        source: ImageSource | None = None,
        settings: ImageSettings | None = None,
    ) -> None:
        self.run = run
        self.source, self.settings = source or ImageSource(), settings or ImageSettings()
        sides = {"train": open_images(train), "test": open_images(test)}
        self.classes = check_sides(sides["train"], sides["test"])
        # Refuses small classes before anything is encoded; damage may still make classes small.
        LabelPlan.of(sides["train"].numbers(self.classes), self.classes, self.settings)
        own = self._encoder(load_run(run, self.source.checkpoint))
        self.request = own.request
        self._featurisers, self._entrants = self._entering(own)
        size, crop = self.request.size, self.source.crop
        self._images = {
            side: ImageFrames(images, size, crop=crop) for side, images in sides.items()
        }

    def measure(self, progress: Progress | None = None) -> ImageResult:
        """Take the features of every picture once, and probe them.

        Raises:
            ValueError: too many damaged pictures, features that are not finite, or classes that
                damage has left too small.
        """
        tables = {
            side: image_features(
                self._featurisers,
                images,
                self.classes,
                batch_size=self.source.batch_size,
                workers=self.source.workers,
                budget=self.source.budget,
                device=self.source.place,
                progress=progress,
                title=f"{side} pictures",
            )
            for side, images in self._images.items()
        }
        return evaluate_images(
            self._entrants,
            tables["train"],
            tables["test"],
            self.classes,
            self.settings,
            source=self._told(),
            device=self.source.place,
            progress=progress,
        )

    def _encoder(self, module: JepaModule) -> Encoder:
        try:
            return encoder_of(module.to(self.source.place), self.source.encoder)
        except ValueError as error:
            raise ValueError(
                f"{self.run} has no encoder to probe: {error} Give the run of a model that learns "
                "to encode clips, such as cjepa.CausalJEPA or vjepa2.VJEPA2."
            ) from error

    def _entering(self, own: Encoder) -> tuple[dict[str, ImageFeaturiser], dict[str, Entrant]]:
        """Who makes features of pictures, and what each of them is."""
        o = self.source
        still = o.still == "image"
        trained, levels = encoder_levels(own, levels=o.levels, still=still)
        networks: dict[str, ImageFeaturiser] = {ENCODER: trained}
        for seed in range(o.untrained):
            twin = self._encoder(random_init(lambda: build_run(self.run), seed))
            networks[f"{RANDOM} {seed}"], _ = encoder_levels(twin, levels=o.levels, still=still)
        entrants = {
            ENCODER: Entrant((ENCODER,), self._note(own, levels)),
            RANDOM: Entrant(
                tuple(networks)[1:],
                f"the same network untrained, draws of its weights: {o.untrained}",
            ),
        }
        networks[PIXELS] = picture_pixels(o.pixels)
        entrants[PIXELS] = Entrant(
            (PIXELS,),
            f"pictures shrunk to {o.pixels} x {o.pixels} pixels, {3 * o.pixels**2} values; no "
            "principal components, which standardising would whiten and so weaken",
        )
        if o.timm is not None and o.timm_weights is not None:
            networks[o.timm] = _reference(o.timm, o.timm_weights, o.place)
            note = f"timm's encoder with the weights {Path(o.timm_weights).name}, its pooled output"
            entrants[o.timm] = Entrant((o.timm,), f"{note}; sees the same pixels, resized")
        return networks, entrants

    def _note(self, own: Encoder, levels: int) -> str:
        o = self.source
        which = "EMA target encoder" if o.encoder == "target" else "context encoder"
        frames = self.request.frames
        clip = "one frame" if o.still == "image" else f"a clip of {frames} equal frames"
        return (
            f"the trained {which}, frozen; a picture is {clip}; mean over the tokens of each of "
            f"{levels} levels, {own.width} values each"
        )

    def _told(self) -> dict[str, str]:
        size = " x ".join(map(str, self.request.size))
        return {
            "run": f"{self.run.name}, {self.source.checkpoint} checkpoint",
            "pictures": f"{size} pixels, the centre {self.source.crop:g} of each, from "
            + " and ".join(Path(images.images.path).name for images in self._images.values()),
            "classes": f"{len(self.classes)}",
        }


def _reference(name: str, weights: str, device: torch.device) -> ImageFeaturiser:
    """A published encoder of timm on the same pixels, its pooled output as a single level."""
    from jepakit.evals.probes.timm_control import timm_featuriser  # timm takes a second to import

    pooled = timm_featuriser(name, Path(weights), device)
    return lambda pictures: pooled(pictures.unsqueeze(1)).unsqueeze(1)
