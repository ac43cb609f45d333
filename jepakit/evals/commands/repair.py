"""``evaluate.py repair``: what occlusion does inside an encoder, and which parts take it back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jepakit.command_line import shared_fields, typed_command

# Everything else is imported when called, so that `--help` does not wait for torch.


@dataclass(frozen=True)
class RepairOptions:
    """What is hidden, in which images.

    Args:
        data: Images with masks; a folder in the layout of kind, or a data set of data_prep.
        kind: coco (panoptic), pets (Oxford-IIIT), voc (2012), scenes (first frames of a data set of
            ours, every object an item) or scene_clips (whole clips, objects hidden as tubes).
        split: Of a data set of ours.
        how: Arrangement of the background tokens that stand against the object.
        max_tokens: Hidden in a frame at most.
        budget: Share of the object's tokens that is hidden.
        fill: What hidden pixels become, before normalisation.
        untrained: Measure the first model with fresh weights beside it.
        checkpoint: The last state of a run, or the one with the best monitored value.
        encoder: The moving-average target encoder of a run, or the context encoder.
        crop: Share of the largest centred window that is seen.
        batch_size: Images per pass.
        device: Where models run; auto takes a GPU where there is one.
        seed: Of slices, masks, donors and intervals.
    """

    data: str
    kind: Literal["coco", "pets", "voc", "scenes", "scene_clips"] = "scenes"
    split: str = "val"
    how: Literal["compact", "scattered", "same_shape", "radial_matched"] = "compact"
    max_tokens: int = 64
    budget: float = 1.0
    fill: Literal["black", "mean", "noise", "blur"] = "black"
    untrained: bool = True
    checkpoint: Literal["last", "best"] = "last"
    encoder: Literal["target", "context"] = "target"
    crop: float = 1.0
    batch_size: int = 16
    device: str = "auto"
    seed: int = 0


def repair(
    models: list[str],
    *,
    options: RepairOptions,
    tables: Sequence[
        Literal["1", "2", "3", "4", "sweep", "geometry", "proxy", "budget", "predictor"]
    ] = ("1", "2", "4"),
    slices: Sequence[str] = (),
    out: str | None = None,
) -> None:
    """Late semantic repair: occlusion drift, and activation patching that takes it back.

    Hides an object or as much background, follows the change of the tokens block by block, and
    patches clean activations into the occluded run; beside the paper's values, controls and an
    untrained twin. Writes repair.html, repair.md, repair.json and pictures.

    Args:
        models: Run folders, or folders of Hugging Face models (I-JEPA, V-JEPA 2, MAE, BEiT); all
            are compared.
        options: What is hidden, in which images.
        tables: Drift, several models and token counts (1, 3, 4 of the paper) always come; on demand
            2 (rescue by groups of sites), sweep (every block and part), geometry (rectangles),
            proxy (a linear predictor), budget (rescue by share of the tokens, Figure 6), and
            predictor (of run folders: how much of its error on what is hidden each site carries).
        slices: Balanced slices, CLASSESxIMAGES, such as 4x3 8x3; all usable images by default.
        out: Folder of the results; MODEL/repair_KIND if not given.
    """
    from rich.progress import Progress

    from jepakit.evals.repair.images.occluded_images import OcclusionRule
    from jepakit.evals.repair.page.repair_console import print_repair
    from jepakit.evals.repair.page.repair_report import write_repair
    from jepakit.evals.repair.run_repair import RepairRequest, RunRepair

    rule = OcclusionRule(**shared_fields(options, OcclusionRule))
    asked = {"rule": rule, "tables": tuple(tables), "slices": tuple(slices)}
    request = RepairRequest(**shared_fields(options, RepairRequest) | asked)
    folder = Path(out) if out else Path(models[0]) / f"repair_{options.kind}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with Progress(transient=True) as progress:
            result = RunRepair([Path(m) for m in models], request, folder, progress).measure()
    except (FileNotFoundError, ValueError, OSError) as error:
        sys.exit(f"evaluate.py repair: {error}")
    print_repair(result)
    print("Written:", *write_repair(result, folder, command=typed_command()))  # noqa: T201
