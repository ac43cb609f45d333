"""``evaluate.py states``: state variables of an encoder, found, intervened on and carried over."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jepakit.command_line import shared_fields

# Everything else is imported when called, so that `--help` does not wait for torch.


@dataclass(frozen=True)
class StatesOptions:
    """What is asked, of what clips.

    Args:
        data: Clips; scs is a white disc in 8 directions, csc the same in clutter, pair two discs
            that bounce or pass, video real ones labelled by their optical flow.
        videos: Folder or list of videos, for video.
        per_class: Clips of each direction; 50 by default, 25 for csc.
        order: Of the frames of drawn clips; reversed turns the label by 180 degrees, shuffled ones
            have no direction, static ones (the mean of all) show an axis only.
        boundary: wrap makes drawn frames a torus, on which no place tells a direction.
        protocol: crossfit judges clips that neither subspace nor classifier has seen; separate also
            fits these two on different clips; paper does everything on everything, in-sample.
        level: network also edits the tokens in the block and runs the rest of the network.
        layer: Where to intervene, such as blocks.07.out; auto takes the earliest within one
            standard error of the best, chosen in each round on its training clips.
        method: How the subspace is found.
        rank: Its dimensions; full is one less than there are classes, var95 catches 95 percent.
        augment: Add the other methods' directions where they are not captured.
        center: mean projects out deviations from the mean only; none, as the paper prints it, also
            takes the mean's own part away, which moves activations off their range; auto is none
            for the paper's protocol and mean otherwise.
        draws: Of every control that is drawn.
        pairs: Trials of patching.
        permutations: Of the labels, for the null of the whole pipeline; 0 for none.
        sparse_layers: Layers with a sparse probe, spread evenly; seconds to minutes each.
        portable_layers: Layers of the portability table, from the chosen one on; 0 for none.
        variables: Compare place, speed, size and contact as well, where they are known.
        untrained: Study the same network with fresh weights beside it.
        other: Another run that takes the same clips, for canonical correlations.
        folds: Of the cross-fitting.
        budget: Clips that are run through the network again.
        checkpoint: The last state, or the one with the best monitored value.
        encoder: The moving-average target encoder, or the context encoder.
        batch_size: Clips per forward pass.
        device: Where encoders run; auto takes a GPU where there is one.
        seed: Of clips, folds and draws.
        store: Folder of the activations, which later calls use again; OUT/activations if not given.
    """

    data: Literal["scs", "csc", "pair", "video"] = "scs"
    videos: str | None = None
    per_class: int | None = None
    order: Literal["forward", "reversed", "shuffled", "static"] = "forward"
    boundary: Literal["inside", "wrap"] = "inside"
    protocol: Literal["crossfit", "separate", "paper"] = "crossfit"
    level: Literal["pooled", "network"] = "pooled"
    layer: str = "auto"
    method: Literal["pca", "dim", "sparse"] = "pca"
    rank: int | Literal["full", "var95"] = "full"
    augment: bool = False
    center: Literal["auto", "none", "mean"] = "auto"
    draws: int = 20
    pairs: int = 200
    permutations: int = 19
    sparse_layers: int = 0
    portable_layers: int = 3
    variables: bool = True
    untrained: bool = True
    other: str | None = None
    folds: int = 5
    budget: int = 64
    checkpoint: Literal["last", "best"] = "last"
    encoder: Literal["target", "context"] = "target"
    batch_size: int = 16
    device: str = "auto"
    seed: int = 0
    store: str | None = None


UNCHANGED = ("forward", "inside")
OPTIONS = StatesOptions()  # as they are by default


def states(
    run: str,
    *,
    portable_methods: Sequence[Literal["pca", "dim", "sparse"]] = ("pca", "dim"),
    perturbed: Sequence[Literal["brightness", "blur", "speed", "radius", "resolution"]] = (),
    options: StatesOptions = OPTIONS,
    out: str | None = None,
) -> None:
    """State variables of a video encoder: where they can be read, and what removing them does.

    Probes by layer, the subspace of the variable, ablation against six controls and permuted
    labels, patching, steering, portability; beside the paper's values and an untrained twin. Writes
    states.html, states.md, states.json and pictures, for each model in its own folder.

    Args:
        run: The run folder (of published weights, what vjepa2.convert wrote); or proxy, made-up
            activations whose variable is known.
        portable_methods: Ways to find the subspace, a row each of the portability table.
        perturbed: Shifts of the clips under which the subspace is tried.
        options: What is asked.
        out: Folder of the results; RUN/states_DATA_PROTOCOL if not given.
    """
    from rich.progress import Progress

    from jepakit.evals.states.page.results_page import print_states, write_states
    from jepakit.evals.states.run_states import RunStates, StatesRequest, study_proxy
    from jepakit.evals.states.settings import StudySettings

    own = {"center": _center(options), "portable_methods": tuple(portable_methods)}
    settings = StudySettings(**shared_fields(options, StudySettings) | own)
    asked = {"study": settings, "perturbed": tuple(perturbed)}
    shared = shared_fields(options, StatesRequest) | asked
    proxy = run == "proxy"
    changes = [one for one in (options.order, options.boundary) if one not in UNCHANGED]
    name = "_".join(["states", options.data, *changes, options.protocol])
    default = Path("runs") / f"states_proxy_{options.protocol}" if proxy else Path(run) / name
    folder = Path(out) if out else default
    store = Path(options.store) if options.store else folder / "activations"
    try:
        with Progress(transient=True) as progress:
            if proxy:
                result = study_proxy(settings, progress)
            else:
                result = RunStates(Path(run), StatesRequest(**shared), store, progress).measure()
    except (ValueError, OSError) as error:
        sys.exit(f"evaluate.py states: {error}")
    print_states(result)
    print("Written:", *write_states(result, folder))  # noqa: T201


def _center(options: StatesOptions) -> Literal["mean"] | None:
    if options.center == "auto":
        return None if options.protocol == "paper" else "mean"
    return "mean" if options.center == "mean" else None
