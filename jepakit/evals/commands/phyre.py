"""``evaluate.py phyre``: AUCCESS on the official PHYRE folds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jepakit.command_line import shared_fields

# Everything else is imported when called, so that `--help` does not wait for torch.

Setup = Literal[
    "ball_cross_template",
    "ball_within_template",
    "two_balls_cross_template",
    "two_balls_within_template",
]


@dataclass(frozen=True)
class PhyreOptions:
    """How PHYRE is measured.

    Args:
        setup: Tier of the tasks, and whether templates or only tasks are new in the test part.
        tasks: tasks.bin.lzma; by default where `python -m worlds.phyre.fetch` puts it.
        tasks_per_template: Tasks of each template in each part of a fold; 0 takes all.
        test_tasks_per_template: The same for the test part alone; as many by default.
        actions: Valid uniform actions per train and dev task that agents learn from.
        aimed: Further actions per train task, drawn near solutions; 0 for none.
        candidates: Valid uniform actions per test task that agents rank, 100 or more; only the
            first 100 of each agent are simulated.
        bank: Folder that keeps actions and outcomes for later evaluations of any run.
        checkpoint: The last state, or the one with the best monitored value.
        encoder: The moving-average target encoder, or the context encoder.
        hidden: What is removed for the interventional probe: the user's balls, the two bodies that
            have to touch, each of the two in turn, or none, which leaves that probe out.
        negatives: Unsolved actions that probes learn from for each solved one.
        untrained: Draws of the untrained network's weights; 0 leaves these controls out.
        pixels: Side of the shrunk pictures of the pixel control.
        timm: Name of a control among timm's image models, such as vit_base_patch16_224.
        timm_weights: File of its weights, safetensors or PyTorch; nothing is downloaded.
        draws: Bootstrap draws, of tasks and of folds.
        seed: Of the actions, the probes and the bootstrap.
        workers: Simulating processes; 0 simulates in this one.
        batch_size: Pictures per forward pass.
        device: Where encoders run; auto takes a GPU where there is one.
    """

    setup: Setup = "ball_cross_template"
    tasks: str | None = None
    tasks_per_template: int = 10
    test_tasks_per_template: int | None = None
    actions: int = 200
    aimed: int = 0
    candidates: int = 200
    bank: str = "datasets/phyre_actions"
    checkpoint: Literal["last", "best"] = "last"
    encoder: Literal["target", "context"] = "target"
    hidden: Literal["ball", "goal", "each", "none"] = "ball"
    negatives: int = 4
    untrained: int = 1
    pixels: int = 16
    timm: str = ""
    timm_weights: str = ""
    draws: int = 2000
    seed: int = 0
    workers: int = 0
    batch_size: int = 64
    device: str = "auto"


OPTIONS = PhyreOptions()  # as they are by default


def phyre(
    run: str,
    *,
    folds: Sequence[int] = (0,),
    options: PhyreOptions = OPTIONS,
    out: str | None = None,
) -> None:
    """AUCCESS on the official PHYRE folds: probes of a run's frozen features against controls.

    Two probes: of the encoder, and of what its predictor says when objects are hidden. Controls:
    the untrained network, the pixels, an image model of timm (where given), memory of what solved
    other tasks (two kinds), and random actions. Writes phyre_SETUP.json, phyre_SETUP.md and
    scores/phyre_SETUP.json.

    Args:
        run: The run folder.
        folds: Official folds, 0 to 9; papers report the mean over all ten.
        options: How PHYRE is measured.
        out: Folder of the results; the run folder if not given.
    """
    from rich.console import Console
    from rich.progress import Progress

    from jepakit.evals.phyre.action_bank import ActionBank
    from jepakit.evals.phyre.console import print_phyre
    from jepakit.evals.phyre.entrants import PhyreProbes, entrants_of
    from jepakit.evals.phyre.evaluation import check, evaluate, fold_banks, official_tasks
    from jepakit.evals.phyre.result import PhyreSettings

    settings = PhyreSettings(folds=tuple(folds), **shared_fields(options, PhyreSettings))
    probes = PhyreProbes(**shared_fields(options, PhyreProbes))
    try:
        check(settings)
        with Progress(transient=True) as progress:
            line_up = entrants_of(Path(run), probes, progress)
            every = official_tasks(options.tasks)
            bank = ActionBank(options.bank, seed=options.seed, workers=options.workers)
            parts = fold_banks(every, bank, settings, progress)
            source = {"run": f"{Path(run).name}, {options.checkpoint} checkpoint"}
            source |= {f"left out, {name}": why for name, why in line_up.left_out.items()}
            result = evaluate(
                line_up.entrants, parts, bank, settings, source=source, progress=progress
            )
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"evaluate.py phyre: {error}")
    print_phyre(result)
    paths = result.write(Path(out or run))
    Console().print("Written:", *map(str, paths), highlight=False)
