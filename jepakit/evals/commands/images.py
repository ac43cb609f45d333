"""``evaluate.py images``: ImageNet-style probes of frozen features on labelled pictures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

# Everything else is imported when called, so that `--help` does not wait for torch; not for types
# alone either, since the parser would import it to look them up.


@dataclass(frozen=True)
class ImageOptions:
    """How pictures are probed.

    Args:
        share: Share of the training labels that the few-label probe sees.
        share_draws: Class-balanced draws of that share.
        checkpoint: The last state, or the one with the best monitored value.
        encoder: The moving-average target encoder, or the context encoder.
        still: Repeat a picture to a clip, or use the image tokenizer of V-JEPA 2.1.
        levels: How many of the last levels the wider linear probe reads.
        crop: Share of the largest centred square that is seen; 0.875 is 224 of 256 pixels.
        steps: Optimizer steps of the linear probes; by default 10 epochs and at least 500.
        selection: Share of the training pictures of each class held out to choose by.
        untrained: Draws of the untrained network's weights.
        pixels: Side of the shrunk pictures of the pixel control.
        timm: Architecture of a reference encoder, with --timm_weights.
        timm_weights: File of the reference's weights; nothing is fetched.
        bad_sample_budget: Share of pictures that may be damaged.
        draws: Bootstrap draws, of test pictures.
        seed: Of the parts, the draws and the probes.
        batch_size: Pictures per forward pass.
        workers: Decoding processes; 0 decodes in this one.
        device: Where networks and probes run; auto takes a GPU where there is one.
    """

    share: float = 0.01
    share_draws: int = 3
    checkpoint: Literal["last", "best"] = "last"
    encoder: Literal["target", "context"] = "target"
    still: Literal["repeat", "image"] = "repeat"
    levels: int = 4
    crop: float = 0.875
    steps: int | None = None
    selection: float = 0.2
    untrained: int = 1
    pixels: int = 16
    timm: str | None = None
    timm_weights: str | None = None
    bad_sample_budget: float = 0.01
    draws: int = 2000
    seed: int = 0
    batch_size: int = 64
    workers: int = 0
    device: str = "auto"

    def source(self) -> Any:
        """What of the run is probed, an ``ImageSource``."""
        from jepakit.evals.images.run_images import ImageSource

        return ImageSource(
            checkpoint=self.checkpoint,
            encoder=self.encoder,
            still=self.still,
            levels=self.levels,
            crop=self.crop,
            untrained=self.untrained,
            pixels=self.pixels,
            timm=self.timm,
            timm_weights=self.timm_weights,
            budget=self.bad_sample_budget,
            batch_size=self.batch_size,
            workers=self.workers,
            device=self.device,
        )

    def settings(self, neighbours: Sequence[int]) -> Any:
        """How its features are read, as ``ImageSettings``."""
        from jepakit.evals.images.image_readouts import ImageSettings
        from jepakit.evals.images.linear_sweep import LinearSweep

        return ImageSettings(
            share=self.share,
            share_draws=self.share_draws,
            neighbours=tuple(neighbours),
            sweep=LinearSweep(steps=self.steps, seed=self.seed),
            selection=self.selection,
            draws=self.draws,
            seed=self.seed,
        )


OPTIONS = ImageOptions()  # as they are by default


def images(
    run: str,
    *,
    train: str,
    test: str,
    neighbours: Sequence[int] = (10, 20, 100, 200),
    options: ImageOptions = OPTIONS,
    out: str | None = None,
) -> None:
    """Image probes of frozen features: kNN, linear and few labels, against three controls.

    Controls: the same network untrained, the pixels, and the majority class. Writes images.json,
    images.md, images.png and scores/images.json.

    Args:
        run: The run folder.
        train: Pictures to learn from: a folder per class, or WebDataset archives.
        test: Pictures to judge on, of the same classes.
        neighbours: Numbers of neighbours of the kNN; all are reported, one is chosen.
        options: How pictures are probed.
        out: Folder of the results; the run folder if not given.
    """
    from rich.console import Console
    from rich.progress import Progress

    from jepakit.evals.figures import to_png
    from jepakit.evals.images.image_console import print_images
    from jepakit.evals.images.image_forest import image_forest
    from jepakit.evals.images.run_images import RunImages

    try:
        source, settings = options.source(), options.settings(neighbours)
        with Progress(transient=True) as progress:
            subject = RunImages(Path(run), train, test, source=source, settings=settings)
            result = subject.measure(progress)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py images: {error}")
    print_images(result)
    paths = result.write(Path(out or run))
    paths.append(Path(out or run) / "images.png")
    paths[-1].write_bytes(to_png(image_forest(result)))
    Console().print("Written:", *map(str, paths), highlight=False)
